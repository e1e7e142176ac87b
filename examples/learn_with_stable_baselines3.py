"""PPO and DQN of Stable-Baselines3, five trainings each, judged like strategies.

Needs `pip install stable-baselines3` and PyTorch, which are no part of this project's lock. The
steps here are few, so that it ends in minutes: on a random walk more would change nothing.
"""

import importlib.util
import sys

import engine as mc
from engine.environment.stable_baselines3 import to_stable_baselines3
from engine.environment.threshold_rule import threshold_rule

if importlib.util.find_spec("stable_baselines3") is None:
    print("stable-baselines3 is not installed: `pip install stable-baselines3`")
    sys.exit()

from stable_baselines3 import DQN, PPO

SOURCE = mc.RegimeSwitching(
    mu=(2.5, -2.5), sigma=(0.12, 0.12), transition=((0.98, 0.02), (0.02, 0.98))
)
MARKET = {"source": SOURCE, "features": ["return_10", "return_20"], "steps": 120}
# Rewards near one, as these algorithms want them.
REWARD = mc.NetPnl(scale=1e-3)
HELD_OUT = range(10_000, 10_060)
STEPS = 20_000


def trained(algorithm: str, seed: int) -> mc.Policy:
    """Return the policy of one training."""
    count = 16 if algorithm == "PPO" else 1
    env = mc.make_env("mes_daily", num_envs=count, autoreset="same_step", reward=REWARD, **MARKET)
    # The network is small: on one core it trains faster than it would travel to another.
    options = {"seed": seed, "device": "cpu", "verbose": 0}
    if algorithm == "PPO":
        model = PPO("MlpPolicy", to_stable_baselines3(env), n_steps=128, **options)
    else:
        model = DQN("MlpPolicy", to_stable_baselines3(env), learning_starts=500, **options)
    model.learn(STEPS)
    activation = "tanh" if algorithm == "PPO" else "relu"
    return mc.Policy.of(env, model.policy.state_dict(), activation)


for algorithm in ("PPO", "DQN"):
    policies = [trained(algorithm, seed) for seed in range(5)]
    env = mc.make_env("mes_daily", num_envs=16, **MARKET)
    # Beside buying and holding, a rule that anybody would try first.
    rules = {"follow the month": threshold_rule(env, "return_20", otherwise="short")}
    report = mc.judge_policies(env, policies, seeds=HELD_OUT, rules=rules)
    print(f"{algorithm}: {report.verdict}")
    columns = ("iqm", "ci_low", "ci_high", "advantage", "advantage_low", "advantage_high")
    print(report.table.select("name", "runs", "episodes", *columns))
    # In a study it is a strategy like any other, with its errors.
    study = mc.Study(
        f"{algorithm.lower()}_judged",
        SOURCE,
        policies[0].strategy(algorithm.lower()),
        seeds=HELD_OUT,
        steps=120,
        s0=5_000.0,
        calendar=mc.BarCalendar("CMES"),
        execution=env.unwrapped.batch.execution,
    )
    print(study.run().statistics(names=["total_return", "sharpe"]))

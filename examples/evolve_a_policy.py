"""Networks evolved without gradients on two markets: one with nothing to learn, one with trends.

Five trainings each, judged on episodes that none of them has seen, beside buying and holding and a
rule that follows the last return. The report says so where the agents have learned nothing.
"""

import engine as mc

MARKETS = {
    "a random walk": mc.GBM(mu=0.0, sigma=0.17),
    "trends that last two months": mc.RegimeSwitching(
        mu=(2.5, -2.5), sigma=(0.12, 0.12), transition=((0.98, 0.02), (0.02, 0.98))
    ),
}
FEATURES = ["return_10", "return_20"]
TRAINING, HELD_OUT = range(8), range(10_000, 10_040)
TRAININGS, GENERATIONS = 5, 6

for market, source in MARKETS.items():
    env = mc.make_env("mes_daily", num_envs=16, source=source, features=FEATURES, steps=120)
    policies = [
        mc.evolve_policy(env, seeds=TRAINING, generations=GENERATIONS, seed=seed).policy
        for seed in range(TRAININGS)
    ]
    # Long where the last twenty bars rose, short where they fell: a linear policy, too.
    rule = mc.Policy.zeros(env)
    weights = rule.weights.copy()
    long, short = 3 * FEATURES.index("return_20") + 1, 3 * FEATURES.index("return_20") + 2
    weights[long], weights[short] = 1.0, -1.0
    rules = {"follow the trend": rule.with_weights(weights)}
    report = mc.judge_policies(env, policies, seeds=HELD_OUT, rules=rules)
    print(f"{market}: {report.verdict}")
    print(report.table.select("name", "iqm", "ci_low", "ci_high", "advantage", "advantage_low"))

"""The adapter for Stable-Baselines3 says what that library asks of a vector environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.environment.stable_baselines3 import to_stable_baselines3


class VecEnv:
    """What of Stable-Baselines3's class the adapter builds on."""

    def __init__(self, num_envs: int, observation_space: Any, action_space: Any) -> None:
        self.num_envs = num_envs
        self.observation_space, self.action_space = observation_space, action_space
        self.render_modes = self.get_attr("render_mode")

    def step(self, actions: Any) -> Any:
        self.step_async(actions)
        return self.step_wait()


def made(base: type | None = VecEnv, **more: Any) -> Any:
    env = mc.make_env(
        "mes_daily", num_envs=2, features=["return_1"], steps=9, autoreset="same_step", **more
    )
    return to_stable_baselines3(env, base)


def test_an_episode_that_is_over_leaves_its_last_observation_and_why() -> None:
    adapter = made()
    adapter.seed(40)
    first = adapter.reset()
    assert first.shape == (2, *adapter.observation_space.shape)
    assert adapter.reset_infos == [{"seed": 40}, {"seed": 41}]
    for _ in range(8):
        seen, rewards, dones, infos = adapter.step(np.array([1, 2]))
    assert dones.all()
    assert rewards.dtype == np.float32
    for number, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert info["episode"]["l"] == 8
        assert info["seed"] == 42 + number
        assert info["terminal_observation"].shape == seen[0].shape
        assert (info["terminal_observation"] != seen[number]).any()
    assert adapter.env_is_wrapped(VecEnv) == [False, False]
    assert adapter.get_attr("num_envs", 1) == [2]


def test_refused_orders_are_told_to_each_environment() -> None:
    adapter = made(units=3.0)
    adapter.reset()
    _, _, _, infos = adapter.step(np.array([1, 0]))
    assert infos == [{"refused": {"position_limit": 1}}, {}]


def test_another_way_of_resetting_is_refused() -> None:
    env = mc.make_env("mes_daily", num_envs=2, features=["return_1"], steps=9)
    with pytest.raises(mc.Refusal, match="autoreset: found 'next_step', allowed 'same_step'"):
        to_stable_baselines3(env, VecEnv)


@pytest.mark.slow
def test_ppo_of_stable_baselines3_trains_on_it() -> None:
    library = pytest.importorskip("stable_baselines3", reason="needs stable-baselines3 and torch")
    model = library.PPO("MlpPolicy", made(None), n_steps=16, batch_size=16, device="cpu", seed=1)
    model.learn(64)
    env = mc.make_env("mes_daily", features=["return_1"], steps=9)
    policy = mc.Policy.of(env, model.policy.state_dict())
    seen, _ = env.reset(seed=3)
    assert policy.act(seen) == int(model.predict(seen, deterministic=True)[0])

"""Environments keep Gymnasium's contract, one by one and side by side."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import engine as mc
from engine.errors import Refusal

SMALL: dict[str, Any] = {"features": ["return_1", "rsi_3"], "steps": 12}


@pytest.mark.parametrize("actions", ["sides", "target", "orders"])
def test_gymnasium_has_nothing_to_say_of_an_environment(actions: str) -> None:
    env = mc.make_env("mes_daily", actions=actions, **SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


def test_no_observation_object_is_returned_twice() -> None:
    env = mc.make_env("mes_daily", **SMALL)
    first, _ = env.reset(seed=1)
    kept = first.copy()
    second, *_ = env.step(1)
    assert second is not first
    assert (first == kept).all()
    assert (first != second).any()


def test_gymnasium_makes_it_by_its_name() -> None:
    # The library looks whether Gymnasium is there whenever one of its names is first used.
    assert mc.__getattr__("Reward") is mc.Reward
    one = gymnasium.make("mc/Trading-v0", market="mes_daily", **SMALL)
    seen, info = one.reset(seed=9)
    many = gymnasium.make_vec("mc/Trading-v0", num_envs=2, market="mes_daily", **SMALL)
    both, _ = many.reset(seed=9)
    assert info["seed"] == 9
    assert (both[0] == seen).all()


def test_side_by_side_is_as_one_by_one() -> None:
    count = 5
    actions = np.random.default_rng(4).integers(0, 3, (11, count))
    many = mc.make_env("mes_daily", num_envs=count, **SMALL)
    many.reset(seed=20)
    ones = [mc.make_env("mes_daily", **SMALL) for _ in range(count)]
    for number, env in enumerate(ones):
        env.reset(seed=20 + number)
    for row in actions:
        seen, rewards, terminations, truncations, _ = many.step(row)
        for number, env in enumerate(ones):
            own, reward, terminated, truncated, _ = env.step(row[number])
            assert (own == seen[number]).all()
            assert reward == rewards[number]
            assert (terminated, truncated) == (terminations[number], truncations[number])
    assert truncations.all()


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_an_episode_that_is_over_gives_way_as_the_mode_declares(mode: str) -> None:
    env = mc.make_env("mes_daily", num_envs=2, autoreset=mode, **SMALL)
    assert env.metadata["autoreset_mode"] == AutoresetMode[mode.upper()]
    env.reset(seed=100)
    for _ in range(11):
        seen, _, _, truncations, infos = env.step([1, 2])
    assert truncations.all()
    if mode == "same_step":
        assert infos["final_obs"][0].shape == seen[0].shape
        assert (infos["final_info"]["episode"]["l"] == 11).all()
        assert infos["seed"].tolist() == [102, 103]
    else:
        assert (infos["episode"]["seed"] == [100, 101]).all()
    if mode == "next_step":
        _, rewards, _, truncations, infos = env.step([0, 0])
        assert rewards.tolist() == [0.0, 0.0]
        assert not truncations.any()
        assert infos["seed"].tolist() == [102, 103]
    if mode == "disabled":
        with pytest.raises(mc.Refusal, match="whose episode is over"):
            env.step([0, 0])
        only_second = {"reset_mask": np.array([False, True])}
        _, infos = env.reset(seed=[0, 7], options=only_second)
        assert infos["_seed"].tolist() == [False, True]
        assert infos["seed"][1] == 7


def test_a_step_of_many_at_full_speed_is_the_step_of_many() -> None:
    env = mc.make_env("mes_daily", num_envs=3, autoreset="disabled", **SMALL)
    actions = np.random.default_rng(1).integers(0, 3, (11, 3))
    env.reset(seed=1)
    slow = [[part.copy() for part in env.step(row)[:4]] for row in actions]
    env.reset(seed=1)
    for row, expected in zip(actions, slow, strict=True):
        for found, part in zip(env.step_batch(row), expected, strict=True):
            assert np.array_equal(found, part)


def test_seeds_go_on_and_are_the_same_in_another_process_which_loads_gymnasium_late() -> None:
    env = mc.make_env("mes_daily", seeds=[4, 8, 15], **SMALL)
    assert [env.reset()[1]["seed"] for _ in range(4)] == [4, 8, 15, 4]
    free = mc.make_env("mes_daily", **SMALL)
    assert [free.reset(seed=30)[1]["seed"], free.reset()[1]["seed"]] == [30, 31]
    text = (
        "import engine as mc, sys; mc.Reward; assert 'gymnasium' not in sys.modules; "
        "env = mc.make_env('mes_daily', features=['return_1', 'rsi_3'], "
        "steps=12); seen = env.reset(seed=30)[0]; print(seen.tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == free.reset(seed=30)[0].tobytes().hex()


def test_an_account_at_ruin_terminates() -> None:
    env = mc.make_env("mes_intraday", ruin=0.999, steps=400, features=["close"])
    env.reset(seed=2)
    terminated = truncated = False
    steps = 0
    while not (terminated or truncated):
        _, _, terminated, truncated, info = env.step(1 + steps % 2)
        steps += 1
    assert terminated
    assert not truncated
    assert env.equity <= 9_990.0
    assert info["episode"]["net_pnl"] == env.equity - 10_000.0
    with pytest.raises(mc.Refusal, match="an episode that is over"):
        env.step(0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seeds": "abc"}, "seeds: found 'abc', allowed whole numbers"),
        ({"seeds": [1.5]}, r"seeds: found \[1.5\], allowed whole numbers"),
        ({"seeds": 7}, "seeds: found 7, allowed whole numbers"),
        ({"normalise": 3}, "normalise: found 3, allowed true, false, or that of an environment"),
        ({"autoreset": "never"}, "autoreset: found 'never', allowed next_step, same_step, disab"),
        ({"execution": 3}, "execution: found 3, allowed an Execution, or settings by name"),
        ({"execution": {"cash": -1}}, "execution.cash: found -1, allowed greater than or equal"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mc.Refusal, match=sentence):
        mc.make_env("mes_daily", steps=20, features=["close"], **settings)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("num_envs", [None, 2])
def test_a_copy_has_its_own_memory_and_goes_on_with_the_seeds(copied: Any, num_envs: Any) -> None:
    env = mc.make_env("mes_daily", num_envs=num_envs, **SMALL)
    action = 1 if num_envs is None else np.ones(num_envs, dtype=np.int64)
    env.reset(seed=3)
    seen, *_ = env.step(action)
    copied_env = copied(env)
    with pytest.raises(Refusal, match="call `reset`"):
        copied_env.step(action)
    # What the one does moves nothing of the other.
    copied_env.reset(seed=70)
    copied_env.step(action)
    assert (env.step(action)[0] == _third(env.batch.settings.market, num_envs, action)).all()
    mine, theirs = env.reset()[1], copied(env).reset()[1]
    assert np.all(mine["seed"] + env.batch.count == theirs["seed"])
    assert (env.reset(seed=3)[0] == copied_env.reset(seed=3)[0]).all()
    assert (env.step(action)[0] == seen).all()
    assert (copied_env.step(action)[0] == seen).all()


def _third(market: str, num_envs: int | None, action: Any) -> Any:
    env = mc.make_env(market, num_envs=num_envs, **SMALL)
    env.reset(seed=3)
    env.step(action)
    return env.step(action)[0]


def test_a_reset_by_a_seed_leaves_each_environment_its_place_in_the_seeds() -> None:
    env = mc.make_env("mes_daily", num_envs=4, seeds=range(100, 110), **SMALL)
    assert env.reset(seed=0)[1]["seed"].tolist() == [0, 1, 2, 3]
    gone_through = [env.reset()[1]["seed"].tolist() for _ in range(3)]
    assert gone_through == [[100, 101, 102, 103], [104, 105, 106, 107], [108, 109, 100, 101]]

"""Rewards come to what their formulas say, computed anew in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.statistics.performance import sharpe_ratio
from engine.strategies import StrategyError
from tests.engine.environment.following import FollowSides, batch_of, followed

BARS = 120


class Patient(mc.Reward):
    """Net P&L, less what a bar without a position costs."""

    idle = 0.5

    @staticmethod
    def step(now, weights, memory):
        return now.pnl - weights.idle * now.idle


class Careless(mc.Reward):
    """Reads beyond its memory."""

    @staticmethod
    def step(now, weights, memory):
        return memory[int(now.start)]


class Infinite(mc.Reward):
    """Returns what is no number to learn from."""

    @staticmethod
    def step(now, weights, memory):
        return np.inf


class Unknown(mc.Reward):
    """Asks for what a step does not have."""

    @staticmethod
    def step(now, weights, memory):
        return now.nothing


def episode(reward: Any, **settings: Any) -> tuple[list[float], np.ndarray, Any, list[int]]:
    """Rewards of an episode of random sides, equity with the start before it, the environment."""
    env = mc.make_env(
        "mes_intraday", reward=reward, features=["close"], warm_up=0, steps=BARS, **settings
    )
    env.reset(seed=6)
    actions = np.random.default_rng(2).integers(0, 3, BARS - 1).tolist()
    rewards, equity = [], [env.equity]
    for action in actions:
        _, reward_, _, _, info = env.step(action)
        rewards.append(reward_)
        equity.append(env.equity)
    return rewards, np.array(equity), info, actions


def test_net_pnl_is_the_change_of_equity_times_its_scale() -> None:
    rewards, equity, info, _ = episode(mc.NetPnl(scale=0.5))
    assert rewards == (0.5 * np.diff(equity)).tolist()
    assert info["episode"]["r"] == pytest.approx(sum(rewards), rel=1e-12)


def test_a_step_is_charged_its_costs_once_and_its_penalties() -> None:
    batch = batch_of("mes_intraday", steps=BARS, reward=mc.StepReward(risk=2.0, idle=3.0))
    batch.reset(np.zeros(1, dtype=np.int64), [6])
    actions = np.random.default_rng(2).integers(0, 3, BARS - 1)
    _, metrics = followed(batch, FollowSides, {"action": actions}, 6)
    gross = paid = slipped = held = 0.0
    rewards = []
    for action in actions:
        before = batch.arrays.kept[0, 0]
        batch.arrays.actions[0] = action
        batch.step()
        now = batch.arrays.now[0]
        pnl = batch.arrays.kept[0, 0] - before
        units = abs(batch.arrays.held[0, 0])
        gross, paid, slipped = gross + now[1], paid + now[2], slipped + now[3]
        held += units
        # One contract is the limit.
        assert batch.arrays.rewards[0] == pytest.approx(pnl - 2.0 * units - 3.0 * (units == 0.0))
        rewards.append(batch.arrays.rewards[0])
    assert paid == pytest.approx(metrics["commission"])
    assert slipped == pytest.approx(metrics["slippage"])
    assert gross - paid - slipped == pytest.approx(metrics["net_pnl"])
    penalties = batch.penalties_of(0)
    assert penalties["risk"] == pytest.approx(2.0 * held)
    assert sum(rewards) == pytest.approx(metrics["net_pnl"] - sum(penalties.values()))


def test_what_the_engine_refuses_is_told_and_costs_what_the_weight_says() -> None:
    env = mc.make_env("mes_daily", features=["close"], warm_up=0, steps=9, units=3.0, reward="step")
    env.reset(seed=1)  # the position limit is one contract
    _, reward, _, _, info = env.step(1)
    assert info == {"refused": {"position_limit": 1}}
    assert reward == -1000.0 - 0.01


def test_an_episode_is_scored_at_its_end() -> None:
    rewards, equity, info, actions = episode("episode")
    assert rewards[:-1] == [0.0] * (BARS - 2)
    told = info["episode"]
    changes = np.diff(equity) / equity[:-1]
    # The bar before the first action counts as one without a return.
    changes = np.concatenate([[0.0], changes])
    years = batch_of("mes_intraday", steps=BARS).episodes.bars_per_year
    sharpe = sharpe_ratio(changes, years)
    assert told["sharpe"] == pytest.approx(sharpe, rel=1e-9)
    falls = np.maximum.accumulate(equity) - equity
    share = np.bincount(actions, minlength=3) / len(actions)
    diversity = -(share * np.log(share)).sum() / np.log(3)
    metrics = told["metrics"]
    assert told["diversity"] == pytest.approx(diversity, rel=1e-9)
    assert told["max_drawdown"] == pytest.approx(falls.max(), rel=1e-12)
    expected = 10.0 * sharpe + (equity[-1] - equity[0]) - 5.0 * falls.max()
    expected += -2.0 * metrics["max_consecutive_losses"] + 0.5 * metrics["profit_factor"]
    expected += 0.3 * metrics["win_rate"] + 0.2 * diversity
    assert rewards[-1] == pytest.approx(expected, rel=1e-9)


def test_changes_of_the_sharpe_ratio_sum_to_the_ratio_of_the_episode() -> None:
    rewards, equity, _, _ = episode(mc.DifferentialSharpe(rate=0.05))
    first = second = 0.0
    for change in np.diff(equity) / equity[:-1]:
        first, second = first + 0.05 * (change - first), second + 0.05 * (change**2 - second)
    assert 0.05 * sum(rewards) == pytest.approx(first / np.sqrt(second - first**2), rel=1e-9)


def test_changes_of_the_sharpe_ratio_are_the_papers_derivative_where_its_moments_move_slowly() -> (
    None
):
    rate = 1e-5
    rewards, equity, _, _ = episode(mc.DifferentialSharpe(rate=rate))
    first = second = 0.0
    compared = 0
    for place, change in enumerate(np.diff(equity) / equity[:-1]):
        up_1, up_2 = change - first, change**2 - second
        if place > 100:
            derivative = (second * up_1 - 0.5 * first * up_2) / (second - first**2) ** 1.5
            assert rewards[place] == pytest.approx(derivative, rel=0.05, abs=1.0)
            compared += 1
        first, second = first + rate * up_1, second + rate * up_2
    assert compared > 10


def test_a_small_return_after_an_idle_stretch_does_not_outweigh_the_episode() -> None:
    env = mc.make_env("mes_daily", reward="differential_sharpe", features=["close"], steps=60)
    env.reset(seed=1)
    actions = [0] * 20 + [1] * 38
    rewards = [env.step(action)[1] for action in actions]
    # A lone return moves the ratio by the square root of its weight at most.
    assert 0.0 < max(map(abs, rewards)) < 3.0 / np.sqrt(0.01)


def test_the_drawdown_penalty_sums_to_the_maximum_drawdown() -> None:
    rewards, equity, info, _ = episode(mc.DrawdownPenalised(drawdown=0.5))
    fall = (np.maximum.accumulate(equity) - equity).max()
    assert sum(rewards) == pytest.approx(equity[-1] - equity[0] - 0.5 * fall, rel=1e-9)
    assert info["reward"]["drawdown"] == pytest.approx(0.5 * fall)


def test_a_reward_of_ones_own_takes_ten_lines() -> None:
    rewards, equity, _, _ = episode(Patient(idle=2.0))
    idle = np.diff(equity) - np.array(rewards)
    assert set(np.round(idle, 9)) == {0.0, 2.0}


def test_a_reward_that_cannot_be_is_refused_or_fails_in_one_sentence() -> None:
    with pytest.raises(mc.Refusal, match="reward StepReward: found weight speed, allowed comm"):
        mc.StepReward(speed=1.0)
    with pytest.raises(mc.Refusal, match=r"NetPnl\.scale: found nan, allowed a finite number"):
        mc.NetPnl(scale=float("nan"))
    with pytest.raises(mc.Refusal, match=r"Bound\.step: found no static method"):
        type("Bound", (mc.Reward,), {"step": lambda self, now, weights, memory: 0.0})
    for reward in (Careless(), Infinite()):
        name = type(reward).__name__
        with pytest.raises(
            ValueError, match=f"reward {name} raised an exception, or returned no fin"
        ):
            episode(reward)
    with pytest.raises(
        StrategyError, match=r"test_rewards.py, line \d+: found attribute `nothing`"
    ):
        episode(Unknown())

"""For the same actions an environment's account is that of a simulation, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as mc
from tests.engine.environment.following import (
    FollowOrders,
    FollowSides,
    batch_of,
    followed,
    stepped,
)

BARS = 40


class Rhythm(mc.Strategy):
    """Long, short and flat by the number of the bar."""

    sent = 0.0

    def on_bar(self, bar, order, account):
        order.cancel(self.sent)
        beat = bar.index * 7 % 5
        wanted = 0.0 if beat < 2 else 1.0 if beat < 4 else -1.0
        if account.position != wanted:
            self.sent = order.target(wanted)


def rhythm(bars: int) -> list[int]:
    beats = [bar * 7 % 5 for bar in range(bars)]
    return [0 if beat < 2 else 1 if beat < 4 else 2 for beat in beats]


@pytest.mark.parametrize("market", ["mes_daily", "mes_intraday"])
def test_seed_s_is_the_path_of_study_seed_s_and_equity_is_that_of_the_study(market: str) -> None:
    env = mc.make_env(market, steps=300)
    batch = env.batch
    study = mc.Study(
        "same",
        batch.episodes.source,
        Rhythm,
        seeds=[5, 11],
        steps=300,
        s0=5_000.0,
        calendar=batch.episodes.calendar,
        execution=batch.execution,
        bars="ohlc",
    )
    results = study.run(workers=1)
    for place, seed in enumerate((5, 11)):
        replay = results.simulation(place)
        assert replay.seed == seed
        env.reset(seed=seed)
        equity = []
        for action in rhythm(299):
            env.step(action)
            equity.append(env.equity)
        assert equity == replay.equity[1:].tolist()
        assert len(set(equity)) > 100


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    actions=st.lists(st.integers(0, 2), min_size=BARS - 1, max_size=BARS - 1),
    seed=st.integers(0, 2**64 - 1),
    changes=st.sampled_from(
        [
            {},
            {"fill": "same_close"},
            {"flat_at": "close"},
            {"at_end": "close"},
            {"cash": 2_600.0, "stop_loss": 0.004},
            {"position_limit": 0.5},
            {"instrument": {"preset": "MES", "shortable": False}},
        ]
    ),
)
def test_any_sides_taken_give_the_equity_of_a_strategy_that_takes_them(
    actions: list[int], seed: int, changes: dict[str, Any]
) -> None:
    batch = batch_of("mes_intraday", steps=BARS, execution=changes, reward="step", units=1.0)
    equity, rewards = stepped(batch, actions, seed)
    curve, metrics = followed(batch, FollowSides, {"action": actions}, seed)
    if "fill" not in changes:
        assert equity == curve[1 : len(equity) + 1].tolist()
    if len(equity) == BARS - 1:
        # Of fills at the very close the curve holds the fill, the agent saw the account before it.
        assert batch.simulations.simulation(0).curve.tolist() == curve.tolist()
    # The rewards come to net P&L less the penalties that they name.
    penalties = batch.penalties_of(0)
    assert set(penalties) == {"risk", "margin_call", "limit_violation", "idle"}
    net = equity[-1] - batch.execution.cash
    assert sum(rewards) == pytest.approx(net - sum(penalties.values()), abs=1e-6)
    if len(equity) == BARS - 1:
        told = batch.episode_of(0)
        assert told["metrics"]["net_pnl"] == metrics["net_pnl"]
        assert penalties["limit_violation"] == 1000.0 * metrics["rejected_orders"]
        assert penalties["margin_call"] == 1000.0 * metrics["margin_calls"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    actions=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 9)),
        min_size=BARS - 1,
        max_size=BARS - 1,
    ),
    seed=st.integers(0, 10**6),
)
def test_any_orders_placed_give_the_equity_of_a_strategy_that_places_them(
    actions: list[tuple[int, int, int]], seed: int
) -> None:
    batch = batch_of("mes_intraday", steps=BARS, actions="orders")
    equity, _ = stepped(batch, actions, seed)
    kinds, sides, distances = zip(*actions, strict=True)
    columns = {"action": kinds, "side": sides, "far": distances}
    curve, _ = followed(batch, FollowOrders, columns, seed)
    assert equity == curve[1 : len(equity) + 1].tolist()


def test_targets_go_to_the_nearest_lot_and_are_ordered_once() -> None:
    batch = batch_of("equity", actions="target", steps=30, units=10.0)
    held = []
    batch.reset(np.zeros(1, dtype=np.int64), [3])
    for target in (0.04, 0.05, 0.251, 0.249, -1.0, -1.0, 1.0):
        batch.arrays.actions[0] = target
        batch.step()
        held.append(batch.arrays.held[0, 0])
    assert held == [0.0, 1.0, 3.0, 2.0, -10.0, -10.0, 10.0]
    assert batch.arrays.now[0, 4] == 2.0  # how far the position moved, as a share of its limit


def hourly(count: int) -> mc.Bars:
    """Hourly bars of the sessions of index futures, in winter."""
    hours = np.arange(np.datetime64("2024-01-07T23", "h"), np.datetime64("2024-03-01T00", "h"))
    local = hours.astype(np.int64) - 6
    hour, weekday = local % 24, (local // 24 + 3) % 7
    shut = (hour == 16) | (weekday == 5) | ((weekday == 4) & (hour > 16))
    shut |= (weekday == 6) & (hour < 17)
    stamps = hours[~shut][:count].astype("datetime64[us]").astype(np.int64)
    block = mc.GBM(sigma=0.2).paths(seeds=[3], steps=count, s0=5_000.0)
    columns = (block.field(name)[0] for name in block.fields)
    return mc.Bars("MES", stamps, *columns, calendar=mc.BarCalendar("CMES", "1h"))


@pytest.mark.parametrize(("seed", "flat_at"), [(1, "never"), (2, "close")])
def test_an_episode_on_history_is_a_backtest_of_its_bars(seed: int, flat_at: str) -> None:
    bars = hourly(600)
    env = mc.make_env(
        "mes_intraday",
        source=mc.Historical(bars),
        features=["return_1"],
        start="random",
        episode=100,
        execution={
            "instrument": {"preset": "MES", "session": "published"},
            "commission": {"per_unit": 1.0},
            "flat_at": flat_at,
        },
    )
    _, info = env.reset(seed=seed)
    first, trading, last = info["window"].tolist()
    actions = np.random.default_rng(seed).integers(0, 3, last - trading).tolist()
    for action in actions:
        *_, truncated, _ = env.step(action)
    assert truncated
    seen = bars[first : last + 1]
    column = np.full(len(seen), 3.0)
    column[trading - first : -1] = actions
    done = mc.backtest(
        FollowSides,
        seen.with_columns({"action": column}),
        execution=env.batch.execution,
        warm_up=trading - first,
    )
    curve = env.batch.simulations.simulation(0).curve
    assert curve.tolist() == done.equity.tolist()
    assert len(set(curve.tolist())) > 50
    # It ends inside a session, which is not over with it.
    assert done.open_orders.height + abs(done.positions["MES"]) > 0.0

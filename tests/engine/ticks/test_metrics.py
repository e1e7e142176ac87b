"""Metrics of trading on ticks, against the fills and the feed that they follow from."""

from __future__ import annotations

import numpy as np
import pytest

import engine as mc
from engine.ticks.layout import MOST_MARKS
from tests.engine.ticks.strategies import Busy
from tests.engine.ticks.test_twin import made_feed

_TERMS = {"tick": 0.1, "lot": 0.01, "maker_fee": -1e-4, "taker_fee": 5e-4}


def _mids(feed: dict[str, np.ndarray], stamps: np.ndarray, side: str) -> np.ndarray:
    """Return the middle of the touch before, or up to and with, some times."""
    place = np.searchsorted(feed["stamps"], stamps, side=side) - 1
    return 0.5 * (feed["bid_price"] + feed["ask_price"])[place]


def test_the_group_ticks_follows_from_fills_and_feed() -> None:
    feed = made_feed(5, events=20_000)
    whole = ~np.isnan(feed["bid_price"])
    feed = {name: values[whole] for name, values in feed.items()}
    # No two events at one time, so that what stood before a fill is known by its time.
    feed["stamps"] = feed["stamps"] + np.arange(len(feed["stamps"]))
    found = mc.backtest_ticks(
        Busy, mc.ArrayTicks(**feed), settings=_TERMS | {"latency": {"entry": "1ns"}}
    )
    fills, metrics = found.fills, found.metrics
    assert metrics["fills"] == len(fills) > 500
    units, price = fills["units"].to_numpy(), fills["price"].to_numpy()
    stamps = fills["stamp"].to_numpy()
    assert metrics["maker_share"] == pytest.approx(
        np.abs(units[fills["maker"].to_numpy()]).sum() / np.abs(units).sum()
    )
    mid = _mids(feed, stamps, "left")
    assert metrics["spread_earned"] == pytest.approx((units * (mid - price)).sum(), rel=1e-9)
    end = feed["stamps"][-1]
    for name, seconds in (("adverse_1s", 1), ("adverse_10s", 10), ("adverse_1m", 60)):
        later = stamps + seconds * 10**9
        known = later <= end
        moved = _mids(feed, later[known], "left") - mid[known]
        expected = -(units[known] * moved).sum() / np.abs(units[known]).sum()
        assert metrics[name] == pytest.approx(expected, abs=1e-9), name
    held = np.abs(fills["position"].to_numpy())
    lasts = np.diff(np.append(stamps, end))
    elapsed = end - feed["stamps"][0]
    assert metrics["mean_inventory"] == pytest.approx((held * lasts).sum() / elapsed, rel=1e-9)
    assert metrics["max_inventory"] == held.max()
    assert metrics["events"] == pytest.approx(len(feed["stamps"]), abs=1)


def test_equity_is_marked_at_equal_times_before_the_events_that_come_later() -> None:
    feed = made_feed(9, events=2_000)
    found = mc.backtest_ticks(Busy, mc.ArrayTicks(**feed), settings=_TERMS)
    stamps = found.equity["stamp"].to_numpy()
    assert (np.diff(stamps[:-1]) == 10**9).all()
    assert stamps[0] == feed["stamps"][0] + 10**9
    assert stamps[-1] == feed["stamps"][-1]
    assert found.metrics["final_equity"] == found.equity["equity"][-1]


def test_marks_that_are_full_are_halved_and_their_interval_doubles() -> None:
    count = 3 * MOST_MARKS
    stamps = 10**9 * np.arange(count)
    bid = 10.0 + 0.1 * (np.arange(count) % 7)
    ticks = mc.ArrayTicks(stamps, bid, bid + 0.1, np.full(count, 5.0), np.full(count, 5.0))

    class Buys(mc.Strategy):
        sent = False

        def on_tick(self, tick, order):
            if not self.sent:
                order.market(1.0)
                self.sent = True

    found = mc.backtest_ticks(Buys, ticks)
    marks = found.equity["stamp"].to_numpy()[:-1]
    assert (marks == 4 * 10**9 * np.arange(1, len(marks) + 1)).all()
    # The touch as it stood before the event of that very time.
    worth = 100_000.0 - 10.1 + bid[marks // 10**9 - 1]
    np.testing.assert_allclose(found.equity["equity"].to_numpy()[:-1], worth, rtol=1e-12)


def test_ratios_by_time_are_those_of_the_marks() -> None:
    feed = made_feed(2, events=3_000)
    found = mc.backtest_ticks(Busy, mc.ArrayTicks(**feed), settings=_TERMS)
    equity = np.append(100_000.0, found.equity["equity"].to_numpy())
    returns = equity[1:] / equity[:-1] - 1.0
    years = (feed["stamps"][-1] - feed["stamps"][0]) / 1e9 / 86_400 / 365.25
    per_year = len(returns) / years
    sharpe = returns.mean() / returns.std(ddof=1) * np.sqrt(per_year)
    assert found.metrics["sharpe"] == pytest.approx(sharpe, rel=1e-9)
    peak = np.maximum.accumulate(equity)
    assert found.metrics["max_drawdown"] == pytest.approx((equity / peak - 1).min(), rel=1e-9)
    assert found.metrics["trades"] == (found.fills["pnl"] != 0).sum()

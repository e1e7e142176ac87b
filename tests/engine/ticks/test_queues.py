"""Where an order stands in its queue, on files of twenty events with the answers worked by hand.

Each file is a bid of 10.0 and an ask of 10.1, times a second apart. The strategy sends one order to
buy 2 at 10.0 when it hears of the first event; sizes at the bid, trades and moves of the touch
follow. What the tables say of the queue is worked by hand: `ahead` after each event.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc

_SECOND = 1_000_000_000


class One(mc.Strategy):
    """Sends one order to buy 2 at 10.0 with the first event."""

    sent = False

    def on_tick(self, tick, order, account):
        if not self.sent:
            order.limit(2.0, 10.0)
            self.sent = True


def _file(rows: list[tuple[float, float, float]]) -> mc.ArrayTicks:
    """Return the stream of rows of bid, its size, and units that a seller then took there."""
    bid, size, sold = (np.array(column) for column in zip(*rows, strict=True))
    trades = sold > 0
    count = len(rows)
    return mc.ArrayTicks(
        _SECOND * np.arange(1, count + 1),
        bid,
        np.full(count, 10.1),
        size,
        np.full(count, 9.0),
        trade_price=np.where(trades, 10.0, np.nan),
        trade_size=np.where(trades, sold, np.nan),
        trade_side=np.where(trades, -1, 0),
    )


# bid, size displayed after the event, units that a seller took at 10.0 in it.
STAYS = [
    *[(10.0, 8.0, 0.0)] * 2,  # the order arrives behind 8
    (10.0, 9.0, 0.0),  # one joins behind it: 8 ahead
    (10.0, 7.0, 0.0),  # two leave: 7 displayed are at most 7 ahead
    (10.0, 7.0, 0.0),
    (10.0, 4.0, 3.0),  # a trade of 3: 4 ahead, and the touch shows it: no second time
    (10.0, 4.0, 0.0),
    (10.0, 6.0, 0.0),  # two join: still 4
    (10.0, 6.0, 0.0),
    (10.0, 2.0, 4.0),  # a trade of 4: nobody is ahead, and nothing is left of the trade
    (10.0, 2.0, 0.0),
    (10.0, 1.5, 0.5),  # a trade of 0.5 fills 0.5 of the 2
    (10.0, 1.5, 0.0),
    (10.0, 5.0, 0.0),
    (10.0, 4.0, 1.0),  # fills 1
    (10.0, 4.0, 0.0),
    (10.0, 3.0, 1.0),  # fills the last 0.5; the trade's other 0.5 is somebody else's
    *[(10.0, 3.0, 0.0)] * 3,
]
LEAVES = [
    *[(10.0, 8.0, 0.0)] * 2,  # behind 8
    (10.0, 5.0, 3.0),  # 5 ahead
    *[(10.05, 4.0, 0.0)] * 4,  # the touch is above it: what stands at 10.0 is not displayed
    (10.0, 6.0, 0.0),  # it is back, and 6 are shown
    *[(10.0, 6.0, 0.0)] * 2,
    (10.0, 5.0, 1.0),
    *[(10.0, 5.0, 0.0)] * 2,
    (10.0, 1.0, 4.0),
    *[(10.0, 1.0, 0.0)] * 2,
    (10.0, 0.5, 2.0),
    *[(10.0, 0.5, 0.0)] * 3,
]
CANCELS = [
    *[(10.0, 6.0, 0.0)] * 2,  # behind 6
    (10.0, 12.0, 0.0),  # 6 join behind: 6 ahead, 6 behind
    *[(10.0, 12.0, 0.0)] * 3,
    (10.0, 8.0, 0.0),  # 4 are cancelled
    *[(10.0, 8.0, 0.0)] * 3,
    (10.0, 3.5, 4.5),  # a trade of 4.5
    *[(10.0, 3.5, 0.0)] * 9,
]
assert len(STAYS) == len(LEAVES) == len(CANCELS) == 20


def _fills(rows: Any, queue: str, **terms: Any) -> list[tuple[int, float]]:
    """Return (number of the event, units) of each fill."""
    told = {"queue": queue, "tick": 0.05, "lot": 0.01, **terms}
    fills = mc.backtest_ticks(One, _file(rows), settings=told).fills
    assert fills["maker"].all()
    assert (fills["price"] == 10.0).all()
    return [
        (stamp // _SECOND - 1, units) for stamp, units in fills.select("stamp", "units").iter_rows()
    ]


@pytest.mark.parametrize("queue", ["pessimistic", "risk_averse"])
def test_trades_and_a_smaller_display_move_an_order_and_are_not_counted_twice(queue: str) -> None:
    assert _fills(STAYS, queue) == [(11, 0.5), (14, 1.0), (16, 0.5)]


def test_an_order_that_fills_whole_does_so_when_a_trade_reaches_it() -> None:
    assert _fills(STAYS, "pessimistic", partial_fills=False) == [(11, 2.0)]


def test_behind_the_touch_an_order_is_last_when_the_touch_comes_back() -> None:
    # 6 ahead, less 1, less 4; the trade of 2 leaves 1 for the order.
    assert _fills(LEAVES, "pessimistic") == [(16, 1.0)]


def test_the_risk_averse_model_comes_back_first() -> None:
    assert _fills(LEAVES, "risk_averse") == [(10, 1.0), (13, 1.0)]


def test_by_power_and_logarithm_what_is_cancelled_stood_ahead_by_its_share() -> None:
    # Pessimistic: of 8 displayed 6 are ahead, and 4.5 do not reach the order.
    assert _fills(CANCELS, "pessimistic") == []
    # 6 ahead, 6 behind: half of the 4 cancelled stood ahead by either rule. 4 are left.
    assert _fills(CANCELS, "power") == [(10, 0.5)]
    assert _fills(CANCELS, "log_probability") == [(10, 0.5)]


def test_power_and_logarithm_differ_where_the_order_is_not_in_the_middle() -> None:
    # 2 ahead, 6 behind, 4 cancelled. By cubes 8 / (8 + 216) of them stood ahead: 0.142857; by
    # logarithms log 3 / (log 3 + log 7): 1.443. A trade of 2 then leaves the rest to the order.
    rows = [
        *[(10.0, 2.0, 0.0)] * 2,
        *[(10.0, 8.0, 0.0)] * 2,
        (10.0, 4.0, 0.0),
        (10.0, 2.0, 2.0),
        (10.0, 2.0, 0.0),
    ]
    exact = {"lot": 1e-9}
    ((event, units),) = _fills(rows, "power", **exact)
    assert (event, units) == (5, pytest.approx(4 * 8 / 224, abs=1e-8))
    ((event, units),) = _fills(rows, "log_probability", **exact)
    share = np.log(3) / (np.log(3) + np.log(7))
    assert (event, units) == (5, pytest.approx(4 * share, abs=1e-8))


def test_the_seed_draws_where_those_stood_who_cancel() -> None:
    terms = {"queue": "drawn", "tick": 0.05, "lot": 0.01}
    seeds, filled = 300, 0
    for seed in range(seeds):
        fills = mc.backtest_ticks(One, _file(CANCELS), settings=terms, seed=seed).fills
        # Of 6 ahead and 6 behind 4 cancel: from 2 ahead the trade of 4.5 fills all, from 6 nothing.
        assert fills["units"].to_list() in ([2.0], [])
        filled += fills.height
    assert abs(filled / seeds - 0.5) < 4 * np.sqrt(0.25 / seeds)


def test_the_seed_draws_the_place_of_an_order_to_which_the_touch_comes_back() -> None:
    rows = [*[(10.0, 8.0, 0.0)] * 2, (10.05, 4.0, 0.0), (10.0, 6.0, 0.0), (10.0, 3.0, 3.0)]
    terms = {"queue": "drawn", "tick": 0.05, "lot": 0.01}
    seeds = 300
    units = np.array(
        [
            mc.backtest_ticks(One, _file(rows), settings=terms, seed=seed).fills["units"].sum()
            for seed in range(seeds)
        ]
    )
    # Of 6 displayed u * 6 are ahead, and the trade of 3 leaves it 3 - u * 6, at most its 2.
    assert abs(units.mean() - (2.0 / 6 + 1.0 / 3)) < 4 * units.std() / np.sqrt(seeds)


def test_a_trade_through_the_price_and_a_crossing_ask_fill_all_of_it() -> None:
    quiet = [(10.0, 8.0, 0.0)] * 5
    ticks = _file(quiet).whole
    price = np.array([np.nan, np.nan, 9.95, np.nan, np.nan])
    size = np.where(np.isnan(price), np.nan, 0.01)
    base = (ticks.stamps, ticks.bid_price, ticks.ask_price, ticks.bid_size, ticks.ask_size)
    through = mc.ArrayTicks(
        *base, trade_price=price, trade_size=size, trade_side=np.where(np.isnan(price), 0, -1)
    )
    terms = {"tick": 0.05, "lot": 0.01}
    found = mc.backtest_ticks(One, through, settings=terms).fills
    assert found.select("stamp", "units", "price").rows() == [(3 * _SECOND, 2.0, 10.0)]
    ask = np.array([10.1, 10.1, 10.1, 10.0, 10.1])
    crossing = mc.ArrayTicks(base[0], base[1] - 0.05 * (ask < 10.1), ask, base[3], base[4])
    found = mc.backtest_ticks(One, crossing, settings=terms).fills
    assert found.select("stamp", "units", "price").rows() == [(4 * _SECOND, 2.0, 10.0)]


class Two(mc.Strategy):
    """Sends two orders at one price."""

    sent = False

    def on_tick(self, tick, order, account):
        if not self.sent:
            order.limit(1.0, 10.0)
            order.limit(1.0, 10.0)
            self.sent = True


def test_one_trade_does_not_fill_two_own_orders_with_the_same_units() -> None:
    rows = [*[(10.0, 3.0, 0.0)] * 2, (10.0, 0.5, 4.5), (10.0, 0.5, 0.0)]
    fills = mc.backtest_ticks(Two, _file(rows), settings={"tick": 0.05, "lot": 0.01}).fills
    # 3 are ahead of the first, 4 of the second: of 4.5 the first gets 1, the second 0.5.
    assert fills.select("order", "units").rows() == [(1, 1.0), (2, 0.5)]

"""Orders that fill at the very close at which they are placed, or at the next session's open."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.strategies import Choice, Float, Int, Strategy, backtest

SAME = {"fill": "same_close"}


class Sends(Strategy):
    """Sends one order after bar 1; with `held` it has bought before."""

    how = Choice(
        "stop",
        [
            *("stop", "limit", "stop_limit", "exit", "bracket", "close", "close_now", "target"),
            *("ioc", "open", "percent"),
        ],
    )
    units = Float(10.0)
    held = Float(0.0)
    price = Float(100.0)
    limit = Float(100.0)
    at = Int(1)

    def on_bar(self, bar, order):
        if bar.index == 0 and self.held != 0.0:
            order.market(self.held)
        if bar.index == self.at:
            if self.how == "stop":
                order.stop(self.units, self.price)
            elif self.how == "limit":
                order.limit(self.units, self.price)
            elif self.how == "stop_limit":
                order.stop_limit(self.units, stop=self.price, limit=self.limit)
            elif self.how == "exit":
                take = self.limit if self.limit > 0.0 else bar.close[9]
                order.exit(take_profit=take, stop_loss=self.price)
            elif self.how == "bracket":
                order.market(self.units, stop_loss=self.price, take_profit=self.limit)
            elif self.how == "close":
                order.close()
            elif self.how == "close_now":
                order.close(now=True)
            elif self.how == "target":
                order.target(self.units, limit=self.price)
            elif self.how == "percent":
                order.target_percent(0.5, stop=self.price)
            elif self.how == "ioc":
                order.limit(self.units, self.price, tif="ioc")
            elif self.how == "open":
                order.market_on_open(self.units)


# Bar 1 closes at 104; bar 2 opens at 106.
ROWS = [
    (100.0, 101.0, 99.0, 100.0),
    (100.0, 105.0, 98.0, 104.0),
    (106.0, 107.0, 101.0, 102.0),
    (102.0, 103.0, 97.0, 98.0),
]


@pytest.fixture
def fills(make_bars):
    def run(how: str, execution=None, events=("filled",), **parameters):
        settings = {"cash": 10_000.0} | (SAME if execution is None else execution)
        made = backtest(Sends, make_bars(ROWS), {"how": how} | parameters, settings).orders
        found = made.filter(made["event"].is_in(events))
        if events == ("filled",):
            return list(zip(found["bar"], found["units"], found["price"], strict=True))
        return list(zip(found["bar"], found["event"], strict=True))

    return run


@pytest.mark.parametrize(
    ("how", "parameters", "expected"),
    [
        # The close has passed them: they fill there.
        ("stop", {"price": 103.0}, [(1, 10.0, 104.0)]),
        ("stop", {"price": 104.0}, [(1, 10.0, 104.0)]),
        ("stop", {"price": 105.0, "units": -10.0}, [(1, -10.0, 104.0)]),
        ("limit", {"price": 105.0}, [(1, 10.0, 104.0)]),
        ("limit", {"price": 103.0, "units": -10.0}, [(1, -10.0, 104.0)]),
        ("stop_limit", {"price": 103.0, "limit": 104.0}, [(1, 10.0, 104.0)]),
        ("target", {"price": 105.0}, [(1, 10.0, 104.0)]),
        ("percent", {"price": 103.0}, [(1, 48.0, 104.0)]),
        # It has not: they wait, and the bars that follow fill them as ever.
        ("stop", {"price": 106.5}, [(2, 10.0, 106.5)]),
        ("stop", {"price": 105.0}, [(2, 10.0, 106.0)]),
        ("stop", {"price": 99.0, "units": -10.0}, [(3, -10.0, 99.0)]),
        ("limit", {"price": 102.5}, [(2, 10.0, 102.5)]),
        ("stop_limit", {"price": 103.0, "limit": 103.5}, [(2, 10.0, 103.5)]),
    ],
)
def test_a_stop_or_limit_that_the_close_has_passed_fills_there(
    fills, how, parameters, expected
) -> None:
    assert fills(how, **parameters) == expected


def test_what_has_rested_through_the_bar_is_no_order_for_its_close(fills) -> None:
    # Placed at the close of bar 0: bar 1 does not reach it, its close does not pass it.
    assert fills("stop", at=0, price=105.5) == [(2, 10.0, 106.0)]


def test_exits_of_a_position_opened_at_the_close_work_from_there(fills) -> None:
    found = fills("bracket", price=103.0, limit=110.0)
    assert found == [(1, 10.0, 104.0), (2, -10.0, 103.0)]
    # On the wrong side they are due at once, at that close.
    assert fills("bracket", price=105.0, limit=110.0) == [(1, 10.0, 104.0), (1, -10.0, 104.0)]


def test_new_exits_that_the_close_has_passed_close_the_position_there(fills) -> None:
    bought = (0, 10.0, 100.0)
    assert fills("exit", held=10.0, price=104.5, limit=0.0) == [bought, (1, -10.0, 104.0)]
    assert fills("exit", held=10.0, price=90.0, limit=103.0) == [bought, (1, -10.0, 104.0)]
    assert fills("exit", held=10.0, price=103.0, limit=120.0) == [bought, (2, -10.0, 103.0)]


def test_at_once_means_that_close(fills) -> None:
    assert fills("ioc", price=104.0) == [(1, 10.0, 104.0)]
    assert fills("ioc", price=103.0, events=("filled", "expired")) == [(1, "expired")]


# --- one order alone -----------------------------------------------------------------------------


def test_one_order_may_close_now_where_all_others_wait_for_the_open(fills) -> None:
    assert fills("close", {}, held=10.0) == [(1, 10.0, 100.0), (2, -10.0, 106.0)]
    assert fills("close_now", {}, held=10.0) == [(1, 10.0, 100.0), (1, -10.0, 104.0)]
    assert fills("close_now", held=10.0) == [(0, 10.0, 100.0), (1, -10.0, 104.0)]


def test_closing_now_takes_the_bracket_along_and_pays_the_costs_of_the_market(make_bars) -> None:
    class NowAndAgain(Strategy):
        """Closes at a close and buys at the open after it."""

        def on_bar(self, bar, order):
            if bar.index == 0:
                order.market(10, stop_loss=90.0)
            if bar.index == 1:
                order.close(now=True)
                order.market(5)

    made = backtest(NowAndAgain, make_bars(ROWS), {}, {"slippage": {"bps": 100.0}})
    found = made.orders.filter(made.orders["event"].is_in(["filled", "cancelled"]))
    assert found.select("bar", "event", "units").rows() == [
        (1, "filled", 10.0),
        (1, "filled", -10.0),
        (1, "cancelled", 0.0),
        (2, "filled", 5.0),
    ]
    assert made.trades["exit_price"].to_list() == [pytest.approx(104.0 * 0.99)]


def test_closing_nothing_now_does_nothing(fills) -> None:
    assert fills("close_now", {}, events=("filled", "cancelled")) == [(1, "cancelled")]


# --- the open of the next session -----------------------------------------------------------------

HOUR = 3_600_000_000


def hours(count: int) -> Bars:
    """Five hourly bars a day, from 15:00 UTC on."""
    number = np.arange(count, dtype=np.int64)
    stamps = 1_704_207_600_000_000 + number // 5 * 24 * HOUR + number % 5 * HOUR
    price = 100.0 + number
    return Bars("X", stamps, *[price] * 4, np.ones(count), BarCalendar("XNYS", "1h"))


@pytest.mark.parametrize(("at", "filled"), [(0, 5), (3, 5), (4, 5), (5, 10), (14, None)])
def test_an_order_for_the_open_waits_for_the_next_session(at: int, filled: int | None) -> None:
    made = backtest(Sends, hours(15), {"how": "open", "at": at}).orders
    found = made.filter(made["event"] == "filled")
    assert found.select("bar", "price").rows() == (
        [] if filled is None else [(filled, 100.0 + filled)]
    )


@pytest.mark.parametrize("rule", ["pessimistic", "backtesting_py", "tradingview"])
def test_on_daily_bars_it_is_a_market_order(fills, rule: str) -> None:
    assert fills("open", {"bracket_rule": rule}) == [(2, 10.0, 106.0)]
    assert fills("open", {"fill": "same_close", "bracket_rule": rule}) == [(2, 10.0, 106.0)]


def test_it_is_for_the_first_bar_of_the_instruments_own_hours() -> None:
    late = {"instrument": {"session": {"open": "17:00", "close": "20:00", "zone": "UTC"}}}
    made = backtest(Sends, hours(15), {"how": "open", "at": 1}, late).orders
    assert made.filter(made["event"] == "filled")["bar"].to_list() == [2]
    made = backtest(Sends, hours(15), {"how": "open", "at": 3}, late).orders
    assert made.filter(made["event"] == "filled")["bar"].to_list() == [7]


class Entered(Strategy):
    """Enters at the close of bar 1 with an exit far away."""

    how = Choice("limit", ["limit", "stop", "market"])

    def on_bar(self, bar, order):
        if bar.index == 1:
            if self.how == "limit":
                order.limit(10.0, 105.0, stop_loss=97.0)
            elif self.how == "stop":
                order.stop(10.0, 95.0, stop_loss=97.0)
            else:
                order.market(10.0, stop_loss=97.0)


@pytest.mark.parametrize("how", ["limit", "stop", "market"])
@pytest.mark.parametrize("rule", ["pessimistic", "backtesting_py", "tradingview"])
@pytest.mark.parametrize("touched", [2, 3, 5])
def test_an_exit_of_a_position_opened_at_its_own_close_waits_for_the_next_bar_alone(
    make_bars, how: str, rule: str, touched: int
) -> None:
    rows = [(100.0, 100.4, 99.6, 100.0)] * 7
    rows[touched] = (100.0, 100.5, 90.0, 100.0)
    settings = {"fill": "same_close", "bracket_rule": rule}
    orders = backtest(Entered, make_bars(rows), {"how": how}, settings).orders
    found = orders.filter(orders["event"] == "filled").select("bar", "units", "price").rows()
    assert found == [(1, 10.0, 100.0), (touched, -10.0, 97.0)]

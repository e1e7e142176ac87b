"""``bracket_rule="tradingview"``: bars walked by hand."""

from __future__ import annotations

import pytest

from engine.strategies import Strategy, backtest
from tests.engine.execution.test_fills import FLAT, LIMIT, MARKET, STOP, STOP_LIMIT, OneOrder

RULE = {"bracket_rule": "tradingview"}


@pytest.fixture
def fills(make_bars):
    def run(rows, parameters, strategy: type[Strategy] = OneOrder, **execution):
        settings = {"cash": 100_000.0} | RULE | execution
        result = backtest(strategy, make_bars([FLAT, *rows]), parameters, settings)
        done = result.orders.filter(result.orders["event"] == "filled")
        return list(zip(done["bar"], done["units"], done["price"], strict=True))

    return run


BRACKET = MARKET | {"take": 101.5, "loss": 97.0}


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((100.0, 102.0, 96.0, 97.0), 101.5),  # the high is nearer: up first
        ((100.0, 105.0, 96.0, 97.0), 97.0),  # the low is nearer
        ((100.0, 103.0, 97.0, 97.0), 97.0),  # as near as the high: the low first
        ((100.0, 101.0, 96.0, 100.0), 97.0),
        ((100.0, 102.0, 98.0, 100.0), 101.5),
    ],
)
def test_the_nearer_extreme_comes_first(fills, bar, price) -> None:
    assert fills([bar], BRACKET) == [(1, 10.0, 100.0), (1, -10.0, price)]
    short = MARKET | {"units": -10.0, "take": 97.0, "loss": 101.5}
    assert fills([bar], short) == [(1, -10.0, 100.0), (1, 10.0, price)]


def test_the_other_rules_take_the_stop_of_the_same_bar(fills) -> None:
    bar = (100.0, 102.0, 96.0, 97.0)
    assert fills([bar], BRACKET, bracket_rule="pessimistic")[1] == (1, -10.0, 97.0)
    assert fills([bar], BRACKET, bracket_rule="backtesting_py")[1] == (1, -10.0, 97.0)


def test_a_bracket_works_from_its_entry_on(fills) -> None:
    # 100, 98, 104, 103: bought on the way down, the target is met on the way up.
    order = LIMIT | {"price": 98.5, "take": 103.5, "loss": 97.0}
    assert fills([(100.0, 104.0, 98.0, 103.0)], order) == [(1, 10.0, 98.5), (1, -10.0, 103.5)]
    # 100, 103, 97, 98: bought on the way up, stopped on the way down.
    order = STOP | {"price": 102.0, "take": 104.0, "loss": 99.0}
    assert fills([(100.0, 103.0, 96.0, 98.0)], order) == [(1, 10.0, 102.0), (1, -10.0, 99.0)]
    # 100, 96, 103: what lies below the entry was passed before it.
    assert fills([(100.0, 105.0, 98.5, 103.0)], order)[1] == (1, -10.0, 104.0)


def test_the_last_leg_ends_at_the_close(fills) -> None:
    # 100, 103, 97, 101: bought at the low, sold at 100.5 before the close.
    order = LIMIT | {"price": 97.5, "take": 100.5}
    assert fills([(100.0, 102.0, 97.0, 101.0)], order) == [(1, 10.0, 97.5), (1, -10.0, 100.5)]
    assert fills([(100.0, 102.0, 97.0, 100.0)], order) == [(1, 10.0, 97.5)]


def test_what_the_open_has_passed_fills_at_the_open(fills) -> None:
    gap = [(105.0, 106.0, 104.5, 105.0)]
    assert fills(gap, STOP | {"price": 102.0}) == [(1, 10.0, 105.0)]
    assert fills(gap, LIMIT | {"price": 103.0, "units": -10.0}) == [(1, -10.0, 105.0)]
    # So do the exits of an entry at the open.
    assert fills(gap, STOP | {"price": 102.0, "take": 104.0}) == [
        (1, 10.0, 105.0),
        (1, -10.0, 105.0),
    ]


def test_a_stop_limit_rests_as_a_limit_from_its_stop_on(fills) -> None:
    order = STOP_LIMIT | {"price": 102.0, "second": 101.0}
    assert fills([(100.0, 103.0, 96.0, 98.0)], order) == [(1, 10.0, 101.0)]
    assert fills([(100.0, 103.0, 96.0, 98.0)], order | {"second": 102.5}) == [(1, 10.0, 102.0)]
    # 100, 99, 103, 102.5: never back at the limit.
    assert fills([(100.0, 103.0, 99.0, 102.5)], order) == []


class Several(Strategy):
    """Sells before it buys, in the sequence of its statements."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.limit(-10.0, 102.0)
            order.stop(10.0, 102.0)
            order.stop(20.0, 101.0)
            order.stop(-5.0, 98.0)


def test_of_two_orders_at_one_price_the_buy_fills_first(fills) -> None:
    bar = (100.0, 103.0, 96.0, 98.0)
    assert fills([bar], {}, Several) == [
        (1, 20.0, 101.0),
        (1, 10.0, 102.0),
        (1, -10.0, 102.0),
        (1, -5.0, 98.0),
    ]
    gap = (104.0, 104.5, 103.0, 103.5)
    assert [units for _, units, _ in fills([gap], {}, Several)] == [10.0, 20.0, -10.0]


def test_an_immediate_order_is_not_met_on_the_way(fills) -> None:
    order = LIMIT | {"price": 97.0, "good_for": -1.0}
    assert fills([(100.0, 101.0, 96.0, 97.0)], order) == []
    assert fills([(96.0, 97.0, 95.0, 96.0)], order) == [(1, 10.0, 96.0)]


class Levered(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(50.0, take_profit=109.0)


TERMS = {"initial_margin": 0.1, "maintenance_margin": 0.05}


def test_margin_is_called_for_where_the_walk_crosses_it(fills) -> None:
    # 50 at 100 with 500 of equity: 500 + 50 (p - 100) = 2.5 p at 4500 / 47.5.
    crossed = 4500.0 / 47.5
    account = {"cash": 500.0, "instrument": TERMS}
    up_first, down_first = (100.0, 110.0, 85.0, 90.0), (100.0, 120.0, 85.0, 90.0)
    assert fills([up_first], {}, Levered, **account)[1:] == [(1, -50.0, 109.0)]
    (called,) = fills([down_first], {}, Levered, **account)[1:]
    assert called == (1, -50.0, pytest.approx(crossed, rel=1e-12))

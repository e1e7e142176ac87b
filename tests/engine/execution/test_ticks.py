"""Prices of resting orders on the ticks of an instrument."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from engine.bars import BAR_FIELDS
from engine.execution import Execution, Instrument
from engine.execution.futures import FUTURES
from engine.execution.instruments import INSTRUMENTS
from engine.execution.layout import FILLED, LIMIT, ORDER_ROWS, STOP, STOP_LIMIT
from engine.strategies import Choice, Float, Strategy, backtest, prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, order_scripts

FLAT = (100.0, 101.0, 99.0, 100.0)
WIDE = (100.0, 104.0, 96.0, 100.0)
QUARTERS = {"tick_size": 0.25}


class OneAtPrice(Strategy):
    kind = Choice("stop", ["stop", "limit", "stop_limit", "exits"])
    units = Float(10.0)
    price = Float(100.0)
    second = Float(100.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.kind == "stop":
                order.stop(self.units, self.price)
            elif self.kind == "limit":
                order.limit(self.units, self.price)
            elif self.kind == "stop_limit":
                order.stop_limit(self.units, self.price, self.second)
            else:
                order.market(self.units, take_profit=self.price, stop_loss=self.second)


@pytest.fixture
def price_of(make_bars):
    """Price of the last fill."""

    def run(kind, units, price, instrument, rows=(WIDE,), second=100.0):
        parameters = {"kind": kind, "units": units, "price": price, "second": second}
        bars = make_bars([FLAT, *rows])
        orders = backtest(OneAtPrice, bars, parameters, {"instrument": instrument}).orders
        return orders.filter(orders["event"] == "filled")["price"][-1]

    return run


@pytest.mark.parametrize(
    ("kind", "units", "price", "filled"),
    [
        ("stop", 10.0, 101.00049, 101.25),
        ("limit", -10.0, 101.00049, 101.25),
        ("stop", -10.0, 98.99951, 98.75),
        ("limit", 10.0, 98.99951, 98.75),
    ],
)
def test_resting_prices_move_to_the_tick_away_from_the_market(
    price_of, kind, units, price, filled
) -> None:
    assert price_of(kind, units, price, QUARTERS) == filled
    assert price_of(kind, units, price, QUARTERS | {"tick_rounding": "none"}) == price
    assert price_of(kind, units, price, {}) == price


@pytest.mark.parametrize(("kind", "units"), [("stop", 10.0), ("stop", -10.0), ("limit", 10.0)])
@pytest.mark.parametrize("off", [-2e-7, 0.0, 2e-7])
def test_a_price_within_a_millionth_of_a_tick_is_on_it(price_of, kind, units, off) -> None:
    at = 101.25 if units > 0.0 and kind == "stop" else 98.75
    assert price_of(kind, units, at + off, QUARTERS) == at


def test_an_open_beyond_a_resting_price_is_the_price_of_the_fill(price_of) -> None:
    gap = [(102.13, 103.0, 102.0, 102.5)]
    assert price_of("stop", 10.0, 101.1, QUARTERS, gap) == 102.13
    assert price_of("limit", -10.0, 101.1, QUARTERS, gap) == 102.13


def test_a_price_that_only_the_tick_puts_out_of_reach_does_not_fill(make_bars) -> None:
    bars = make_bars([FLAT, (100.0, 101.1, 99.0, 100.0)])
    parameters = {"kind": "stop", "units": 10.0, "price": 101.05}
    rounded = backtest(OneAtPrice, bars, parameters, {"instrument": QUARTERS})
    assert "filled" not in rounded.orders["event"].to_list()
    exact = backtest(OneAtPrice, bars, parameters, {})
    assert "filled" in exact.orders["event"].to_list()


def test_exits_and_both_prices_of_a_stop_limit_are_on_ticks(price_of) -> None:
    rises, falls = (100.0, 104.0, 99.5, 103.0), (100.0, 100.5, 96.0, 97.0)
    assert price_of("exits", 10.0, 102.1, QUARTERS, [rises], 98.1) == 102.25
    assert price_of("exits", 10.0, 102.1, QUARTERS, [falls], 98.1) == 98.0
    assert price_of("exits", -10.0, 98.1, QUARTERS, [rises], 102.1) == 102.25
    # Triggered at 101.25 by the open of 103, it rests at 102.5.
    back = [(103.0, 103.5, 102.0, 103.0)]
    assert price_of("stop_limit", 10.0, 101.1, QUARTERS, back, 102.6) == 102.5


def test_ticks_are_decimals_as_they_are_written(price_of) -> None:
    # 1003 ticks of 0.1: 1003 * 0.1 is 100.30000000000001.
    assert price_of("stop", 10.0, 100.21, {"tick_size": 0.1}) == 100.3


def test_written_ticks_count_and_the_choice_is_a_field_of_its_own() -> None:
    assert Instrument(tick_size=0.01).tick_rounding == "away"
    assert Instrument().tick_rounding == "none"
    assert Execution().instrument.tick_rounding == "none"
    one, other = Execution(), Execution.model_validate({"instrument": {"tick_size": 0.01}})
    assert one.model_dump() != other.model_dump()
    for execution in (one, other):
        assert Execution.model_validate(execution.model_dump()) == execution


def test_presets_with_a_tick_of_their_own_are_on_it() -> None:
    found = {name for name, item in INSTRUMENTS.items() if item.tick_rounding == "away"}
    # A cent is no tick of a coin that costs less than a dollar, and shares have several.
    assert found == {"fx", *FUTURES}


class Hold(Strategy):
    units = Float(90.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(self.units)


LEVERED = {"initial_margin": 0.1, "maintenance_margin": 0.05, "lot_size": 0.0}


@pytest.mark.parametrize("rule", ["pessimistic", "tradingview"])
@pytest.mark.parametrize(
    ("units", "bar", "crossing"),
    [
        (90.0, (100.0, 100.5, 85.0, 90.0), 8000.0 / (90.0 * 0.95)),
        (-90.0, (100.0, 115.0, 99.5, 101.0), 10_000.0 / (90.0 * 1.05)),
    ],
)
@pytest.mark.parametrize("tick", [0.25, 0.1, 0.01])
def test_a_liquidation_fills_on_the_next_tick_against_the_account(
    make_bars, rule, units, bar, crossing, tick
) -> None:
    def price(**terms):
        execution = {"cash": 1000.0, "bracket_rule": rule, "instrument": LEVERED | terms}
        found = backtest(Hold, make_bars([FLAT, FLAT, bar]), {"units": units}, execution)
        assert found.metrics["margin_calls"] == 1.0
        return found.orders.filter(event="filled")["price"][-1]

    assert price() == pytest.approx(crossing, rel=1e-12)
    assert price(tick_size=tick, tick_rounding="none") == price()
    found, step = price(tick_size=tick), Fraction(str(tick))
    count = round(Fraction(found) / step)
    assert found == float(count * step)  # the decimal itself, not a sum of ticks
    assert 0.0 <= (price() - found) * units / 90.0 + 1e-9 < tick + 2e-9


@pytest.mark.parametrize(
    ("units", "bar", "price"),
    [
        # Crossed at 93.57, of which the next quarter below, 93.50, was not traded.
        (90.0, (100.0, 100.5, 93.55, 94.0), 93.55),
        (-90.0, (100.0, 105.90, 99.5, 105.0), 105.90),  # crossed at 105.82, the next is 106
        # Passed by the open, which is a price of the market.
        (90.0, (92.03, 101.0, 85.0, 90.0), 92.03),
        (90.0, (93.3, 93.4, 93.3, 93.4), 93.3),
        (-90.0, (106.2, 106.3, 106.1, 106.2), 106.2),
    ],
)
@pytest.mark.parametrize("rule", ["pessimistic", "tradingview"])
def test_a_liquidation_between_ticks_fills_at_a_price_that_was_traded(
    make_bars, rule, units, bar, price
) -> None:
    terms = LEVERED | {"tick_size": 0.25}
    execution = {"cash": 1000.0, "bracket_rule": rule, "instrument": terms}
    found = backtest(Hold, make_bars([FLAT, FLAT, bar]), {"units": units}, execution)
    assert found.metrics["margin_calls"] == 1.0
    assert found.orders.filter(event="filled")["price"][-1] == price


def test_a_price_of_nothing_is_zero_and_not_minus_zero(make_bars) -> None:
    terms = {"tick_size": 0.25, "futures": True, "initial_margin": 0.0, "maintenance_margin": 0.0}
    terms |= {"initial_margin_per_unit": 10.0, "maintenance_margin_per_unit": 5.0}
    # Crossed a hair below zero, of which the grid's nearest is zero.
    execution = {"cash": 1500.000001, "instrument": terms}
    bars = make_bars([(10.0, 10.0, 10.0, 10.0)] * 2 + [(10.0, 10.0, -37.6, -37.6)])
    found = backtest(Hold, bars, {"units": 100.0}, execution)
    assert str(found.orders.filter(event="filled")["price"][-1]) == "0.0"


def test_what_a_margin_call_leaves_is_covered_at_the_tick_at_which_it_sells(make_bars) -> None:
    terms = LEVERED | {"tick_size": 0.5, "lot_size": 1.0}
    execution = {"cash": 1000.0, "instrument": terms, "liquidate": "to_maintenance"}
    low = 88.0
    found = backtest(Hold, make_bars([FLAT, FLAT, (100.0, 100.5, low, 90.0)]), {}, execution)
    sold = found.orders.filter(event="filled")
    assert sold["price"][-1] == 93.5  # crossed at 93.57
    left = found.positions["X"]

    def slack(kept: float) -> float:
        equity = 1000.0 - (90.0 - kept) * 6.5 - kept * (100.0 - low)
        return equity - 0.05 * kept * low

    assert slack(left) >= 0.0 > slack(left + 1.0)


@pytest.fixture(scope="module")
def engine():
    return prepare_strategy(
        Scripted,
        Execution(cash=1e6, instrument=QUARTERS),
        symbols=("X",),
        fields=BAR_FIELDS + SCRIPT_FIELDS,
        steps=60,
        bars_per_year=252.0,
    )


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(60))
def test_every_fill_of_a_resting_order_is_on_a_tick_or_at_the_open(engine, script) -> None:
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(np.ascontiguousarray(script[None, None]), np.empty((1, 0)), metrics, status, scratch)
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    resting = np.isin(log[:, 3], (LIMIT, STOP, STOP_LIMIT))
    fills = log[(log[:, 4] == FILLED) & resting]
    prices, opens = fills[:, 6], script[0, fills[:, 0].astype(int)]
    assert ((prices == opens) | (prices % 0.25 == 0.0)).all()

"""Sizes that follow from equity: by the rules of the settings, within margin and costs."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import Backtest, Choice, Float, Int, Strategy, backtest

DAY = (100.0, 101.0, 99.0, 100.0)
CASH = 10_000.0


class Sized(Strategy):
    """Enters once after bar `when`, and on the other side two bars later."""

    when = Int(0)
    how = Choice("long", ["long", "short", "percent", "target_percent"])
    share = Float(1.0)
    loss = Float(None)
    reverse = Int(0)

    def on_bar(self, bar, order):
        short = self.how == "short"
        if self.reverse != 0 and bar.index == self.when + 2:
            if self.how == "target_percent":
                order.target_percent(-self.share)
            elif short:
                order.long()
            else:
                order.short()
        if bar.index != self.when:
            return
        if self.how == "percent":
            order.percent(self.share, stop_loss=self.loss)
        elif self.how == "target_percent":
            order.target_percent(self.share, stop_loss=self.loss)
        elif short:
            order.short(stop_loss=self.loss)
        else:
            order.long(stop_loss=self.loss)


@pytest.fixture
def enter(make_bars):
    def run(parameters=None, rows=None, volume=1000.0, **execution) -> Backtest:
        settings = {"cash": CASH, "instrument": {"lot_size": 0.0}, **execution}
        return backtest(Sized, make_bars(rows or [DAY] * 3, "X", volume), parameters, settings)

    return run


def units(result: Backtest) -> list[float]:
    return result.orders.filter(event="filled")["units"].to_list()


def reasons(result: Backtest) -> list[str]:
    return [event for event in result.orders["event"] if event.startswith("rejected")]


COSTS = {
    "percent": {"commission": {"rate": 0.001}},
    "per unit": {"commission": {"per_unit": 0.2}},
    "fixed": {"commission": {"fixed": 25.0}},
    "minimum": {"commission": {"minimum": 30.0}},
    "basis points": {"slippage": {"bps": 10.0}},
    "ticks": {"slippage": {"ticks": 5.0}},
    "volume share": {"slippage": {"volume_share": 0.05}},
    "impact": {"slippage": {"impact": 1.0, "daily_volatility": 0.02}},
    "all": {
        "commission": {"rate": 0.001, "fixed": 3.0, "minimum": 10.0},
        "slippage": {"bps": 5.0, "impact": 0.5},
    },
}


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("margin", [1.0, 0.5])
@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("how", ["rule", "percent", "target_percent"])
def test_the_full_margin_is_used_up_to_the_costs(enter, cost, margin, side, how) -> None:
    limit = 1.0 / margin
    parameters = {"how": how, "share": side * limit}
    if how == "rule":
        parameters = {"how": "long" if side > 0.0 else "short"}
    result = enter(
        parameters,
        instrument={"lot_size": 0.0, "initial_margin": margin},
        sizing={"kind": "percent_of_equity", "share": limit},
        **COSTS[cost],
    )
    assert reasons(result) == []
    (fill,) = result.orders.filter(event="filled").iter_rows(named=True)
    assert fill["units"] * side > 0.0
    tied = abs(fill["units"]) * (100.0 * margin + abs(fill["price"] - 100.0)) + fill["commission"]
    assert tied <= CASH * (1.0 + 1e-11)
    assert tied >= CASH * (1.0 - 2e-3)


@pytest.mark.parametrize(
    ("side", "costs", "expected"),
    [
        # At a margin of a half, 50 u of margin and the costs make 10,000.
        (1.0, {"commission": {"rate": 0.001}}, 10_000.0 / 50.1),
        (-1.0, {"slippage": {"bps": 10.0}}, 10_000.0 / 50.1),
        (1.0, {"commission": {"minimum": 30.0}}, 9_970.0 / 50.0),
        (-1.0, {"slippage": {"ticks": 2.0}, "commission": {"fixed": 20.0}}, 9_980.0 / 50.02),
    ],
)
def test_a_cut_size_solves_margin_plus_costs_equal_to_equity(enter, side, costs, expected) -> None:
    terms = {"initial_margin": 0.5}
    sizing = {"kind": "percent_of_equity", "share": 2.0}
    parameters = {"how": "long" if side > 0.0 else "short"}
    part = enter(parameters, instrument={"lot_size": 0.0, **terms}, sizing=sizing, **costs)
    assert units(part) == pytest.approx([side * expected], rel=1e-11)
    whole = enter(parameters, instrument=terms, sizing=sizing, **costs)
    assert units(whole) == [side * np.floor(expected)]


def test_a_reversal_at_full_margin_survives_its_costs(enter) -> None:
    costs = {"slippage": {"bps": 10.0}, "commission": {"rate": 0.001}}
    for parameters in ({"how": "long"}, {"how": "short"}, {"how": "target_percent"}):
        result = enter({**parameters, "reverse": 1}, [DAY] * 5, **costs)
        assert reasons(result) == []
        first, second = units(result)
        assert first * second < 0.0
        assert abs(second) > 1.98 * abs(first)


def test_a_share_beyond_the_margin_of_an_empty_account_is_rejected(enter) -> None:
    for how in ("percent", "target_percent"):
        assert reasons(enter({"how": how, "share": 1.01})) == ["rejected: buying_power"]
        assert reasons(enter({"how": how, "share": -1.01})) == ["rejected: buying_power"]


def test_nothing_left_to_buy_with_is_rejected(enter) -> None:
    result = enter(instrument={"lot_size": 100.0}, commission={"minimum": 1.0})
    assert reasons(result) == ["rejected: buying_power"]


@pytest.mark.parametrize("lot", [0.0, 1.0])
def test_a_size_that_is_not_defined_is_invalid(enter, lot) -> None:
    terms = {"instrument": {"lot_size": lot}}
    no_stop = enter(sizing={"kind": "fixed_risk"}, **terms)
    assert reasons(no_stop) == ["rejected: invalid"]
    too_early = enter(sizing={"kind": "volatility_target", "window": 5}, **terms)
    assert reasons(too_early) == ["rejected: invalid"]
    below_zero = [(-5.0, -4.0, -6.0, -5.0)] * 4
    rule = {"kind": "volatility_target", "window": 2}
    assert reasons(enter({"when": 2}, below_zero, sizing=rule, **terms)) == ["rejected: invalid"]
    huge = enter({"how": "percent", "share": 1e300}, **terms)
    assert len(reasons(huge)) == 1


class Pair(Strategy):
    """Enters both symbols by the sizing rule, or by shares of equity."""

    how = Choice("rule", ["rule", "percent"])

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.how == "rule":
                order.long()
                order[1].short()
            else:
                order.percent(0.6)
                order[1].target_percent(-0.6)


@pytest.mark.parametrize("how", ["rule", "percent"])
def test_the_second_symbol_gets_what_the_first_leaves(make_bars, how) -> None:
    pair = [make_bars([DAY] * 3, "A"), make_bars([(50.0,) * 4] * 3, "B")]
    settings = {
        "cash": CASH,
        "instrument": {"lot_size": 0.0},
        "sizing": {"kind": "percent_of_equity", "share": 0.6},
    }
    assert units(backtest(Pair, pair, {"how": how}, settings)) == pytest.approx([60.0, -80.0])
    equal = {**settings, "sizing": {"kind": "equal_weight"}}
    if how == "rule":
        assert units(backtest(Pair, pair, {}, equal)) == pytest.approx([50.0, -100.0])


def trending(close: np.ndarray) -> Bars:
    stamps = np.arange(len(close), dtype=np.int64) * 86_400_000_000
    return Bars("X", stamps, close, close, close, close, np.full(len(close), 1e6))


class InAndOut(Strategy):
    """Long for one bar, out for one bar, by the sizing rule."""

    def on_bar(self, bar, order):
        if bar.index % 2 == 0:
            order.long()
        else:
            order.close()


def test_half_kelly_follows_the_closed_trades() -> None:
    # Fills at 100, 110 (+10 %), 100, 95 (-5 %), then 100 with one win and one loss behind.
    close = np.array([100.0, 100.0, 110.0, 100.0, 95.0, 100.0, 100.0])
    sizing = {"kind": "kelly", "fraction": 0.5, "trades": 2}
    settings = {"cash": CASH, "instrument": {"lot_size": 0.0}, "sizing": sizing}
    fills = backtest(InAndOut, trending(close), {}, settings).orders.filter(event="filled")
    first = 50.0  # half of equity until two trades are closed
    equity = CASH + first * 10.0
    second = 0.5 * equity / 100.0
    won, lost = first * 10.0, second * 5.0
    equity -= lost
    share = 0.5 * (0.5 - 0.5 / (won / lost))
    third = share * equity / 100.0
    assert fills["units"].to_list() == pytest.approx(
        [first, -first, second, -second, third, -third], rel=1e-12
    )


def test_kelly_never_bets_on_losers_alone() -> None:
    close = np.array([100.0, 100.0, 90.0, 100.0, 90.0, 100.0, 100.0])
    sizing = {"kind": "kelly", "fraction": 0.5, "trades": 2}
    settings = {"cash": CASH, "instrument": {"lot_size": 0.0}, "sizing": sizing}
    result = backtest(InAndOut, trending(close), {}, settings)
    assert len(units(result)) == 4
    assert reasons(result) == ["rejected: size_below_lot"]

"""Dividends as cash: to whom they go, when, and what they are of."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import Choice, Float, Int, Strategy, backtest

DAY = 86_400_000_000


class InAndOut(Strategy):
    """Trades after one bar, and closes after another."""

    units = Float(10.0)
    enters = Int(0)
    leaves = Int(99)
    how = Choice("market", ["market", "now"])

    def on_bar(self, bar, order):
        if bar.index == self.enters:
            order.market(self.units)
        if bar.index == self.leaves:
            order.close(now=self.how == "now")


CLOSES = [100.0, 100.0, 104.0, 102.0, 102.0, 102.0]
# 1.04 on a close of 104, from the open of bar 3 on.
YIELD = [0.0, np.nan, 0.0, 0.01, 0.0, 0.0]


def bars(**columns: object) -> Bars:
    close = np.array(CLOSES)
    given = {"dividend_yield": np.array(YIELD)} | columns
    stamps = np.arange(len(close), dtype=np.int64) * DAY
    return Bars("X", stamps, *[close] * 4, np.ones(len(close)), columns=given)


def equity(made_of: Bars | None = None, /, *, execution=None, **parameters: object) -> list[float]:
    settings = {"cash": 10_000.0} | (execution or {})
    return backtest(InAndOut, made_of or bars(), parameters, settings).equity.tolist()


def test_a_long_position_receives_and_a_short_one_pays_at_the_open_of_the_day() -> None:
    assert equity() == [10_000.0, 10_000.0, 10_040.0, 10_030.4, 10_030.4, 10_030.4]
    assert equity(units=-10.0) == [10_000.0, 10_000.0, 9_960.0, 9_969.6, 9_969.6, 9_969.6]


def test_it_goes_to_who_held_over_the_close_before() -> None:
    assert equity(enters=2)[-1] == 10_000.0  # bought at the open of the day itself
    assert equity(leaves=2)[-1] == pytest.approx(10_000.0 + 20.0 + 10.4)  # sold at that open
    assert equity(leaves=2, how="now")[-1] == 10_040.0  # sold at the close before
    assert equity(leaves=1)[-1] == 10_040.0


def test_it_is_paid_in_the_instruments_currency_by_its_multiplier() -> None:
    execution = {
        "instrument": {"currency": "EUR", "multiplier": 5.0},
        "account": {"currency": "USD", "rates": {"EUR": 1.1}},
    }
    without = bars(dividend_yield=np.zeros(len(CLOSES)))
    paid = equity(execution=execution)[-1] - equity(without, execution=execution)[-1]
    assert paid == pytest.approx(10.0 * 5.0 * 1.04 * 1.1)


def test_bars_without_the_column_pay_nothing() -> None:
    close = np.array(CLOSES)
    stamps = np.arange(len(close), dtype=np.int64) * DAY
    plain = Bars("X", stamps, *[close] * 4, np.ones(len(close)))
    assert equity(plain)[-1] == 10_020.0

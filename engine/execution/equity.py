"""Equity: what the account is worth at a price of a bar, and its curve over the bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.compiled.lanes import four_at, four_times, put_four
from engine.execution.calling import part, rare
from engine.execution.currencies import is_unpaid, point_value, value_of
from engine.execution.layout import (
    CASH,
    CLOSE,
    COST,
    EXPOSED,
    FIRST_LOT,
    LOT_POINT,
    LOT_PRICE,
    LOT_UNITS,
    MARKED,
    MULTIPLIER,
    OPEN_LOTS,
    RATE_KIND,
    UNITS,
)
from engine.execution.marks import is_symbol, price_of
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["equity_at", "mark_until", "unrealised"]


@part
def equity_at(s: Simulation, field: int, bar: int) -> float:
    """Equity with every symbol at its open (`field` 0) or close (`field` 3) of `bar`."""
    equity = s.account[CASH]
    for symbol in range(s.positions.shape[0]):
        if s.positions[symbol, UNITS] != 0.0:
            equity += value_of(s, symbol, price_of(s, symbol, field, bar), field, bar)
    return equity


@part
def unrealised(s: Simulation, symbol: int, bar: int) -> float:
    """Profit of the open lots at the close of `bar`, before commissions, in account currency."""
    gain = s.positions[symbol, UNITS] * price_of(s, symbol, CLOSE, bar) - s.positions[symbol, COST]
    if s.rules[symbol, RATE_KIND] == 0.0 or is_unpaid(s, symbol):
        return gain * point_value(s, symbol, CLOSE, bar)
    return _gain_of_paid(s, symbol, bar)


@rare
def _gain_of_paid(s: Simulation, symbol: int, bar: int) -> float:
    """Worth of the open lots less what was paid for them, each at the rate of its moment."""
    keep_apart()
    worth = price_of(s, symbol, CLOSE, bar) * point_value(s, symbol, CLOSE, bar)
    first = int(s.positions[symbol, FIRST_LOT])
    gain = 0.0
    for slot in range(first, first + int(s.positions[symbol, OPEN_LOTS])):
        lot = s.lots[symbol, slot]
        gain += lot[LOT_UNITS] * (worth - lot[LOT_PRICE] * lot[LOT_POINT])
    return gain


@part
def mark_until(s: Simulation, end: int) -> None:
    """Write the equity at the closes of the bars before `end` that are not yet on the curve.

    Holdings have not changed since the last mark, so a stretch of bars is one vector loop.
    """
    start = s.counts[MARKED]
    if start >= end:
        return
    held = False
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units != 0.0:
            if s.rules[symbol, RATE_KIND] == 0.0 and is_symbol(s, symbol):
                _mark(s, symbol, units * s.rules[symbol, MULTIPLIER], not held, start, end)
            else:
                _mark_one_by_one(s, symbol, not held, start, end)
            held = True
    if held:
        s.counts[EXPOSED] += end - start
    else:
        cash = s.account[CASH]
        first = first_trading_bar(s)
        _fill(s.curve, cash, start - first, end - first)
    s.counts[MARKED] = end


@part
def _mark(s: Simulation, symbol: int, value: float, first: bool, start: int, end: int) -> None:
    """Add `value` times the closes to the curve, or to the cash if this is the first symbol."""
    curve, closes, cash = s.curve, s.path[symbol, 3], s.account[CASH]
    values, cashes = four_times(value), four_times(cash)
    before = first_trading_bar(s)
    if first and end - start >= 4:
        # The last four may overlap those before, and are the same again.
        for bar in range(start, end - 4, 4):
            put_four(curve, bar - before, cashes + values * four_at(closes, bar))
        put_four(curve, end - 4 - before, cashes + values * four_at(closes, end - 4))
        return
    whole = start if first else end - (end - start) % 4
    for bar in range(start, whole, 4):
        others = four_at(curve, bar - before)
        put_four(curve, bar - before, others + values * four_at(closes, bar))
    for bar in range(whole, end):
        other = cash if first else curve[bar - before]
        curve[bar - before] = other + value * closes[bar]


@part
def _fill(curve: NDArray[np.float64], value: float, start: int, end: int) -> None:
    """Write one value from `start` to before `end`."""
    if end - start < 4:
        for place in range(start, end):
            curve[place] = value
        return
    values = four_times(value)
    for place in range(start, end - 4, 4):
        put_four(curve, place, values)
    put_four(curve, end - 4, values)


@rare
def _mark_one_by_one(s: Simulation, symbol: int, first: bool, start: int, end: int) -> None:
    keep_apart()
    before = first_trading_bar(s)
    for bar in range(start, end):
        others = s.account[CASH] if first else s.curve[bar - before]
        value = value_of(s, symbol, price_of(s, symbol, CLOSE, bar), CLOSE, bar)
        s.curve[bar - before] = others + value

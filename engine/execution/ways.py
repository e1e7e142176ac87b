"""Ways that prices take inside a bar, or sub-bar: from where, to where."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    CLOSE,
    FIRST_SUB_BAR,
    OPEN,
    SUB_BAR_WIDTH,
    SUB_BARS,
    UNITS,
    VIEW,
)
from engine.execution.marks import is_symbol, price_of
from engine.execution.state import Simulation

__all__ = ["AT_THE_OPEN", "FIRST_LEG", "LEGS", "TO_EXTREME", "WHOLE", "price_along", "way_of"]


def _typed(value: int) -> int:
    """Return a NumPy integer: for each plain one a callee would be compiled anew."""
    return np.int64(value)  # type: ignore[return-value]


AT_THE_OPEN: Final = _typed(0)  # a way of one price
TO_EXTREME: Final = _typed(1)  # from the open to the extreme that harms the holding
WHOLE: Final = _typed(2)  # from the extreme that favours the holding to the one that harms it
FIRST_LEG: Final = _typed(3)  # open to the nearer extreme, to the other, to the close
LEGS: Final = 3


@part
def price_along(s: Simulation, symbol: int, bar: int, way: int, share: float) -> float:
    """Price of a symbol at a share of the way."""
    start, end = way_of(s, symbol, bar, way)
    return start + share * (end - start)


@part
def way_of(s: Simulation, symbol: int, bar: int, way: int) -> tuple[float, float]:
    """First and last price of a way of a symbol; a quoted slot goes from mark to mark."""
    if not is_symbol(s, symbol):
        return _way_of_marks(s, symbol, bar, way)
    view = s.counts[VIEW]
    opens, high, low = (
        s.path[symbol, view, bar],
        s.path[symbol, view + 1, bar],
        s.path[symbol, view + 2, bar],
    )
    if way < FIRST_LEG:
        long = s.positions[symbol, UNITS] > 0.0
        harm = low if long else high
        if way == WHOLE:
            return high if long else low, harm
        return opens, harm if way == TO_EXTREME else opens
    rises = high - opens < opens - low
    near, far = (high, low) if rises else (low, high)
    if way == FIRST_LEG:
        return opens, near
    if way == FIRST_LEG + 1:
        return near, far
    return far, _end_of_range(s, symbol, bar)


@rare
def _way_of_marks(s: Simulation, slot: int, bar: int, way: int) -> tuple[float, float]:
    keep_apart()
    before, after = price_of(s, slot, OPEN, bar), price_of(s, slot, CLOSE, bar)
    if way >= FIRST_LEG:
        return before, after if way == FIRST_LEG + LEGS - 1 else before
    low, high = min(before, after), max(before, after)
    favour, harm = (high, low) if s.positions[slot, UNITS] > 0.0 else (low, high)
    if way == WHOLE:
        return favour, harm
    return before, harm if way == TO_EXTREME else before


@part
def _end_of_range(s: Simulation, symbol: int, bar: int) -> float:
    """Last price of the bar, or of the sub-bar being worked: the open of the next."""
    view = s.counts[VIEW]
    last = s.rules[symbol, FIRST_SUB_BAR] + (s.rules[symbol, SUB_BARS] - 1.0) * SUB_BAR_WIDTH
    if s.rules[symbol, SUB_BARS] > 1.0 and view < last:
        return s.path[symbol, view + SUB_BAR_WIDTH, bar]
    return s.path[symbol, CLOSE, bar]

"""Fills within a share of a bar's volume: what is left of it, and what becomes of the rest.

The limit is of a symbol and a bar: all its fills in that bar share it, first come, first served. An
order that wants more fills in part, and the rest stays for the bars that follow: at a limit, at the
market where a stop has been reached or the order is one. A size in units, by the sizing rule or in
percent goes on until all of it is filled; a target is compared anew with what is held. What an
order that must fill at once, or at an open or close alone, does not get is cancelled; one that must
fill whole does not fill at all. What the broker closes, or the end of a session or study does, is
closed whole, whatever the volume.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.execution.layout import (
    BEGUN,
    BY_PERCENT,
    BY_UNITS,
    ENTER,
    IMMEDIATE,
    MARKET,
    MARKET_ON_CLOSE,
    MARKET_ON_OPEN,
    ORDER_GROUP,
    ORDER_KIND,
    ORDER_MODE,
    ORDER_PARTS,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_TRAIL,
    ORDER_TRAIL_SHARE,
    REDUCE,
    RESTING,
    STOP,
    TAKEN,
    TAKEN_BAR,
    THIS_CLOSE,
    VOLUME,
    VOLUME_LIMIT,
)
from engine.execution.lots import round_to_lot
from engine.execution.state import Simulation

__all__ = ["note_volume", "rest_leaves", "volume_left"]

# Of the limit: below it nothing is left but rounding.
_ROUNDING = 1e-12


@rare
def volume_left(s: Simulation, symbol: int, bar: int) -> float:
    """Units, whole lots, that may still be traded in `bar`; infinite without a limit."""
    keep_apart()
    share = s.rules[symbol, VOLUME_LIMIT]
    if share == 0.0:
        return math.inf
    most = share * s.path[symbol, VOLUME, bar]
    position = s.positions[symbol]
    left = most - (position[TAKEN] if position[TAKEN_BAR] == bar else 0.0)
    return round_to_lot(s, symbol, left) if left > _ROUNDING * most else 0.0


@rare
def note_volume(s: Simulation, symbol: int, units: float, bar: int) -> None:
    """Count a fill against the volume of its bar."""
    keep_apart()
    position = s.positions[symbol]
    before = position[TAKEN] if position[TAKEN_BAR] == bar else 0.0
    position[TAKEN_BAR], position[TAKEN] = bar, before + abs(units)


@rare
def rest_leaves(s: Simulation, slot: int, rest: float) -> bool:
    """Make an order of what a fill left of it; whether that leaves the book instead."""
    keep_apart()
    order = s.orders[slot]
    kind, mode = order[ORDER_KIND], order[ORDER_MODE]
    if order[ORDER_STATE] == IMMEDIATE or kind in (MARKET_ON_CLOSE, MARKET_ON_OPEN):
        return True
    if mode in (BY_PERCENT, ENTER):
        order[ORDER_MODE] = BY_UNITS
    if order[ORDER_MODE] in (BY_UNITS, REDUCE):
        order[ORDER_QUANTITY] = rest
    if kind == STOP:
        order[ORDER_KIND] = MARKET
        order[ORDER_TRAIL] = order[ORDER_TRAIL_SHARE] = 0.0
    if order[ORDER_STATE] == THIS_CLOSE:
        order[ORDER_STATE] = RESTING
    order[ORDER_PARTS] = BEGUN
    # The others of its group go with its first fill.
    order[ORDER_GROUP] = 0.0
    return False

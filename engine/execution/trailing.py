"""Stops that follow the best price since they were placed.

A bar moves them for what comes after it: inside a bar it is not known whether its best price came
before the one that reaches the stop. Only bars, or sub-bars, whose whole range they were in force
through move them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.guard import GUARDED
from engine.execution.layout import (
    BY_UNITS,
    CLOSE,
    ORDER_BAR,
    ORDER_QUANTITY,
    ORDER_STOP,
    ORDER_SYMBOL,
    ORDER_TRAIL,
    ORDER_TRAIL_SHARE,
    PENDING,
    STOP,
    TAPE_BARS,
    TICK_DENOMINATOR,
    TICK_NUMERATOR,
    TRAILS,
    UNITS,
    VIEW,
    WATCH,
)
from engine.execution.marks import is_symbol, price_of
from engine.execution.orders import submit
from engine.execution.sessions import rests
from engine.execution.state import Simulation
from engine.execution.ticks import put_on_ticks

__all__ = [
    "TRAILS_ALONE",
    "is_worked_always",
    "move_trailing_stops",
    "submit_trailing_stop",
    "watch_trail",
]

#: Of WATCH: bars are worked because of stops that trail, or because all are, not because of what
#: is held.
TRAILS_ALONE = 2


@rare
def submit_trailing_stop(
    s: Simulation, bar: int, symbol: int, units: float, distance: float, share: float, tif: float
) -> int:
    """Place a stop that starts so far from the close of `bar`, and return its number.

    Parameters
    ----------
    distance, share : float
        In price, and as a share of the best price; they add up.
    """
    keep_apart()
    stop = math.nan
    if bar >= 0 and distance >= 0.0 and 0.0 <= share < 1.0 and distance + share > 0.0:
        close = price_of(s, symbol, CLOSE, bar)
        away = distance + share * abs(close)
        stop = close + away if units > 0.0 else close - away
    nan = math.nan
    number = submit(s, bar, symbol, STOP, BY_UNITS, units, nan, stop, nan, nan, tif)
    if number > 0:
        order = s.orders[s.counts[PENDING] - 1]
        order[ORDER_TRAIL], order[ORDER_TRAIL_SHARE] = distance, share
        watch_trail(s.counts)
    return number


@rare
def watch_trail(counts: NDArray[np.int64]) -> None:
    """Let every bar go through the order engine, as long as a stop trails."""
    keep_apart()
    counts[TRAILS] = 1
    if counts[WATCH] == 0:
        counts[WATCH] = TRAILS_ALONE
    elif counts[WATCH] == GUARDED:
        counts[WATCH] = 1


@part
def is_worked_always(s: Simulation) -> bool:
    """Whether every bar goes through the order engine: fills are recorded, or slots quoted."""
    return s.counts[TAPE_BARS] != 0 or s.mark_rows.shape[0] != 0


@rare
def move_trailing_stops(s: Simulation, bar: int) -> None:
    """Move the stops that trail to where the range of `bar`, or sub-bar, leaves them."""
    keep_apart()
    # Where fills are recorded or slots quoted every bar is worked, as if there were one.
    count = 1 if is_worked_always(s) else 0
    view = s.counts[VIEW]
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        distance, share = order[ORDER_TRAIL], order[ORDER_TRAIL_SHARE]
        if distance == 0.0 and share == 0.0:
            continue
        count += 1
        symbol = int(order[ORDER_SYMBOL])
        if order[ORDER_BAR] >= bar or rests(s, symbol, bar):
            continue
        mark = price_of(s, symbol, CLOSE, bar)
        if order[ORDER_QUANTITY] > 0.0:
            low = s.path[symbol, view + 2, bar] if is_symbol(s, symbol) else mark
            order[ORDER_STOP] = min(order[ORDER_STOP], low + (distance + share * abs(low)))
        else:
            high = s.path[symbol, view + 1, bar] if is_symbol(s, symbol) else mark
            order[ORDER_STOP] = max(order[ORDER_STOP], high - (distance + share * abs(high)))
        tick = s.rules[symbol, TICK_DENOMINATOR]
        if tick != 0.0:
            put_on_ticks(order, s.rules[symbol, TICK_NUMERATOR], tick, s.positions[symbol, UNITS])
    s.counts[TRAILS] = count
    if count == 0 and s.counts[WATCH] == TRAILS_ALONE:
        s.counts[WATCH] = 0

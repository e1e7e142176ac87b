"""When a symbol trades, and when its day ends."""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    BEYOND,
    MAY_REST,
    OFF_HOURS,
    ORDER_GROUP,
    ORDER_STATE,
    ORDER_SYMBOL,
    PASSED,
    RESTS,
    SESSION_BARS,
    TRADED_FIELD,
    VOLUME_LIMIT,
)
from engine.execution.marks import is_quoted, is_symbol
from engine.execution.state import Simulation, first_trading_bar
from engine.execution.volume import volume_left

__all__ = [
    "does_not_trade",
    "is_closed",
    "is_held_back",
    "is_off_hours",
    "last_bar_of_day",
    "rests",
    "waits_at_close",
]


@part
def is_closed(s: Simulation, slot: int, bar: int) -> bool:
    """Whether the order waits: for others, for its symbol to trade, for volume, for a close."""
    if s.counts[BEYOND] != 0 and is_held_back(s, slot):
        return True
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    return s.rules[symbol, MAY_REST] != 0.0 and _is_closed(s, symbol, bar)


@part
def waits_at_close(s: Simulation, slot: int, bar: int) -> bool:
    """Whether the order waits at the close of `bar`, when quoted slots trade too."""
    order = s.orders[slot]
    if order[ORDER_GROUP] < 0.0 or order[ORDER_STATE] == PASSED:
        return True
    return does_not_trade(s, int(order[ORDER_SYMBOL]), bar)


@rare
def is_held_back(s: Simulation, slot: int) -> bool:
    """Whether the order waits for others or for a close with quotes, or has been passed over."""
    keep_apart()
    order = s.orders[slot]
    waits = order[ORDER_GROUP] < 0.0 or order[ORDER_STATE] == PASSED
    return waits or not is_symbol(s, int(order[ORDER_SYMBOL]))


@part
def does_not_trade(s: Simulation, symbol: int, bar: int) -> bool:
    """Whether the symbol rests at `bar`, or nothing is left of the volume."""
    if not is_symbol(s, symbol):
        return not is_quoted(s, symbol, bar)
    return s.rules[symbol, MAY_REST] != 0.0 and _is_closed(s, symbol, bar)


@rare
def _is_closed(s: Simulation, symbol: int, bar: int) -> bool:
    keep_apart()
    if rests(s, symbol, bar):
        return True
    return s.rules[symbol, VOLUME_LIMIT] != 0.0 and volume_left(s, symbol, bar) == 0.0


@part
def rests(s: Simulation, symbol: int, bar: int) -> bool:
    """Whether the symbol does not trade at `bar`: outside its hours, or without a bar of its own.

    Of the bars of several calendars that are joined, those of a symbol that has none repeat its
    last price.
    """
    if not is_symbol(s, symbol):
        return not is_quoted(s, symbol, bar)
    if s.closed.shape[1] > 0 and s.closed[symbol, bar] == RESTS:
        return True
    field = int(s.rules[symbol, TRADED_FIELD])
    return field != 0 and s.path[symbol, field, bar] == 0.0


@part
def is_off_hours(s: Simulation, symbol: int, bar: int) -> bool:
    """Whether the symbol rests at `bar`, or trades outside the hours of its exchange."""
    if is_symbol(s, symbol) and s.closed.shape[1] > 0 and s.closed[symbol, bar] == OFF_HOURS:
        return True
    return rests(s, symbol, bar)


@part
def last_bar_of_day(s: Simulation, symbol: int, first: int) -> float:
    """Last bar of the session of an order that can first fill at bar `first`.

    By timestamps where there are any, infinite where it lies behind them; else a session is a
    fixed number of bars.
    """
    bars = s.last_bars.shape[1]
    if bars > 0:
        if first >= bars:
            return math.inf
        last = s.last_bars[symbol if is_symbol(s, symbol) else 0, first]
        return float(last) if last < bars else math.inf
    session = s.rules[symbol, SESSION_BARS]
    before = first_trading_bar(s)  # sessions are counted from there
    return math.floor((first - before) / session) * session + session - 1.0 + before

"""When a symbol trades, and when its day ends."""

from __future__ import annotations

import math

from engine.execution.calling import part
from engine.execution.layout import HAS_SESSION, ORDER_SYMBOL, SESSION_BARS
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["is_closed", "last_bar_of_day"]


@part
def is_closed(s: Simulation, slot: int, bar: int) -> bool:
    """Whether the order's symbol does not trade at `bar`: the order waits."""
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    return s.rules[symbol, HAS_SESSION] != 0.0 and s.closed[symbol, bar] != 0


@part
def last_bar_of_day(s: Simulation, symbol: int, first: int) -> float:
    """Last bar of the session of an order that can first fill at bar `first`.

    By timestamps where there are any, else a session is a fixed number of bars.
    """
    bars = s.last_bars.shape[1]
    if bars > 0:
        return float(s.last_bars[symbol, min(first, bars - 1)])
    session = s.rules[symbol, SESSION_BARS]
    before = first_trading_bar(s)  # sessions are counted from there
    return math.floor((first - before) / session) * session + session - 1.0 + before

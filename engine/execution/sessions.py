"""When a symbol trades."""

from __future__ import annotations

from engine.execution.calling import part
from engine.execution.layout import HAS_SESSION, ORDER_SYMBOL
from engine.execution.state import Simulation

__all__ = ["is_closed"]


@part
def is_closed(s: Simulation, slot: int, bar: int) -> bool:
    """Whether the order's symbol does not trade at `bar`: the order waits."""
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    return s.rules[symbol, HAS_SESSION] != 0.0 and s.closed[symbol, bar] != 0

"""The calls by which hooks and kernels tie orders to one another."""

from __future__ import annotations

from engine.execution.calling import part
from engine.execution.exits import join_group, join_together
from engine.execution.state import Simulation

__all__ = ["order_all_or_none", "order_one_cancels_other"]


@part
def order_one_cancels_other(
    s: Simulation, t: int, symbol: int, first: float, second: float
) -> bool:
    """Let the fill of one of two orders cancel the other; false if one is not in the book."""
    return join_group(s, first, second)


@part
def order_all_or_none(s: Simulation, t: int, symbol: int, first: float, second: float) -> bool:
    """Let two orders fill in the same bar or not at all; false if they cannot be tied so."""
    return join_together(s, first, second)

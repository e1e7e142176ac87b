"""Trades after the vector form of a strategy: a target for each symbol and bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import hook, part
from engine.execution.handles import UNGIVEN, order_target_percent
from engine.execution.orders import GOOD_TILL_CANCELLED
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["changes_target", "follow_signals"]


def changes_target(symbol_count: int) -> Callable[..., bool]:
    """Return ``acts(t, s, p, r, rows)``: whether a target is another than at the bar before.

    At the first trading bar, where it is compared with no position, `follow_signals` is asked
    whatever this says.
    """

    @hook
    def acts(t: int, s: Simulation, p: Any, r: Any, rows: NDArray[np.float64]) -> bool:
        bars = s.path.shape[2]
        first = rows.shape[0] - symbol_count * bars
        changed = False
        for symbol in range(symbol_count):
            at = first + symbol * bars + t
            changed |= rows[np.uint64(at)] != rows[np.uint64(at - 1)]
        return changed

    return acts


@part
def follow_signals(
    t: int, s: Simulation, p: Any, r: Any, rows: NDArray[np.float64], state: Any
) -> Any:
    """Trade each symbol to the share of equity that the vector form wants, where it changes.

    The targets lie behind the indicators, a row for each symbol.
    """
    symbols, bars = s.path.shape[0], s.path.shape[2]
    first = rows.shape[0] - symbols * bars
    for symbol in range(symbols):
        row = first + symbol * bars
        wanted = rows[np.uint64(row + t)]
        if wanted != (rows[np.uint64(row + t - 1)] if t > first_trading_bar(s) else 0.0):
            order_target_percent(
                s, t, symbol, wanted, math.nan, math.nan, UNGIVEN, UNGIVEN, GOOD_TILL_CANCELLED
            )
    return state

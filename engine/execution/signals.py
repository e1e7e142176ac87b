"""Trades after the vector form of a strategy: a target for each symbol and bar."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import part
from engine.execution.handles import UNGIVEN, order_target_percent
from engine.execution.orders import GOOD_TILL_CANCELLED
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["follow_signals"]


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

"""The formulas of the indicators: each fills one row of values over a whole path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled.kernel import inlined

__all__ = ["PLAN_WIDTH", "fill_row"]

# Columns of a row's plan: kind, symbol, field, three arguments.
PLAN_WIDTH = 6


@inlined
def fill_row(
    path: NDArray[np.float64], plan: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Compute the indicator that `plan` describes on a path of shape (symbols, fields, bars)."""
    values = path[int(plan[1]), int(plan[2])]
    sma(values, int(plan[3]), out)


@inlined
def sma(values: NDArray[np.float64], period: int, out: NDArray[np.float64]) -> None:
    """Fill `out` with the mean of the last `period` values; NaN before there are as many."""
    bars = values.shape[0]
    for bar in range(min(period - 1, bars)):
        out[bar] = np.nan
    total = 0.0
    for bar in range(period - 1, bars):
        # A running sum collects rounding; it starts anew every 1,024 bars.
        if bar == period - 1 or bar % 1024 == 0:
            total = 0.0
            for back in range(bar - period + 1, bar + 1):
                total += values[back]
        else:
            total += values[bar] - values[bar - period]
        out[bar] = total / period

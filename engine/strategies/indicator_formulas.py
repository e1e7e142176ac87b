"""Formulas that several indicators share; each fills one array over a whole path.

Definitions and sources are in `engine.strategies.indicators`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.strategies.simple_means import blank

__all__ = ["deviation", "ema", "extreme", "true_range", "wma"]

# A running sum collects rounding, so it starts anew at every multiple of this.
_FRESH: Final = 1024
# A sum of squared deviations below this share of the squares it is the difference of has lost
# half its digits.
_CANCELLED: Final = 1e-6


@called
def ema(
    values: NDArray[np.float64], weight: float, period: int, start: int, out: NDArray[np.float64]
) -> None:
    """Exponential average from `start` on, begun by the mean of `period` values."""
    first = start + period - 1
    blank(out, first)
    if first >= out.shape[0]:
        return
    total = 0.0
    for bar in range(start, first + 1):
        total += values[bar]
    level = total / period
    out[first] = level
    for bar in range(first + 1, out.shape[0]):
        level += weight * (values[bar] - level)
        out[bar] = level


@called
def wma(values: NDArray[np.float64], period: int, start: int, out: NDArray[np.float64]) -> None:
    """Linearly weighted mean of the last `period` values from `start` on."""
    first = start + period - 1
    blank(out, first)
    weights = 0.5 * period * (period + 1)
    total = weighted = 0.0
    for bar in range(first, out.shape[0]):
        if bar == first or bar % _FRESH == 0:
            total = weighted = 0.0
            for back in range(period):
                value = values[bar - back]
                total += value
                weighted += (period - back) * value
        else:
            weighted += period * values[bar] - total
            total += values[bar] - values[bar - period]
        out[bar] = weighted / weights


@called
def true_range(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill `out` with true ranges; that of the first bar is its range alone."""
    out[0] = high[0] - low[0]
    for bar in range(1, out.shape[0]):
        before = close[bar - 1]
        out[bar] = max(high[bar], before) - min(low[bar], before)


@called
def deviation(
    values: NDArray[np.float64], period: int, lost: float, out: NDArray[np.float64]
) -> None:
    """Fill `out` with standard deviations of `period` values, over ``period - lost``."""
    if period <= lost:
        blank(out, out.shape[0])
        return
    blank(out, period - 1)
    origin = total = squares = largest = 0.0
    for bar in range(period - 1, out.shape[0]):
        fresh = bar == period - 1 or bar % _FRESH == 0
        if not fresh:
            new, old = values[bar] - origin, values[bar - period] - origin
            total += new - old
            squares += new * new - old * old
            largest = max(largest, squares)
            # Far from the origin, or after a spike, rounding is all that the squares leave.
            fresh = squares - total * total / period <= _CANCELLED * largest
        if fresh:
            origin = values[bar]
            total, squares = _sums_around(values, bar, period, origin)
            largest = squares
        spread = squares - total * total / period
        out[bar] = math.sqrt(spread / (period - lost)) if spread > 0.0 else 0.0


@part
def _sums_around(
    values: NDArray[np.float64], last: int, period: int, origin: float
) -> tuple[float, float]:
    """Return the sum of the `period` distances to `origin` up to `last`, and of their squares."""
    total = squares = 0.0
    for bar in range(last - period + 1, last + 1):
        change = values[bar] - origin
        total += change
        squares += change * change
    return total, squares


@called
def extreme(
    values: NDArray[np.float64], period: int, side: float, out: NDArray[np.float64]
) -> None:
    """Highest (`side` 1) or lowest (-1) of the last `period` values."""
    blank(out, period - 1)
    at = -1
    for bar in range(min(period - 1, out.shape[0]), out.shape[0]):
        if at <= bar - period:
            at = bar - period + 1
            for later in range(at + 1, bar + 1):
                if side * values[later] >= side * values[at]:
                    at = later
        elif side * values[bar] >= side * values[at]:
            at = bar
        out[bar] = values[at]

"""Directional movement, which two indicators show; its definition is theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.strategies.simple_means import blank

__all__ = ["directional_movement"]


@called
def directional_movement(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    plus: NDArray[np.float64],
    minus: NDArray[np.float64],
    adx: NDArray[np.float64],
) -> None:
    """Fill +DI, -DI and ADX; all are 0 while no bar has moved."""
    blank(plus, period)
    blank(minus, period)
    blank(adx, 2 * period - 1)
    ups = downs = ranges = total = 0.0
    for bar in range(1, plus.shape[0]):
        up, down = _movement(high, low, bar)
        before = close[bar - 1]
        span = max(high[bar], before) - min(low[bar], before)
        if bar < period:
            ups, downs, ranges = ups + up, downs + down, ranges + span
            continue
        ups += up - ups / period
        downs += down - downs / period
        ranges += span - ranges / period
        plus[bar] = 100.0 * ups / ranges if ranges > 0.0 else 0.0
        minus[bar] = 100.0 * downs / ranges if ranges > 0.0 else 0.0
        both = plus[bar] + minus[bar]
        distance = 100.0 * abs(plus[bar] - minus[bar]) / both if both > 0.0 else -1.0
        if bar < 2 * period:
            total += max(distance, 0.0)
            if bar == 2 * period - 1:
                adx[bar] = total / period
        elif distance < 0.0:
            adx[bar] = adx[bar - 1]
        else:
            adx[bar] = adx[bar - 1] + (distance - adx[bar - 1]) / period


@part
def _movement(high: NDArray[np.float64], low: NDArray[np.float64], bar: int) -> tuple[float, float]:
    """Return how far a bar reaches above and below the one before, the smaller of them as 0."""
    up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
    if up > down and up > 0.0:
        return up, 0.0
    if down > up and down > 0.0:
        return 0.0, down
    return 0.0, 0.0

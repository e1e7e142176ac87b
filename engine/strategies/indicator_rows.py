"""The formulas of the indicators: each fills one row of values over a whole path.

Definitions and sources are in `engine.strategies.indicators`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.strategies.indicators import KINDS
from engine.strategies.simple_means import blank, four_smas, sma, twelve_smas

__all__ = ["PLAN_WIDTH", "UNDEFINED", "WORK_ROWS", "fill_row", "fill_rows"]

# Columns of a row's plan: kind, symbol, field, three arguments.
PLAN_WIDTH: Final = 6
WORK_ROWS: Final = 3
UNDEFINED: Final = -1.0  # the kind of a row of NaN

_SMA: Final = KINDS["sma"]
_EMA: Final = KINDS["ema"]
_WMA: Final = KINDS["wma"]
_HMA: Final = KINDS["hma"]
_TRUE_RANGE: Final = KINDS["true_range"]
_ATR: Final = KINDS["atr"]
_DEVIATION: Final = KINDS["deviation"]
_RSI: Final = KINDS["rsi"]
_MACD_LINE: Final = KINDS["macd_line"]
_MACD_SIGNAL: Final = KINDS["macd_signal"]
_MACD_HISTOGRAM: Final = KINDS["macd_histogram"]
_BOLLINGER: Final = KINDS["bollinger"]
_HIGHEST: Final = KINDS["highest"]
_LOWEST: Final = KINDS["lowest"]
_MIDDLE: Final = KINDS["middle"]
_Z_SCORE: Final = KINDS["z_score"]
_MOMENTUM: Final = KINDS["momentum"]

# A running sum collects rounding, so it starts anew at every multiple of this.
_FRESH: Final = 1024
# A sum of squared deviations below this share of the squares it is the difference of has lost
# half its digits.
_CANCELLED: Final = 1e-6


@called
def fill_rows(
    path: NDArray[np.float64],
    plans: NDArray[np.float64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Compute the indicators that `plans` describe on a path of shape (symbols, fields, bars)."""
    row = 0
    while row < plans.shape[0]:
        averages = _smas_from(plans, row)
        if averages > 1:
            values = path[int(plans[row, 1]), int(plans[row, 2])]
            end = row + averages
            if averages > 4:
                twelve_smas(values, plans[row:end], rows[row:end], work)
            else:
                four_smas(values, plans[row:end], rows[row:end], work)
            row = end
        else:
            fill_row(path, plans[row], rows[row], work)
            row += 1


@part
def _smas_from(plans: NDArray[np.float64], first: int) -> int:
    """How many rows from `first` on, up to twelve, are simple averages of one series."""
    count = 0
    for row in range(first, min(first + 12, plans.shape[0])):
        plan = plans[row]
        if plan[0] != _SMA or plan[1] != plans[first, 1] or plan[2] != plans[first, 2]:
            break
        count += 1
    return count


@called
def fill_row(
    path: NDArray[np.float64],
    plan: NDArray[np.float64],
    out: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Compute the indicator that `plan` describes on a path of shape (symbols, fields, bars)."""
    kind, symbol, field = int(plan[0]), int(plan[1]), int(plan[2])
    values = path[symbol, field]
    period = int(plan[3])
    if kind == _SMA:
        sma(values, period, 0, out)
    elif kind == _EMA:
        ema(values, 2.0 / (period + 1.0), period, 0, out)
    elif kind == _WMA:
        wma(values, period, 0, out)
    elif kind == _HMA:
        hma(values, period, out, work)
    elif kind == _TRUE_RANGE:
        true_range(path[symbol], out)
    elif kind == _ATR:
        true_range(path[symbol], work[0])
        ema(work[0], 1.0 / period, period, 0, out)
    elif kind == _DEVIATION:
        deviation(values, period, plan[4], out)
    elif kind == _RSI:
        rsi(values, period, out)
    elif kind in (_MACD_LINE, _MACD_SIGNAL, _MACD_HISTOGRAM):
        macd(values, plan, kind, out, work)
    elif kind == _BOLLINGER:
        sma(values, period, 0, work[0])
        deviation(values, period, 0.0, out)
        for bar in range(out.shape[0]):
            out[bar] = work[0, bar] + plan[5] * plan[4] * out[bar]
    elif kind == _HIGHEST:
        extreme(values, period, 1.0, out)
    elif kind == _LOWEST:
        # Donchian's channel is declared on highs; its lower band reads the lows.
        extreme(path[symbol, int(plan[4])] if plan[4] > 0.0 else values, period, -1.0, out)
    elif kind == _MIDDLE:
        extreme(path[symbol, 1], period, 1.0, work[0])
        extreme(path[symbol, 2], period, -1.0, out)
        for bar in range(out.shape[0]):
            out[bar] = 0.5 * (work[0, bar] + out[bar])
    elif kind == _Z_SCORE:
        sma(values, period, 0, work[0])
        deviation(values, period, 1.0, out)
        for bar in range(out.shape[0]):
            spread = out[bar]
            out[bar] = (values[bar] - work[0, bar]) / spread if spread > 0.0 else math.nan
    elif kind == _MOMENTUM:
        blank(out, period)
        for bar in range(period, out.shape[0]):
            out[bar] = values[bar] / values[bar - period] - 1.0
    else:
        blank(out, out.shape[0])


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
def hma(
    values: NDArray[np.float64], period: int, out: NDArray[np.float64], work: NDArray[np.float64]
) -> None:
    """Hull's moving average."""
    wma(values, max(period // 2, 1), 0, work[0])
    wma(values, period, 0, work[1])
    for bar in range(out.shape[0]):
        work[0, bar] = 2.0 * work[0, bar] - work[1, bar]
    wma(work[0], max(int(math.sqrt(period)), 1), period - 1, out)


@called
def true_range(bars: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Fill `out` with true ranges of bars of shape (fields, bars); first the range alone."""
    out[0] = bars[1, 0] - bars[2, 0]
    for bar in range(1, out.shape[0]):
        close = bars[3, bar - 1]
        out[bar] = max(bars[1, bar], close) - min(bars[2, bar], close)


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
def rsi(values: NDArray[np.float64], period: int, out: NDArray[np.float64]) -> None:
    """Wilder's relative strength index."""
    blank(out, period)
    gain = loss = 0.0
    for bar in range(1, out.shape[0]):
        change = values[bar] - values[bar - 1]
        up, down = max(change, 0.0), max(-change, 0.0)
        if bar <= period:
            gain += up / period
            loss += down / period
        else:
            gain += (up - gain) / period
            loss += (down - loss) / period
        if bar >= period:
            total = gain + loss
            out[bar] = 100.0 * gain / total if total > 0.0 else 50.0


@called
def macd(
    values: NDArray[np.float64],
    plan: NDArray[np.float64],
    kind: int,
    out: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """One row of the MACD."""
    fast, slow, signal = int(plan[3]), int(plan[4]), int(plan[5])
    ema(values, 2.0 / (fast + 1.0), fast, 0, work[0])
    ema(values, 2.0 / (slow + 1.0), slow, 0, work[1])
    for bar in range(out.shape[0]):
        work[0, bar] -= work[1, bar]
    if kind == _MACD_LINE:
        for bar in range(out.shape[0]):
            out[bar] = work[0, bar]
        return
    ema(work[0], 2.0 / (signal + 1.0), signal, max(fast, slow) - 1, out)
    if kind == _MACD_HISTOGRAM:
        for bar in range(out.shape[0]):
            out[bar] = work[0, bar] - out[bar]


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

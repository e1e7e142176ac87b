"""The built-in indicators; each distinct one is computed once per path.

Parameter sets that share an indicator and its arguments share its values. A value is NaN until
there are bars enough for it.
"""

# The indicators are named as traders name them.

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import deviation, ema, extreme, true_range, wma
from engine.strategies.parameters import Float, Int
from engine.strategies.simple_means import blank, fill_smas, sma

__all__ = [
    "ATR",
    "EMA",
    "HMA",
    "MACD",
    "RSI",
    "SMA",
    "WMA",
    "BollingerBands",
    "Donchian",
    "Highest",
    "Lowest",
    "Momentum",
    "StandardDeviation",
    "TrueRange",
    "ZScore",
]

_Series: TypeAlias = NDArray[np.float64]


class SMA(Indicator):
    """Simple moving average: the mean of the last `period` bars, by default 20."""

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill one row of averages."""
        sma(values, period, 0, out)

    @staticmethod
    def fill_group(path: _Series, plans: _Series, rows: _Series, work: _Series) -> None:
        """Fill many rows of averages, those of one series side by side."""
        fill_smas(path, plans, rows, work)


class EMA(Indicator):
    """Exponential moving average with weight ``2 / (period + 1)``, by default of 20 bars.

    It starts as the mean of the first `period` bars.
    """

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the mean that it starts as, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the average."""
        ema(values, 2.0 / (period + 1.0), period, 0, out)


class WMA(Indicator):
    """Linearly weighted moving average, by default of 20 bars; the current bar weighs `period`."""

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the average."""
        wma(values, period, 0, out)


class HMA(Indicator):
    """Hull's moving average, ``WMA(2 WMA(n / 2) - WMA(n), sqrt(n))`` (Hull, 2005), n by default 16.

    Half and root of the period are rounded down.
    """

    period = Int(16, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the longer average and of the outer one, less the last of each."""
        return period - 1 + math.isqrt(period) - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the average."""
        inner = np.empty(out.shape[0])
        wma(values, max(period // 2, 1), 0, inner)
        wma(values, period, 0, out)
        for bar in range(out.shape[0]):
            inner[bar] = 2.0 * inner[bar] - out[bar]
        wma(inner, max(int(math.sqrt(period)), 1), period - 1, out)


class TrueRange(Indicator):
    """Wilder's true range: the bar's range, extended to the previous close (1978)."""

    reads = ("high", "low", "close")

    @staticmethod
    def fill(high: _Series, low: _Series, close: _Series, out: _Series) -> None:
        """Fill the ranges."""
        true_range(high, low, close, out)


class ATR(Indicator):
    """Wilder's average true range: smoothed with weight ``1 / period``, by default 14 (1978).

    It starts as the mean of the first `period` true ranges.
    """

    period = Int(14, low=1)
    reads = ("high", "low", "close")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the mean that it starts as, less the last."""
        return period - 1

    @staticmethod
    def fill(high: _Series, low: _Series, close: _Series, period: int, out: _Series) -> None:
        """Fill the average of the ranges."""
        ranges = np.empty(out.shape[0])
        true_range(high, low, close, ranges)
        ema(ranges, 1.0 / period, period, 0, out)


class StandardDeviation(Indicator):
    """Standard deviation of the last `period` bars, by default 20 (divided by ``period - 1``)."""

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the deviations."""
        deviation(values, period, 1.0, out)


class RSI(Indicator):
    """Wilder's relative strength index, 0 to 100, by default of 14 bars (1978).

    Mean gains and losses start as means of the first `period` changes and are smoothed with
    weight ``1 / period``; 50 where nothing has changed.
    """

    period = Int(14, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the first `period` changes, less the last."""
        return period

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the index."""
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


class MACD(Indicator):
    """Appel's MACD (1979), rows ``line``, ``signal`` and ``histogram``; by default 12, 26, 9."""

    fast = Int(12, low=1)
    slow = Int(26, low=1)
    signal = Int(9, low=1)
    outputs = ("line", "signal", "histogram")

    @staticmethod
    def warm_up(fast: int, slow: int, signal: int) -> int:
        """Bars of the slower average and of the signal, less the last of each."""
        return max(fast, slow) - 1 + signal - 1

    @staticmethod
    def fill(
        values: _Series,
        fast: int,
        slow: int,
        signal: int,
        line: _Series,
        average: _Series,
        histogram: _Series,
    ) -> None:
        """Fill line, signal and their difference."""
        ema(values, 2.0 / (fast + 1.0), fast, 0, line)
        ema(values, 2.0 / (slow + 1.0), slow, 0, histogram)
        for bar in range(line.shape[0]):
            line[bar] -= histogram[bar]
        ema(line, 2.0 / (signal + 1.0), signal, max(fast, slow) - 1, average)
        for bar in range(line.shape[0]):
            histogram[bar] = line[bar] - average[bar]


class BollingerBands(Indicator):
    """Bollinger's bands (2001), rows ``upper``, ``middle`` and ``lower``; by default 20 and 2.

    The mean of the last `period` bars and `width` standard deviations (divided by ``period``)
    on either side.
    """

    period = Int(20, low=1)
    width = Float(2.0)
    outputs = ("upper", "middle", "lower")

    @staticmethod
    def warm_up(period: int, width: float) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(
        values: _Series,
        period: int,
        width: float,
        upper: _Series,
        middle: _Series,
        lower: _Series,
    ) -> None:
        """Fill the bands."""
        sma(values, period, 0, middle)
        deviation(values, period, 0.0, lower)
        for bar in range(middle.shape[0]):
            distance = width * lower[bar]
            upper[bar] = middle[bar] + distance
            lower[bar] = middle[bar] - distance


class Highest(Indicator):
    """Highest value of the last `period` bars, by default 20, the current one included."""

    period = Int(20, low=1)
    reads = ("high",)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the highest values."""
        extreme(values, period, 1.0, out)


class Lowest(Indicator):
    """Lowest value of the last `period` bars, by default 20, the current one included."""

    period = Int(20, low=1)
    reads = ("low",)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the lowest values."""
        extreme(values, period, -1.0, out)


class Donchian(Indicator):
    """Donchian's channel, rows ``upper``, ``middle`` and ``lower``, by default of 20 bars.

    Highest high, lowest low and their mean over the last `period` bars, the current one
    included: for a breakout compare with the channel one bar ago.
    """

    period = Int(20, low=1)
    reads = ("high", "low")
    outputs = ("upper", "middle", "lower")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(
        high: _Series, low: _Series, period: int, upper: _Series, middle: _Series, lower: _Series
    ) -> None:
        """Fill the channel."""
        extreme(high, period, 1.0, upper)
        extreme(low, period, -1.0, lower)
        for bar in range(middle.shape[0]):
            middle[bar] = 0.5 * (upper[bar] + lower[bar])


class ZScore(Indicator):
    """Distance to the mean of the last `period` bars, by default 20, in standard deviations.

    The deviation is divided by ``period - 1``; NaN where it is zero.
    """

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the scores."""
        mean = np.empty(out.shape[0])
        sma(values, period, 0, mean)
        deviation(values, period, 1.0, out)
        for bar in range(out.shape[0]):
            spread = out[bar]
            out[bar] = (values[bar] - mean[bar]) / spread if spread > 0.0 else math.nan


class Momentum(Indicator):
    """Relative change over `period` bars, by default 10."""

    period = Int(10, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the change, less the last."""
        return period

    @staticmethod
    def fill(values: _Series, period: int, out: _Series) -> None:
        """Fill the changes."""
        blank(out, period)
        for bar in range(period, out.shape[0]):
            out[bar] = values[bar] / values[bar - period] - 1.0

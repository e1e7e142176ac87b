"""Moving averages: simple, exponential, weighted, and Hull's."""

from __future__ import annotations

import math

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import ema, wma
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import fill_smas, sma

__all__ = ["EMA", "HMA", "SMA", "WMA"]


class SMA(Indicator):
    """Simple moving average: the mean of the last `period` bars, by default 20."""

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill one row of averages."""
        sma(values, period, 0, out)

    @staticmethod
    def fill_group(path: Values, plans: Values, rows: Values, work: Values) -> None:
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
    def fill(values: Values, period: int, out: Values) -> None:
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
    def fill(values: Values, period: int, out: Values) -> None:
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
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill the average."""
        inner = np.empty(out.shape[0])
        wma(values, max(period // 2, 1), 0, inner)
        wma(values, period, 0, out)
        for bar in range(out.shape[0]):
            inner[bar] = 2.0 * inner[bar] - out[bar]
        wma(inner, max(int(math.sqrt(period)), 1), period - 1, out)

"""Wilder's true range and its average."""

from __future__ import annotations

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import ema, true_range
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int

__all__ = ["ATR", "TrueRange"]


class TrueRange(Indicator):
    """Wilder's true range: the bar's range, extended to the previous close (1978)."""

    reads = ("high", "low", "close")

    @staticmethod
    def fill(high: Values, low: Values, close: Values, out: Values) -> None:
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
    def fill(high: Values, low: Values, close: Values, period: int, out: Values) -> None:
        """Fill the average of the ranges."""
        ranges = np.empty(out.shape[0])
        true_range(high, low, close, ranges)
        ema(ranges, 1.0 / period, period, 0, out)

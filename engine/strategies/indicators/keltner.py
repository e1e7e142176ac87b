"""Keltner's channel."""

from __future__ import annotations

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import ema, true_range
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Float, Int

__all__ = ["Keltner"]


class Keltner(Indicator):
    """Keltner's channel (1960), rows ``upper``, ``middle``, ``lower``; by default 20, 2 and 10.

    As Raschke draws it: the exponential average of `period` closes, and `width` average true
    ranges (Wilder's, of `ranges` bars) on either side.
    """

    period = Int(20, low=1)
    width = Float(2.0)
    ranges = Int(10, low=1)
    reads = ("high", "low", "close")
    outputs = ("upper", "middle", "lower")

    @staticmethod
    def warm_up(period: int, width: float, ranges: int) -> int:
        """Bars of the slower of both means, less the last."""
        return max(period, ranges) - 1

    @staticmethod
    def fill(
        high: Values,
        low: Values,
        close: Values,
        period: int,
        width: float,
        ranges: int,
        upper: Values,
        middle: Values,
        lower: Values,
    ) -> None:
        """Fill the channel."""
        true = np.empty(middle.shape[0])
        true_range(high, low, close, true)
        ema(true, 1.0 / ranges, ranges, 0, lower)
        ema(close, 2.0 / (period + 1.0), period, 0, middle)
        for bar in range(middle.shape[0]):
            distance = width * lower[bar]
            upper[bar] = middle[bar] + distance
            lower[bar] = middle[bar] - distance

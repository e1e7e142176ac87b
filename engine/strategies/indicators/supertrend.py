"""Seban's supertrend."""

from __future__ import annotations

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import ema, true_range
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Float, Int
from engine.strategies.simple_means import blank

__all__ = ["Supertrend"]


class Supertrend(Indicator):
    """Seban's supertrend, rows ``line`` and ``direction``; by default 10 bars and 3 mean ranges.

    Bands `width` average true ranges (Wilder's, of `period` bars) around the middle of the bar;
    the lower never falls while the close before held it, the upper never rises. ``direction`` is
    1 while the lower band is the line, -1 while the upper one is, and turns at a close beyond the
    line; it begins at -1. The same as TradingView's (2020), whose direction has the other sign.
    """

    period = Int(10, low=1)
    width = Float(3.0, low=0.0)
    reads = ("high", "low", "close")
    outputs = ("line", "direction")

    @staticmethod
    def warm_up(period: int, width: float) -> int:
        """Bars of the first mean range, less the last."""
        return period - 1

    @staticmethod
    def fill(
        high: Values,
        low: Values,
        close: Values,
        period: int,
        width: float,
        line: Values,
        direction: Values,
    ) -> None:
        """Fill the line and the side that it is on."""
        ranges = np.empty(line.shape[0])
        true_range(high, low, close, ranges)
        ema(ranges, 1.0 / period, period, 0, direction)
        blank(line, period - 1)
        above = below = 0.0
        side = -1.0
        for bar in range(period - 1, line.shape[0]):
            middle, distance = 0.5 * (high[bar] + low[bar]), width * direction[bar]
            upper, lower = middle + distance, middle - distance
            if bar >= period:
                before = close[bar - 1]
                upper = upper if upper < above or before > above else above
                lower = lower if lower > below or before < below else below
                if side < 0.0:
                    side = 1.0 if close[bar] > upper else -1.0
                else:
                    side = -1.0 if close[bar] < lower else 1.0
            above, below = upper, lower
            line[bar] = lower if side > 0.0 else upper
            direction[bar] = side

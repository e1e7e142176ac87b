"""Linear regression on the number of the bar."""

from __future__ import annotations

from engine.strategies.indicator import Indicator
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import blank

__all__ = ["LinearRegression"]


class LinearRegression(Indicator):
    """Straight line of least squares through the last `period` bars, by default 14.

    Rows ``line``, its end at the current bar, and ``slope``, its rise from bar to bar.
    """

    period = Int(14, low=2)
    outputs = ("line", "slope")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: Values, period: int, line: Values, slope: Values) -> None:
        """Fill the ends of the lines and their slopes."""
        blank(line, period - 1)
        blank(slope, period - 1)
        # Sums start anew, around another origin, before they collect rounding.
        every = max(period, 64)
        squares = period * (period * period - 1.0) / 12.0
        middle = 0.5 * (period - 1.0)
        origin = total = weighted = 0.0
        for bar in range(period - 1, line.shape[0]):
            first = bar - period + 1
            if bar == period - 1 or bar % every == 0:
                origin = values[bar]
                total = weighted = 0.0
                for number in range(period):
                    change = values[first + number] - origin
                    total += change
                    weighted += number * change
            else:
                gone, new = values[first - 1] - origin, values[bar] - origin
                weighted += (period - 1) * new - (total - gone)
                total += new - gone
            rise = (weighted - middle * total) / squares
            slope[bar] = rise
            line[bar] = origin + total / period + rise * middle

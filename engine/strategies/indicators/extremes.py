"""Highest and lowest values, and Donchian's channel of them."""

from __future__ import annotations

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import extreme
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int

__all__ = ["Donchian", "Highest", "Lowest"]


class Highest(Indicator):
    """Highest value of the last `period` bars, by default 20, the current one included."""

    period = Int(20, low=1)
    reads = ("high",)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: Values, period: int, out: Values) -> None:
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
    def fill(values: Values, period: int, out: Values) -> None:
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
        high: Values, low: Values, period: int, upper: Values, middle: Values, lower: Values
    ) -> None:
        """Fill the channel."""
        extreme(high, period, 1.0, upper)
        extreme(low, period, -1.0, lower)
        for bar in range(middle.shape[0]):
            middle[bar] = 0.5 * (upper[bar] + lower[bar])

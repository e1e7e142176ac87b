"""Standard deviations, and distances measured in them."""

from __future__ import annotations

import math

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import deviation
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Float, Int
from engine.strategies.simple_means import sma

__all__ = ["BollingerBands", "StandardDeviation", "ZScore"]


class StandardDeviation(Indicator):
    """Standard deviation of the last `period` bars, by default 20 (divided by ``period - 1``)."""

    period = Int(20, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill the deviations."""
        deviation(values, period, 1.0, out)


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
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill the scores."""
        mean = np.empty(out.shape[0])
        sma(values, period, 0, mean)
        deviation(values, period, 1.0, out)
        for bar in range(out.shape[0]):
            spread = out[bar]
            out[bar] = (values[bar] - mean[bar]) / spread if spread > 0.0 else math.nan


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
        values: Values,
        period: int,
        width: float,
        upper: Values,
        middle: Values,
        lower: Values,
    ) -> None:
        """Fill the bands."""
        sma(values, period, 0, middle)
        deviation(values, period, 0.0, lower)
        for bar in range(middle.shape[0]):
            distance = width * lower[bar]
            upper[bar] = middle[bar] + distance
            lower[bar] = middle[bar] - distance

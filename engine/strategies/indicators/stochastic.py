"""Lane's stochastic oscillator."""

from __future__ import annotations

import numpy as np

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import extreme
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import blank, sma

__all__ = ["Stochastic"]


class Stochastic(Indicator):
    """Lane's stochastic oscillator, 0 to 100, rows ``k`` and ``d``; by default 14, 3, 3 (1984).

    Where the close lies between lowest low and highest high of the last `period` bars, in percent;
    ``k`` is its simple average over `smooth` bars (1: the fast oscillator), ``d`` that of ``k``
    over `signal`. 50 where the range is nothing, for which TA-Lib has 0.
    """

    period = Int(14, low=1)
    smooth = Int(3, low=1)
    signal = Int(3, low=1)
    reads = ("high", "low", "close")
    outputs = ("k", "d")

    @staticmethod
    def warm_up(period: int, smooth: int, signal: int) -> int:
        """Bars of the range and of both averages, less the last of each."""
        return period - 1 + smooth - 1 + signal - 1

    @staticmethod
    def fill(
        high: Values,
        low: Values,
        close: Values,
        period: int,
        smooth: int,
        signal: int,
        k: Values,
        d: Values,
    ) -> None:
        """Fill the oscillator and its average."""
        lowest = np.empty(k.shape[0])
        extreme(low, period, -1.0, lowest)
        extreme(high, period, 1.0, d)
        blank(lowest, period - 1)
        for bar in range(period - 1, k.shape[0]):
            width = d[bar] - lowest[bar]
            lowest[bar] = 100.0 * (close[bar] - lowest[bar]) / width if width > 0.0 else 50.0
        sma(lowest, smooth, period - 1, k)
        sma(k, signal, period - 1 + smooth - 1, d)

"""Appel's moving average convergence and divergence."""

from __future__ import annotations

from engine.strategies.indicator import Indicator
from engine.strategies.indicator_formulas import ema
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int

__all__ = ["MACD"]


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
        values: Values,
        fast: int,
        slow: int,
        signal: int,
        line: Values,
        average: Values,
        histogram: Values,
    ) -> None:
        """Fill line, signal and their difference."""
        ema(values, 2.0 / (fast + 1.0), fast, 0, line)
        ema(values, 2.0 / (slow + 1.0), slow, 0, histogram)
        for bar in range(line.shape[0]):
            line[bar] -= histogram[bar]
        ema(line, 2.0 / (signal + 1.0), signal, max(fast, slow) - 1, average)
        for bar in range(line.shape[0]):
            histogram[bar] = line[bar] - average[bar]

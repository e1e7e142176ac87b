"""Wilder's directional movement."""

from __future__ import annotations

import numpy as np

from engine.strategies.directional_movement import directional_movement
from engine.strategies.indicator import Indicator
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int

__all__ = ["ADX", "DMI"]


class DMI(Indicator):
    """Wilder's directional movement (1978), rows ``plus``, ``minus``, ``adx``; by default 14 bars.

    The directional indicators +DI and -DI, 0 to 100, and the average of their distance. Sums are
    smoothed as TA-Lib does: begun by the changes of the first ``period - 1`` bars, so that ``plus``
    and ``minus`` are there from bar `period` on; ``adx`` begins as the mean of `period` values.
    """

    period = Int(14, low=2)
    reads = ("high", "low", "close")
    outputs = ("plus", "minus", "adx")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the sums and of the first mean, less the last."""
        return 2 * period - 1

    @staticmethod
    def fill(
        high: Values,
        low: Values,
        close: Values,
        period: int,
        plus: Values,
        minus: Values,
        adx: Values,
    ) -> None:
        """Fill both indicators and the average of their distance."""
        directional_movement(high, low, close, period, plus, minus, adx)


class ADX(Indicator):
    """Wilder's average directional index by itself, 0 to 100, by default of 14 bars; see `DMI`."""

    period = Int(14, low=2)
    reads = ("high", "low", "close")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the sums and of the first mean, less the last."""
        return 2 * period - 1

    @staticmethod
    def fill(high: Values, low: Values, close: Values, period: int, out: Values) -> None:
        """Fill the index."""
        plus, minus = np.empty(out.shape[0]), np.empty(out.shape[0])
        directional_movement(high, low, close, period, plus, minus, out)

"""Relative change."""

from __future__ import annotations

from engine.strategies.indicator import Indicator
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import blank

__all__ = ["Momentum"]


class Momentum(Indicator):
    """Relative change over `period` bars, by default 10."""

    period = Int(10, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the change, less the last."""
        return period

    @staticmethod
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill the changes."""
        blank(out, period)
        for bar in range(period, out.shape[0]):
            out[bar] = values[bar] / values[bar - period] - 1.0

"""Wilder's relative strength index."""

from __future__ import annotations

from engine.strategies.indicator import Indicator
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import blank

__all__ = ["RSI"]


class RSI(Indicator):
    """Wilder's relative strength index, 0 to 100, by default of 14 bars (1978).

    Mean gains and losses start as means of the first `period` changes and are smoothed with
    weight ``1 / period``; 50 where nothing has changed.
    """

    period = Int(14, low=1)

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of the first `period` changes, less the last."""
        return period

    @staticmethod
    def fill(values: Values, period: int, out: Values) -> None:
        """Fill the index."""
        blank(out, period)
        gain = loss = 0.0
        for bar in range(1, out.shape[0]):
            change = values[bar] - values[bar - 1]
            up, down = max(change, 0.0), max(-change, 0.0)
            if bar <= period:
                gain += up / period
                loss += down / period
            else:
                gain += (up - gain) / period
                loss += (down - loss) / period
            if bar >= period:
                total = gain + loss
                out[bar] = 100.0 * gain / total if total > 0.0 else 50.0

"""Average price weighted by volume: since the open of the session, and over some bars."""

from __future__ import annotations

import math

from engine.execution.calling import part
from engine.strategies.indicator import Indicator
from engine.strategies.indicators.values import Values
from engine.strategies.parameters import Int
from engine.strategies.simple_means import blank

__all__ = ["VWAP", "RollingVWAP"]


class VWAP(Indicator):
    """Average price since the open of the session, weighted by volume (Berkowitz et al., 1988).

    The price of a bar is the mean of high, low and close. NaN while nothing was traded.
    """

    reads = ("high", "low", "close", "volume", "session")

    @staticmethod
    def fill(
        high: Values, low: Values, close: Values, volume: Values, session: Values, out: Values
    ) -> None:
        """Fill the averages."""
        worth = units = 0.0
        for bar in range(out.shape[0]):
            if bar > 0 and session[bar] != session[bar - 1]:
                worth = units = 0.0
            worth += _worth(high, low, close, volume, bar)
            units += volume[bar]
            out[bar] = worth / units if units > 0.0 else math.nan


class RollingVWAP(Indicator):
    """Average price of the last `period` bars, by default 20, weighted by volume.

    The price of a bar is the mean of high, low and close. NaN where nothing was traded.
    """

    period = Int(20, low=1)
    reads = ("high", "low", "close", "volume")

    @staticmethod
    def warm_up(period: int) -> int:
        """Bars of a window, less the last."""
        return period - 1

    @staticmethod
    def fill(
        high: Values, low: Values, close: Values, volume: Values, period: int, out: Values
    ) -> None:
        """Fill the averages."""
        blank(out, period - 1)
        # Sums start anew before they collect rounding: now and then, and behind large volumes.
        every = max(period, 64)
        worth = units = largest = 0.0
        traded = 0
        for bar in range(period - 1, out.shape[0]):
            fresh = bar == period - 1 or bar % every == 0
            if not fresh:
                gone = bar - period
                worth += _worth(high, low, close, volume, bar)
                worth -= _worth(high, low, close, volume, gone)
                units += volume[bar] - volume[gone]
                traded += int(volume[bar] > 0.0) - int(volume[gone] > 0.0)
                largest = max(largest, units)
                fresh = units < 1e-3 * largest
            if fresh:
                worth = units = 0.0
                traded = 0
                for place in range(bar - period + 1, bar + 1):
                    worth += _worth(high, low, close, volume, place)
                    units += volume[place]
                    traded += int(volume[place] > 0.0)
                largest = units
            out[bar] = worth / units if traded > 0 else math.nan


@part
def _worth(high: Values, low: Values, close: Values, volume: Values, bar: int) -> float:
    """Mean of high, low and close times the volume."""
    worth: float = (high[bar] + low[bar] + close[bar]) / 3.0 * volume[bar]
    return worth

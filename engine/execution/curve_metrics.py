"""What the equity of one simulation did on its way: extremes, drawdown over time, dependence.

The definitions are those of `engine.statistics.drawdown.summarise_drawdowns` and of
`engine.statistics.autocorrelation`; here they are computed in place, without allocation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.execution.excess import risk_free_return
from engine.execution.layout import BARS_PER_YEAR, START_CASH, TRADED_VALUE
from engine.execution.state import Simulation

__all__ = ["measure", "return_at"]

# As of `engine.execution.metrics`: movements below these shares are rounding.
_ROUNDING: Final = 16.0 * 2.0**-52
# The deepest twentieth of the bars.
_DEEPEST: Final = 20


@part
def measure(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the metrics, in the order of the group ``equity_curve``, into `out`."""
    _extremes(s, out)
    out[3] = _conditional(s, out[3])
    out[5] = _lagged_products(s)


@part
def return_at(s: Simulation, place: int) -> float:
    """Return of the account at a place of the curve above the risk-free rate; 0 once lost."""
    before = s.curve[place - 1] if place > 0 else s.account[START_CASH]
    if before <= 0.0:
        return 0.0
    return s.curve[place] / before - 1.0 - risk_free_return(s, place)


@part
def _below(s: Simulation, place: int, peak: float) -> float:
    """Drawdown at a place of the curve, from 0 up; below a peak by rounding alone is none."""
    equity = s.curve[place]
    if equity >= peak * (1.0 - _ROUNDING) - _ROUNDING * s.account[TRADED_VALUE]:
        return 0.0
    return 1.0 - equity / peak


@called
def _extremes(s: Simulation, out: NDArray[np.float64]) -> None:
    bars = s.curve.shape[0]
    peak = least = s.account[START_CASH]
    squares = deepest = 0.0
    under = 0
    for place in range(bars):
        peak, least = max(peak, s.curve[place]), min(least, s.curve[place])
        below = _below(s, place, peak)
        squares += below * below
        deepest = max(deepest, below)
        if below > 0.0:
            under += 1
    out[0], out[1] = peak, least
    out[2] = math.sqrt(squares / bars)
    out[3] = deepest
    out[4] = under / bars


@called
def _conditional(s: Simulation, deepest: float) -> float:
    """Mean of the deepest twentieth of the drawdowns; a fraction of a bar counts by its fraction.

    With v the drawdown that as many bars exceed as the twentieth holds whole, it is v plus the sum
    of what the deeper ones exceed it by, over the size. v is found by halving between drawdowns
    that occur, which needs no second copy of the curve.
    """
    bars = s.curve.shape[0]
    whole = bars // _DEEPEST
    low, high = 0.0, deepest
    while low < high:
        middle = 0.5 * (low + high)
        if middle >= high:  # no number lies between them
            middle = low
        more = 0
        above, at_most = high, 0.0
        peak = s.account[START_CASH]
        for place in range(bars):
            peak = max(peak, s.curve[place])
            below = _below(s, place, peak)
            if below > middle:
                more += 1
                above = min(above, below)
            else:
                at_most = max(at_most, below)
        if more > whole:
            low = above
        else:
            high = at_most
    peak = s.account[START_CASH]
    beyond = 0.0
    for place in range(bars):
        peak = max(peak, s.curve[place])
        beyond += max(_below(s, place, peak) - high, 0.0)
    return high + beyond / (bars / _DEEPEST)


@called
def _lagged_products(s: Simulation) -> float:
    """Sum over lags k of (1 - k / (lags + 1)) (1 - k / q) sum_t r_t r_(t - k), q bars a year."""
    bars = s.curve.shape[0]
    year = s.rules[0, BARS_PER_YEAR]
    lags = _lags(bars)
    found = 0.0
    for lag in range(1, lags + 1):
        if lag < year:
            products = 0.0
            for place in range(lag, bars):
                products += return_at(s, place) * return_at(s, place - lag)
            found += (1.0 - lag / (lags + 1.0)) * (1.0 - lag / year) * products
    return found


@part
def _lags(bars: int) -> int:
    """Return 4 (bars / 100)^(2/9), rounded down and below the bars, by products alone."""
    lags = 0
    bound = (bars / 100.0) * (bars / 100.0)
    while lags + 1 < bars:
        share = (lags + 1) / 4.0
        cube = share * share * share
        if cube * cube * cube > bound:
            break
        lags += 1
    return lags

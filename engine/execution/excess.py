"""Returns above the risk-free rate: the ratios and the sums that follow from them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    BARS_PER_YEAR,
    NO_RATE,
    RISK_FREE,
    RISK_FREE_FIELD,
    START_CASH,
    STATUS,
)
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["excess_over", "has_risk_free", "risk_free_return"]


@part
def has_risk_free(s: Simulation) -> bool:
    """Whether returns count above a rate other than zero."""
    return s.rules[0, RISK_FREE] != 0.0 or s.rules[0, RISK_FREE_FIELD] != 0.0


@part
def risk_free_return(s: Simulation, place: int) -> float:
    """Risk-free return of the bar at a place of the curve, by the time since the bar before."""
    if not has_risk_free(s):
        return 0.0
    return _return_of(s, place)


@rare
def _return_of(s: Simulation, place: int) -> float:
    keep_apart()
    bar = place + first_trading_bar(s)
    field = int(s.rules[0, RISK_FREE_FIELD])
    rate = s.path[0, field, max(bar - 1, 0)] if field != 0 else s.rules[0, RISK_FREE]
    if rate != rate:
        s.counts[STATUS] = NO_RATE
        rate = 0.0
    return rate / s.rules[0, BARS_PER_YEAR] * _time_of(s, place)


@part
def _time_of(s: Simulation, place: int) -> float:
    """Time of the bar at a place of the curve since the bar before, in mean bars."""
    return s.elapsed[place + first_trading_bar(s)] if s.elapsed.shape[0] > 0 else 1.0


@rare
def excess_over(s: Simulation, rounding: float, out: NDArray[np.float64]) -> tuple[float, float]:
    """Write the Sharpe and Sortino ratios of the returns above the risk-free rate.

    Returns
    -------
    tuple of float
        Sum of squares of these returns about their mean, and their sum.
    """
    keep_apart()
    curve = s.curve
    bars = curve.shape[0]
    added_up = falls = rises = free = time = 0.0
    before = s.account[START_CASH]
    for bar in range(bars):
        rate = risk_free_return(s, bar)
        change = curve[bar] / before - 1.0 - rate
        before = curve[bar]
        free += rate
        time += _time_of(s, bar)
        added_up += change
        falls += min(change, 0.0) ** 2
        rises += max(change, 0.0)
    mean = added_up / bars
    apart = 0.0
    before = s.account[START_CASH]
    for bar in range(bars):
        off = curve[bar] / before - 1.0 - risk_free_return(s, bar) - mean
        before = curve[bar]
        apart += off * off
    annual = math.sqrt(s.rules[0, BARS_PER_YEAR])
    out[4] = out[5] = math.nan
    if bars > 1:
        deviation = math.sqrt(apart / (bars - 1))
        if deviation > rounding:
            out[4] = mean / deviation * annual
    downside = math.sqrt(falls / bars)
    if downside > rounding:
        out[5] = mean / downside * annual
    out[29], out[30] = falls, rises
    out[31] = free / time * s.rules[0, BARS_PER_YEAR]
    return apart, added_up

"""The metrics of one simulation, from its equity curve and its trade totals.

The definitions, with formulas and sources, are those of `engine.statistics.performance`; here
they are computed in place, without allocation, with our own ``exp`` and ``log``.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.elementary import exp, log
from engine.compiled.intrinsics import keep_apart
from engine.compiled.lanes import (
    any_reaches,
    four,
    four_at,
    four_times,
    higher,
    highest,
    lower,
    lowest,
    total,
)
from engine.execution.calling import part, rare
from engine.execution.excess import excess_over, has_risk_free, risk_free_return
from engine.execution.layout import (
    BARS_PER_YEAR,
    COMMISSION_PAID,
    DURATION_MAX,
    DURATION_SUM,
    EXPOSED,
    LOSSES,
    LOST,
    MAE_SUM,
    MARGIN_CALLS,
    MFE_SUM,
    REJECTED,
    REJECTIONS,
    SLIPPAGE_PAID,
    START_CASH,
    STREAK_MAX,
    TRADED_VALUE,
    TRADES,
    WINS,
    WON,
)
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.state import Simulation

__all__ = ["summarise"]

_LARGEST_RATE: Final = 690.0
# Share of prices, equity and values traded below which a movement is rounding.
_ROUNDING: Final = 16.0 * 2.0**-52


@part
def summarise(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the metrics, in the order of `METRIC_NAMES`, into `out`."""
    for index in range(len(METRIC_NAMES)):
        out[index] = np.nan
    _growth(s, out)
    equities = _returns(s, out)
    out[31] = 0.0
    if has_risk_free(s):
        _returns_above(s, equities, out)
    _drawdown(s, out)
    _trades(s, out)
    bars = s.curve.shape[0]
    if equities > 0.0:
        years = bars / s.rules[0, BARS_PER_YEAR]
        out[18] = s.account[TRADED_VALUE] / (equities / bars) / years


@part
def _growth(s: Simulation, out: NDArray[np.float64]) -> None:
    bars = s.curve.shape[0]
    start = s.account[START_CASH]
    final = s.curve[bars - 1]
    out[0] = final - start
    out[1] = (final - start) / start
    if final > 0.0:
        rate = log(final / start) / (bars / s.rules[0, BARS_PER_YEAR])
        # Beyond that our exp holds its value: the growth has no float64.
        if rate <= _LARGEST_RATE:
            out[2] = exp(rate) - 1.0
    elif final == 0.0:
        out[2] = -1.0
    out[26] = final


@part
def _returns(s: Simulation, out: NDArray[np.float64]) -> float:
    """Write what follows from the returns from bar to bar; give the sum of the equities.

    One pass over the curve. Deviations are from the first return, which is as near to the mean as
    any, and their mean is taken off at the end (Chan, Golub and LeVeque, 1983). Like all sums here
    these are four partial sums: the order of additions is fixed, and none waits for the last.
    """
    curve = s.curve
    bars = curve.shape[0]
    even = bars - bars % 4
    before = s.account[START_CASH]
    first = curve[0] / before - 1.0
    shift, one, zeros = four_times(first), four_times(1.0), four_times(0.0)
    changes = equities = apart = squares = falls = rises = zeros
    for bar in range(0, even, 4):
        equity = four_at(curve, bar)
        if bar == 0:
            earlier = four(before, curve[0], curve[1], curve[2])
        else:
            earlier = four_at(curve, bar - 1)
        change = equity / earlier - one
        off, fall = change - shift, lower(change, zeros)
        changes = changes + change
        equities = equities + equity
        apart = apart + off
        squares = squares + off * off
        falls = falls + fall * fall
        rises = rises + higher(change, zeros)
    for bar in range(even, bars):
        change_one = curve[bar] / (curve[bar - 1] if bar > 0 else before) - 1.0
        off_one, fall_one = change_one - first, min(change_one, 0.0)
        changes = changes + four(change_one, 0.0, 0.0, 0.0)
        equities = equities + four(curve[bar], 0.0, 0.0, 0.0)
        apart = apart + four(off_one, 0.0, 0.0, 0.0)
        squares = squares + four(off_one * off_one, 0.0, 0.0, 0.0)
        falls = falls + four(fall_one * fall_one, 0.0, 0.0, 0.0)
        rises = rises + four(max(change_one, 0.0), 0.0, 0.0, 0.0)
    added_up, held, off_sum = total(changes), total(equities), total(apart)
    about_mean = max(total(squares) - off_sum * off_sum / bars, 0.0)
    mean = added_up / bars
    annual = math.sqrt(s.rules[0, BARS_PER_YEAR])
    # A return is a quotient less 1: up to this its spread is rounding, not variance.
    rounding = _ROUNDING
    if held > 0.0:
        rounding += _noise(s) / (held / bars)
    if bars > 1:
        deviation = math.sqrt(about_mean / (bars - 1))
        out[3] = 0.0
        if deviation > rounding:
            out[3] = deviation * annual
            out[4] = mean / deviation * annual
    downside = math.sqrt(total(falls) / bars)
    if downside > rounding:
        out[5] = mean / downside * annual
    _sums(added_up, about_mean, total(falls), total(rises), bars, rounding, out)
    return held


@rare
def _returns_above(s: Simulation, equities: float, out: NDArray[np.float64]) -> None:
    """Write anew what is counted above the risk-free rate."""
    keep_apart()
    bars = s.curve.shape[0]
    rounding = _ROUNDING
    if equities > 0.0:
        rounding += _noise(s) / (equities / bars)
    about_mean, added_up = excess_over(s, rounding, out)
    _sums(added_up, about_mean, out[29], out[30], bars, rounding, out)


@part
def _sums(
    added_up: float,
    apart: float,
    falls: float,
    rises: float,
    bar_count: int,
    rounding: float,
    out: NDArray[np.float64],
) -> None:
    """Write the sums that ratios pooled over paths follow from; what is rounding counts as 0.

    `apart` is the sum of squares about the mean.
    """
    if apart <= rounding * rounding * bar_count:
        apart = 0.0
    if falls <= rounding * rounding * bar_count:
        falls = 0.0
        rises = added_up
    if rises <= rounding * bar_count:
        rises = 0.0
    if falls == 0.0 and rises == 0.0:
        added_up = 0.0
    out[27] = added_up
    out[28] = apart + added_up * added_up / bar_count
    out[29] = falls
    out[30] = rises


@part
def _noise(s: Simulation) -> float:
    """Account currency by which equity may move through the rounding of what was traded."""
    return _ROUNDING * s.account[TRADED_VALUE]


@part
def _drawdown(s: Simulation, out: NDArray[np.float64]) -> None:
    curve = s.curve
    bars = curve.shape[0]
    whole = bars - bars % 8
    noise = _noise(s)
    peak = s.account[START_CASH]
    floor = peak * (1.0 - _ROUNDING) - noise  # as high as the peak, but for rounding
    lowest_since = peak
    worst = 0.0
    longest = 0
    peak_bar = -1
    first = 0
    floors, lows = four_times(floor), four_times(peak)
    while first < bars:
        if first < whole:
            a, b = four_at(curve, first), four_at(curve, first + 4)
            upper, under = higher(a, b), lower(a, b)
            if not any_reaches(upper, floors):
                # No new peak among eight bars, as among most: only their lowest counts.
                lows = lower(lows, under)
                first += 8
                continue
            lowest_since = lowest(lows)
            if lowest_since == peak and lowest(under) == peak and highest(upper) == peak:
                # Nothing is held since the peak.
                peak_bar = first + 7
                first += 8
                continue
        else:
            lowest_since = lowest(lows)
        for bar in range(first, min(first + 8, bars)):
            equity = curve[bar]
            if equity >= floor:
                # The lowest equity below a peak is its drawdown: one division per peak is enough.
                if lowest_since < peak:
                    worst = min(worst, lowest_since / peak - 1.0)
                    longest = max(longest, bar - 1 - peak_bar)
                peak = max(peak, equity)
                floor = peak * (1.0 - _ROUNDING) - noise
                lowest_since = peak
                peak_bar = bar
            else:
                lowest_since = min(lowest_since, equity)
        floors, lows = four_times(floor), four_times(lowest_since)
        first += 8
    lowest_since = lowest(lows)
    if lowest_since < peak:
        worst = min(worst, lowest_since / peak - 1.0)
        longest = max(longest, bars - 1 - peak_bar)
    out[7] = worst
    out[8] = longest
    if worst < 0.0:
        out[6] = out[2] / -worst
    if worst <= -1.0:
        # Nothing is left to earn a return on.
        out[3] = out[4] = out[5] = np.nan
        _sums_to_the_end(s, out)


@part
def _sums_to_the_end(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the sums of an account of which nothing is left: the bars after that earn 0."""
    added_up = squares = falls = rises = 0.0
    before = s.account[START_CASH]
    for bar in range(s.curve.shape[0]):
        change = s.curve[bar] / before - 1.0 - risk_free_return(s, bar)
        before, fall = s.curve[bar], min(change, 0.0)
        added_up += change
        squares += change * change
        falls += fall * fall
        rises += max(change, 0.0)
        if s.curve[bar] <= 0.0:
            break
    out[27] = added_up
    out[28] = squares
    out[29] = falls
    out[30] = rises


@part
def _trades(s: Simulation, out: NDArray[np.float64]) -> None:
    account, counts = s.account, s.counts
    trades, wins, losses = counts[TRADES], counts[WINS], counts[LOSSES]
    out[9] = trades
    if trades > 0:
        out[10] = wins / trades
        out[14] = (account[WON] + account[LOST]) / trades
        out[15] = account[DURATION_SUM] / trades
        out[16] = account[DURATION_MAX]
        out[21] = counts[STREAK_MAX]
        out[22] = account[MFE_SUM] / trades
        out[23] = account[MAE_SUM] / trades
    if wins > 0:
        out[11] = account[WON] / wins
    if losses > 0:
        out[12] = account[LOST] / losses
        out[13] = account[WON] / -account[LOST]
    out[17] = counts[EXPOSED] / s.curve.shape[0]
    out[19] = account[COMMISSION_PAID]
    out[20] = account[SLIPPAGE_PAID]
    rejected = 0
    for reason in range(len(REJECTIONS)):
        rejected += counts[REJECTED + reason]
    out[24] = rejected
    out[25] = counts[MARGIN_CALLS]

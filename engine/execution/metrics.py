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
from engine.execution.calling import part
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
from engine.execution.state import Simulation

__all__ = ["METRIC_NAMES", "summarise"]

METRIC_NAMES: Final = (
    "net_pnl",
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_duration",
    "trades",
    "win_rate",
    "average_win",
    "average_loss",
    "profit_factor",
    "expectancy",
    "average_trade_duration",
    "longest_trade_duration",
    "exposure",
    "turnover",
    "commission",
    "slippage",
    "max_consecutive_losses",
    "average_mfe",
    "average_mae",
    "rejected_orders",
    "margin_calls",
    "final_equity",
)

_LARGEST_RATE: Final = 690.0


@part
def summarise(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the metrics, in the order of `METRIC_NAMES`, into `out`."""
    for index in range(len(METRIC_NAMES)):
        out[index] = np.nan
    _returns(s, out)
    _drawdown(s, out)
    _trades(s, out)


@part
def _returns(s: Simulation, out: NDArray[np.float64]) -> None:
    curve, returns = s.curve, s.returns
    bars = curve.shape[0]
    start = s.account[START_CASH]
    final = curve[bars - 1]
    per_year = s.rules[0, BARS_PER_YEAR]
    years = bars / per_year
    out[0] = final - start
    out[1] = (final - start) / start
    if final > 0.0:
        rate = log(final / start) / years
        # Beyond that our exp holds its value: the growth has no float64.
        if rate <= _LARGEST_RATE:
            out[2] = exp(rate) - 1.0
    elif final == 0.0:
        out[2] = -1.0
    returns[0] = curve[0] / start - 1.0
    for bar in range(1, bars):
        returns[bar] = curve[bar] / curve[bar - 1] - 1.0
    mean = _sum(returns) / bars
    even = bars - bars % 4
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    for bar in range(0, even, 4):
        a += (returns[bar] - mean) * (returns[bar] - mean)
        b += (returns[bar + 1] - mean) * (returns[bar + 1] - mean)
        c += (returns[bar + 2] - mean) * (returns[bar + 2] - mean)
        d += (returns[bar + 3] - mean) * (returns[bar + 3] - mean)
        e += min(returns[bar], 0.0) * min(returns[bar], 0.0)
        f += min(returns[bar + 1], 0.0) * min(returns[bar + 1], 0.0)
        g += min(returns[bar + 2], 0.0) * min(returns[bar + 2], 0.0)
        h += min(returns[bar + 3], 0.0) * min(returns[bar + 3], 0.0)
    for bar in range(even, bars):
        a += (returns[bar] - mean) * (returns[bar] - mean)
        e += min(returns[bar], 0.0) * min(returns[bar], 0.0)
    squares = (a + b) + (c + d)
    downside = (e + f) + (g + h)
    annual = math.sqrt(per_year)
    if bars > 1:
        deviation = math.sqrt(squares / (bars - 1))
        out[3] = deviation * annual
        # Below this the spread of the returns is rounding, not variance.
        if deviation > 1e-14 * abs(mean) and deviation > 0.0:
            out[4] = mean / deviation * annual
    if downside > 0.0:
        out[5] = mean / math.sqrt(downside / bars) * annual
    out[26] = final


@part
def _sum(values: NDArray[np.float64]) -> float:
    """Add up in four partial sums: the order of additions is fixed, and the adder stays busy."""
    a = b = c = d = 0.0
    even = values.shape[0] - values.shape[0] % 4
    for index in range(0, even, 4):
        a += values[index]
        b += values[index + 1]
        c += values[index + 2]
        d += values[index + 3]
    for index in range(even, values.shape[0]):
        a += values[index]
    return (a + b) + (c + d)


@part
def _drawdown(s: Simulation, out: NDArray[np.float64]) -> None:
    curve = s.curve
    bars = curve.shape[0]
    peak = s.account[START_CASH]
    lowest = peak
    worst = 0.0
    longest = 0
    peak_bar = -1
    for bar in range(bars):
        equity = curve[bar]
        if equity >= peak:
            # Of one peak the lowest equity falls furthest: one division per peak will do.
            if lowest < peak:
                worst = min(worst, lowest / peak - 1.0)
                longest = max(longest, bar - 1 - peak_bar)
            peak = equity
            lowest = equity
            peak_bar = bar
        else:
            lowest = min(lowest, equity)
    if lowest < peak:
        worst = min(worst, lowest / peak - 1.0)
        longest = max(longest, bars - 1 - peak_bar)
    out[7] = worst
    out[8] = longest
    if worst < 0.0:
        out[6] = out[2] / -worst
    if worst <= -1.0:
        # Nothing is left to earn a return on.
        out[3] = out[4] = out[5] = np.nan
    mean_equity = _sum(curve) / bars
    if mean_equity > 0.0:
        years = bars / s.rules[0, BARS_PER_YEAR]
        out[18] = s.account[TRADED_VALUE] / mean_equity / years


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

"""Performance of one simulation: the definitions, on plain arrays.

The compiled event loop computes the same numbers in place; tests hold the two together. A value
that is not defined (no trades, no variance, no drawdown) is NaN, never 0 or infinity. What an
account moves by rounding alone is no movement: float64 prices and sums are off by 1e-16 of
themselves, so that equal returns differ in their last bits, and two legs that cancel leave some.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.statistics.path_sums import return_sums

__all__ = [
    "ROUNDING",
    "cagr",
    "calmar_ratio",
    "downside_deviation",
    "drawdowns",
    "expectancy",
    "longest_losing_streak",
    "max_drawdown",
    "max_drawdown_duration",
    "profit_factor",
    "returns_of",
    "sharpe_ratio",
    "sortino_ratio",
    "summary",
    "total_return",
    "turnover",
    "volatility",
    "win_rate",
]

Floats = NDArray[np.float64]

#: Share of prices, equity and values traded below which a movement is rounding: 16 last bits.
ROUNDING: Final = 16.0 * 2.0**-52

# Sums of returns that ratios of many paths follow from.
_SUMS: Final = ("return_sum", "return_squares", "downside_squares", "upside_sum")


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def returns_of(equity: ArrayLike, start: float) -> Floats:
    """Return the simple returns of an equity curve, ``e[t] / e[t-1] - 1`` with ``e[-1] = start``.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close.
    start : float
        Equity before the first bar.

    Returns
    -------
    ndarray, shape (bars,)
        One return per bar, the first included.
    """
    curve = _floats(equity)
    returns: Floats = curve / np.concatenate([[start], curve[:-1]]) - 1.0
    return returns


def total_return(equity: ArrayLike, start: float) -> float:
    """Return ``e[-1] / start - 1``."""
    return float(_floats(equity)[-1] - start) / start


def cagr(equity: ArrayLike, start: float, bars_per_year: float) -> float:
    """Return the compound annual growth rate ``(e[-1] / start)**(bars_per_year / bars) - 1``.

    -1 if nothing is left, NaN if less than nothing is or the growth exceeds ``exp(690)``.
    """
    curve = _floats(equity)
    ratio = float(curve[-1]) / start
    if ratio < 0.0:
        return math.nan
    years = len(curve) / bars_per_year
    if ratio > 1.0 and math.log(ratio) / years > 690.0:
        return math.nan
    return float(ratio ** (bars_per_year / len(curve)) - 1.0)


def volatility(returns: ArrayLike, bars_per_year: float, rounding: float = ROUNDING) -> float:
    """Return the annual volatility, ``std(returns, ddof=1) * sqrt(bars_per_year)``.

    Parameters
    ----------
    returns : array_like, shape (bars,)
        Return of each bar.
    bars_per_year : float
        For annualisation.
    rounding : float
        Standard deviation of a bar's return up to which it is rounding: 0.
    """
    return _deviation(_floats(returns), rounding) * math.sqrt(bars_per_year)


def sharpe_ratio(returns: ArrayLike, bars_per_year: float, rounding: float = ROUNDING) -> float:
    """Return the annual Sharpe ratio of returns above the risk-free rate (Sharpe, 1994).

    ``mean(r) / std(r, ddof=1) * sqrt(bars_per_year)``; NaN where the returns do not vary by more
    than `rounding`. A return is ``e[t] / e[t-1] - 1``, so its rounding is one of 1, however small
    its mean.
    """
    values = _floats(returns)
    deviation = _deviation(values, rounding)
    if not deviation > 0.0:
        return math.nan
    return float(values.mean()) / deviation * math.sqrt(bars_per_year)


def _deviation(values: Floats, rounding: float) -> float:
    if len(values) < 2:
        return math.nan
    deviation = float(values.std(ddof=1))
    return 0.0 if deviation <= rounding else deviation


def downside_deviation(returns: ArrayLike) -> float:
    """Return ``sqrt(mean(min(r, 0)**2))`` over all returns, per bar (Sortino, 1994)."""
    return math.sqrt(float(np.mean(np.minimum(_floats(returns), 0.0) ** 2)))


def sortino_ratio(returns: ArrayLike, bars_per_year: float, rounding: float = ROUNDING) -> float:
    """Return the annual Sortino ratio of returns above their target (Sortino and Price, 1994).

    ``mean(r) / downside_deviation(r) * sqrt(bars_per_year)``; NaN without a negative return,
    those of a downside deviation up to `rounding` included.
    """
    downside = downside_deviation(returns)
    if not downside > rounding:
        return math.nan
    return float(np.mean(_floats(returns))) / downside * math.sqrt(bars_per_year)


def drawdowns(equity: ArrayLike, start: float, noise: float = 0.0) -> Floats:
    """Return equity over its running peak, less 1; the peak begins at `start`.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close.
    start : float
        Equity before the first bar.
    noise : float
        Account currency by which equity may lie below a peak through rounding, beside `ROUNDING`
        of the peak: 0 there.
    """
    curve = _floats(equity)
    peak = np.maximum.accumulate(np.maximum(curve, start))
    below = curve < peak * (1.0 - ROUNDING) - noise
    return np.where(below, curve / peak - 1.0, 0.0)


def max_drawdown(equity: ArrayLike, start: float, noise: float = 0.0) -> float:
    """Return the deepest drawdown, a fraction of the peak, at most 0 (Magdon-Ismail, 2004)."""
    return float(drawdowns(equity, start, noise).min())


def max_drawdown_duration(equity: ArrayLike, start: float, noise: float = 0.0) -> int:
    """Return the most bars in a row below the running peak, recovered or not."""
    below = drawdowns(equity, start, noise) < 0.0
    longest = run = 0
    for under in below:
        run = run + 1 if under else 0
        longest = max(longest, run)
    return longest


def calmar_ratio(
    equity: ArrayLike, start: float, bars_per_year: float, noise: float = 0.0
) -> float:
    """Return `cagr` over the depth of `max_drawdown` (Young, 1991); NaN without a drawdown."""
    depth = -max_drawdown(equity, start, noise)
    return cagr(equity, start, bars_per_year) / depth if depth > 0.0 else math.nan


def win_rate(pnl: ArrayLike) -> float:
    """Return the share of closed trades with a profit after costs."""
    values = _floats(pnl)
    return float(np.mean(values > 0.0)) if len(values) else math.nan


def profit_factor(pnl: ArrayLike) -> float:
    """Return the sum of profits over the sum of losses of closed trades; NaN without a loss."""
    values = _floats(pnl)
    lost = -float(values[values < 0.0].sum())
    return float(values[values > 0.0].sum()) / lost if lost > 0.0 else math.nan


def expectancy(pnl: ArrayLike) -> float:
    """Return the mean profit of a closed trade after costs, in account currency."""
    values = _floats(pnl)
    return float(values.mean()) if len(values) else math.nan


def longest_losing_streak(pnl: ArrayLike) -> float:
    """Return the most losing trades in a row; a trade of exactly 0 neither ends nor extends it."""
    values = _floats(pnl)
    if not len(values):
        return math.nan
    longest = run = 0
    for value in values:
        if value > 0.0:
            run = 0
        elif value < 0.0:
            run += 1
            longest = max(longest, run)
    return float(longest)


def turnover(traded_value: float, equity: ArrayLike, bars_per_year: float) -> float:
    """Return the value bought and sold over mean equity, per year."""
    curve = _floats(equity)
    mean = float(curve.mean())
    return traded_value / mean / (len(curve) / bars_per_year) if mean > 0.0 else math.nan


def summary(
    equity: ArrayLike,
    start: float,
    bars_per_year: float,
    trades: Mapping[str, ArrayLike],
    traded_value: float = 0.0,
    risk_free: ArrayLike = 0.0,
) -> dict[str, float]:
    """Return the metrics that follow from an equity curve and a list of closed trades.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close.
    start : float
        Starting cash.
    bars_per_year : float
        For annualisation.
    trades : mapping
        Columns ``pnl`` (after costs), ``entry_bar``, ``exit_bar``, ``mfe`` and ``mae`` (largest
        favourable and adverse excursion, account currency), oldest exit first.
    traded_value : float
        Value bought and sold, whose rounding is no movement of the account.
    risk_free : array_like, shape (bars,) or ()
        Risk-free return of each bar: ratios and sums are of the returns above it.

    Returns
    -------
    dict
        Names as in a study's results; durations in bars.
    """
    curve = _floats(equity)
    noise = ROUNDING * traded_value
    rounding = ROUNDING
    if float(curve.mean()) > 0.0:
        rounding += noise / float(curve.mean())
    if max_drawdown(curve, start) > -1.0:
        returns = returns_of(curve, start)
    else:
        # Once nothing is left there is nothing to earn a return on.
        returns = np.full(len(curve), math.nan)
    pnl = _floats(trades["pnl"])
    duration = _floats(trades["exit_bar"]) - _floats(trades["entry_bar"])
    won, lost = pnl[pnl > 0.0], pnl[pnl < 0.0]
    years = len(curve) / bars_per_year
    sums = return_sums(curve, start, years, rounding=rounding, risk_free=risk_free)
    above = returns - _floats(risk_free)
    return {
        "net_pnl": float(curve[-1]) - start,
        "total_return": total_return(curve, start),
        "cagr": cagr(curve, start, bars_per_year),
        "volatility": volatility(returns, bars_per_year, rounding),
        "sharpe": sharpe_ratio(above, bars_per_year, rounding),
        "sortino": sortino_ratio(above, bars_per_year, rounding),
        "calmar": calmar_ratio(curve, start, bars_per_year, noise),
        "max_drawdown": max_drawdown(curve, start, noise),
        "max_drawdown_duration": float(max_drawdown_duration(curve, start, noise)),
        "trades": float(len(pnl)),
        "win_rate": win_rate(pnl),
        "average_win": float(won.mean()) if len(won) else math.nan,
        "average_loss": float(lost.mean()) if len(lost) else math.nan,
        "profit_factor": profit_factor(pnl),
        "expectancy": expectancy(pnl),
        "average_trade_duration": float(duration.mean()) if len(pnl) else math.nan,
        "longest_trade_duration": float(duration.max()) if len(pnl) else math.nan,
        "max_consecutive_losses": longest_losing_streak(pnl),
        "average_mfe": float(_floats(trades["mfe"]).mean()) if len(pnl) else math.nan,
        "average_mae": float(_floats(trades["mae"]).mean()) if len(pnl) else math.nan,
        "final_equity": float(curve[-1]),
        **{name: float(sums[name]) for name in _SUMS},
        "risk_free_rate": float(_floats(risk_free).mean()) * bars_per_year,
    }

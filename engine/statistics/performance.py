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

from engine.statistics.drawdown import max_drawdown, max_drawdown_duration
from engine.statistics.path_sums import return_sums
from engine.statistics.rounding import ROUNDING
from engine.statistics.trade_performance import (
    expectancy,
    longest_losing_streak,
    profit_factor,
    win_rate,
)

__all__ = [
    "cagr",
    "calmar_ratio",
    "downside_deviation",
    "returns_of",
    "sharpe_ratio",
    "sortino_ratio",
    "summary",
    "total_return",
    "turnover",
    "volatility",
]

Floats = NDArray[np.float64]

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

    Examples
    --------
    >>> returns_of([110.0, 99.0], 100.0).round(6).tolist()
    [0.1, -0.1]
    """
    curve = _floats(equity)
    returns: Floats = curve / np.concatenate([[start], curve[:-1]]) - 1.0
    return returns


def total_return(equity: ArrayLike, start: float) -> float:
    """Return ``e[-1] / start - 1``.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    start : float
        Equity before the first bar, above 0.

    Returns
    -------
    float
        A fraction of `start`.

    Examples
    --------
    >>> total_return([110.0, 121.0], 100.0)
    0.21
    """
    return float(_floats(equity)[-1] - start) / start


def cagr(equity: ArrayLike, start: float, bars_per_year: float) -> float:
    """Return the compound annual growth rate ``(e[-1] / start)**(bars_per_year / bars) - 1``.

    -1 if nothing is left, NaN if less than nothing is or the growth exceeds ``exp(690)``.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    start : float
        Equity before the first bar, above 0.
    bars_per_year : float
        For annualisation.

    Returns
    -------
    float
        Compound growth per year; -1 where nothing is left.

    Examples
    --------
    >>> round(cagr([110.0, 121.0], 100.0, 1.0), 6)
    0.1
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

    Returns
    -------
    float
        Annual; NaN of fewer than two returns.

    Examples
    --------
    >>> round(volatility([0.01, -0.01, 0.02], 252.0), 4)
    0.2425
    """
    return _deviation(_floats(returns), rounding) * math.sqrt(bars_per_year)


def sharpe_ratio(returns: ArrayLike, bars_per_year: float, rounding: float = ROUNDING) -> float:
    """Return the annual Sharpe ratio of returns above the risk-free rate (Sharpe, 1994).

    ``mean(r) / std(r, ddof=1) * sqrt(bars_per_year)``; NaN where the returns do not vary by more
    than `rounding`. A return is ``e[t] / e[t-1] - 1``, so its rounding is one of 1, however small
    its mean.

    Parameters
    ----------
    returns : array_like, shape (bars,)
        Simple return of each bar.
    bars_per_year : float
        For annualisation.
    rounding : float
        Standard deviation of a bar's return up to which it is rounding.

    Returns
    -------
    float
        Annual.

    Examples
    --------
    >>> round(sharpe_ratio([0.01, -0.01, 0.02], 252.0), 3)
    6.928
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
    """Return ``sqrt(mean(min(r, 0)**2))`` over all returns, per bar (Sortino, 1994).

    Parameters
    ----------
    returns : array_like, shape (bars,)
        Simple return of each bar.

    Returns
    -------
    float
        Per bar; 0 without a negative return.

    Examples
    --------
    >>> round(downside_deviation([0.01, -0.02, 0.0, 0.0]), 4)
    0.01
    """
    return math.sqrt(float(np.mean(np.minimum(_floats(returns), 0.0) ** 2)))


def sortino_ratio(returns: ArrayLike, bars_per_year: float, rounding: float = ROUNDING) -> float:
    """Return the annual Sortino ratio of returns above their target (Sortino and Price, 1994).

    ``mean(r) / downside_deviation(r) * sqrt(bars_per_year)``; NaN without a negative return,
    those of a downside deviation up to `rounding` included.

    Parameters
    ----------
    returns : array_like, shape (bars,)
        Simple return of each bar.
    bars_per_year : float
        For annualisation.
    rounding : float
        Standard deviation of a bar's return up to which it is rounding.

    Returns
    -------
    float
        Annual.

    Examples
    --------
    >>> round(sortino_ratio([0.01, -0.01, 0.02], 252.0), 3)
    18.33
    """
    downside = downside_deviation(returns)
    if not downside > rounding:
        return math.nan
    return float(np.mean(_floats(returns))) / downside * math.sqrt(bars_per_year)


def calmar_ratio(
    equity: ArrayLike, start: float, bars_per_year: float, noise: float = 0.0
) -> float:
    """Return `cagr` over the depth of `max_drawdown` (Young, 1991); NaN without a drawdown.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    start : float
        Equity before the first bar, above 0.
    bars_per_year : float
        For annualisation.
    noise : float
        Account currency by which equity may lie below a peak through rounding.

    Returns
    -------
    float
        Growth per year over the deepest drawdown.

    Examples
    --------
    >>> round(calmar_ratio([110.0, 99.0, 121.0], 100.0, 1.0), 3)
    0.656
    """
    depth = -max_drawdown(equity, start, noise)
    return cagr(equity, start, bars_per_year) / depth if depth > 0.0 else math.nan


def turnover(traded_value: float, equity: ArrayLike, bars_per_year: float) -> float:
    """Return the value bought and sold over mean equity, per year.

    Parameters
    ----------
    traded_value : float
        Value bought and sold, in account currency.
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    bars_per_year : float
        For annualisation.

    Returns
    -------
    float
        Per year; NaN where mean equity is not above 0.

    Examples
    --------
    >>> turnover(400.0, [100.0, 100.0], 1.0)
    2.0
    """
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

    Examples
    --------
    >>> trades = {"pnl": [10.0], "entry_bar": [0], "exit_bar": [1], "mfe": [12.0], "mae": [-3.0]}
    >>> found = summary([105.0, 110.0], 100.0, 252.0, trades)
    >>> found["net_pnl"], found["win_rate"], found["average_trade_duration"]
    (10.0, 1.0, 1.0)
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

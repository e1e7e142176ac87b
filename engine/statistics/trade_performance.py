"""Performance of the closed trades of one simulation: the definitions, on plain arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["expectancy", "longest_losing_streak", "profit_factor", "win_rate"]


def win_rate(pnl: ArrayLike) -> float:
    """Return the share of closed trades with a profit after costs.

    Parameters
    ----------
    pnl : array_like, shape (trades,)
        Profit of each closed trade after costs, in account currency.

    Returns
    -------
    float
        From 0 to 1; NaN without a trade.

    Examples
    --------
    >>> win_rate([3.0, -2.0, 0.0, 1.0])
    0.5
    """
    values = np.asarray(pnl, dtype=np.float64)
    return float(np.mean(values > 0.0)) if len(values) else math.nan


def profit_factor(pnl: ArrayLike) -> float:
    """Return the sum of profits over the sum of losses of closed trades; NaN without a loss.

    Parameters
    ----------
    pnl : array_like, shape (trades,)
        Profit of each closed trade after costs, in account currency.

    Returns
    -------
    float
        From 0 up.

    Examples
    --------
    >>> profit_factor([3.0, -2.0, 1.0])
    2.0
    """
    values = np.asarray(pnl, dtype=np.float64)
    lost = -float(values[values < 0.0].sum())
    return float(values[values > 0.0].sum()) / lost if lost > 0.0 else math.nan


def expectancy(pnl: ArrayLike) -> float:
    """Return the mean profit of a closed trade after costs, in account currency.

    Parameters
    ----------
    pnl : array_like, shape (trades,)
        Profit of each closed trade after costs, in account currency.

    Returns
    -------
    float
        NaN without a trade.

    Examples
    --------
    >>> expectancy([3.0, -2.0, 2.0])
    1.0
    """
    values = np.asarray(pnl, dtype=np.float64)
    return float(values.mean()) if len(values) else math.nan


def longest_losing_streak(pnl: ArrayLike) -> float:
    """Return the most losing trades in a row; a trade of exactly 0 neither ends nor extends it.

    Parameters
    ----------
    pnl : array_like, shape (trades,)
        Profit of each closed trade after costs, in account currency.
        Oldest exit first.

    Returns
    -------
    float
        NaN without a trade.

    Examples
    --------
    >>> longest_losing_streak([3.0, -2.0, 0.0, -1.0, 4.0])
    2.0
    """
    values = np.asarray(pnl, dtype=np.float64)
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

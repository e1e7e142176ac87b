"""How far a value on one history may be off, because the history is short."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.search.equity_runs import equity_of, recording_equity
from engine.search.worlds import Unseen
from engine.statistics.autocorrelation import autocorrelated_sharpe, lag_count

__all__ = ["history_errors", "sum_errors"]

Floats = NDArray[np.float64]

_MOST_POINTS: Final = 100_000
# Sums of what the bars earned; a return over the whole is one as a share of the cash.
_PROFITS: Final = ("mean_net_pnl", "net_pnl")
_RETURNS: Final = ("total_return", "mean_total_return")
_FEWEST_BARS: Final = 10


def history_errors(
    unseen: Unseen,
    sets: Sequence[Mapping[str, Any]],
    statistic: str,
    *,
    workers: str | int | None,
) -> list[float] | None:
    """Return the standard error of a statistic of sets on one history.

    Parameters
    ----------
    unseen : Unseen
        The history.
    sets : sequence of mapping
        Parameter sets.
    statistic : str
        A Sharpe ratio, or what was earned in all.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    list of float or None
        None for another statistic, and of fewer than ten bars.

    Notes
    -----
    Errors by the long-run variance of bars (Newey and West 1987), with 4 (bars / 100)^(2/9) lags:
    of the ratio's influence (`engine.statistics.autocorrelation`), or of the profits. They say what
    another stretch of the same length may bring if nothing changes.
    """
    if statistic not in ("sharpe", *_PROFITS, *_RETURNS):
        return None
    steps = unseen.study.resolve(unseen.market_data).world.steps
    if steps < _FEWEST_BARS:
        return None
    recorded = recording_equity(unseen.study, min(steps, _MOST_POINTS))
    with unseen.prepare(recorded, workers=workers) as prepared:
        equity = equity_of(prepared, [dict(one) for one in sets], unseen.seeds[:1])[:, 0]
        world = prepared.job.world
        per_year = world.bars_per_year * (equity.shape[1] - 1) / world.steps
    gains, before = np.diff(equity, axis=1), equity[:, :-1]
    if statistic == "sharpe":
        returns = np.divide(gains, before, out=np.zeros_like(gains), where=before > 0.0)
        return [float(error) for error in autocorrelated_sharpe(returns, per_year).plain.std_error]
    errors = sum_errors(gains)
    if statistic in _RETURNS:
        errors = errors / equity[:, 0]
    return [float(error) for error in errors]


def sum_errors(gains: Floats) -> Floats:
    """Return the standard error of sums of dependent terms.

    Parameters
    ----------
    gains : ndarray of float64, shape (histories, bars)
        What each bar earned.

    Returns
    -------
    ndarray of float64, shape (histories,)
        The root of bars times the long-run variance, with Bartlett's weights.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(float(sum_errors(rng.normal(size=(1, 10_000)))[0]), -1)
    100.0
    """
    count = gains.shape[1]
    centred = gains - gains.mean(axis=1, keepdims=True)
    long_run = (centred**2).mean(axis=1)
    lags = lag_count(count)
    for lag in range(1, lags + 1):
        product = (centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / count
        long_run = long_run + 2.0 * (1.0 - lag / (lags + 1.0)) * product
    return np.asarray(np.sqrt(np.maximum(long_run, 0.0)) * math.sqrt(count))

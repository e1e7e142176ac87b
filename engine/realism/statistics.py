"""Stylised facts of returns: what a realistic price path has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["STATISTICS", "path_statistics"]

Array = NDArray[np.float64]

STATISTICS = (
    "volatility",
    "skewness",
    "kurtosis",
    "autocorrelation_1",
    "absolute_autocorrelation_1",
    "absolute_autocorrelation_20",
    "leverage_effect",
    "max_drawdown",
    "mean_drawdown",
    "left_tail_index",
    "right_tail_index",
    "worst_return",
)

# Share of the returns on each side that the tail index uses.
_TAIL = 0.025
# Fewest bars: the longest lag must leave some pairs.
_SHORTEST = 50


def path_statistics(returns: Array, bars_per_year: float) -> dict[str, Array]:
    r"""Compute stylised facts of each path.

    Parameters
    ----------
    returns : ndarray, shape (paths, bars)
        Log returns.
    bars_per_year : float
        For the annual volatility.

    Returns
    -------
    dict of str to ndarray, shape (paths,)
        The `STATISTICS`; NaN where a path has none.

    Raises
    ------
    ValueError
        If a path has fewer than 50 bars.

    Notes
    -----
    Kurtosis is raw (normal = 3). The leverage effect is the correlation of a return with the mean
    absolute return of the five bars after it (Cont 2001). Drawdowns are of the price, as negative
    fractions of its running peak. The tail index is Hill's (1975) estimate over the 2.5 % largest
    moves of a side: lower is fatter. ``absolute_autocorrelation_20`` is the mean over lags 11-30.
    """
    r = np.atleast_2d(np.asarray(returns, dtype=np.float64))
    if r.shape[1] < _SHORTEST:
        raise Refusal("returns", f"{r.shape[1]} bars", f">= {_SHORTEST}")
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = r - r.mean(axis=1, keepdims=True)
        variance = np.mean(centred**2, axis=1)
        size = np.abs(r)
        size -= size.mean(axis=1, keepdims=True)
        drawdown = _drawdown(r)
        return {
            "volatility": np.sqrt(variance * bars_per_year),
            "skewness": np.mean(centred**3, axis=1) / variance**1.5,
            "kurtosis": np.mean(centred**4, axis=1) / variance**2,
            "autocorrelation_1": _autocorrelation(centred, 1, 1),
            "absolute_autocorrelation_1": _autocorrelation(size, 1, 1),
            "absolute_autocorrelation_20": _autocorrelation(size, 11, 30),
            "leverage_effect": _leverage(centred, size),
            "max_drawdown": drawdown.min(axis=1),
            "mean_drawdown": drawdown.mean(axis=1),
            "left_tail_index": _tail_index(-r),
            "right_tail_index": _tail_index(r),
            "worst_return": r.min(axis=1),
        }


def _autocorrelation(centred: Array, first: int, last: int) -> Array:
    """Mean of the autocorrelations at lags `first` to `last`."""
    energy = np.sum(centred**2, axis=1)
    total = np.zeros(len(centred))
    for lag in range(first, last + 1):
        total += np.einsum("ij,ij->i", centred[:, lag:], centred[:, : centred.shape[1] - lag])
    return np.asarray(total / energy / (last - first + 1))


def _leverage(centred: Array, size: Array) -> Array:
    count = centred.shape[1] - 5
    ahead = np.mean([size[:, lag : lag + count] for lag in range(1, 6)], axis=0)
    now = centred[:, :count]
    ahead = ahead - ahead.mean(axis=1, keepdims=True)
    now = now - now.mean(axis=1, keepdims=True)
    product = np.einsum("ij,ij->i", now, ahead)
    scale = np.einsum("ij,ij->i", now, now) * np.einsum("ij,ij->i", ahead, ahead)
    return np.asarray(product / np.sqrt(scale))


def _drawdown(returns: Array) -> Array:
    level = np.zeros((returns.shape[0], returns.shape[1] + 1))
    np.cumsum(returns, axis=1, out=level[:, 1:])
    return np.asarray(np.expm1(level - np.maximum.accumulate(level, axis=1))[:, 1:])


def _tail_index(moves: Array) -> Array:
    count = max(int(moves.shape[1] * _TAIL), 2)
    if moves.shape[1] <= count + 1:
        return np.full(len(moves), np.nan)
    largest = -np.partition(-moves, count, axis=1)[:, : count + 1]
    largest = -np.sort(-largest, axis=1)
    threshold = largest[:, -1:]
    spread = np.mean(np.log(largest[:, :-1] / threshold), axis=1)
    return np.asarray(np.where(threshold[:, 0] > 0.0, 1.0 / spread, np.nan))

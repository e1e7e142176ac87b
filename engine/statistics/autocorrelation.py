"""Sharpe ratio of one history whose returns depend on one another, with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile
from engine.statistics.estimates import Estimates, Method
from engine.statistics.linearised import check_confidence

__all__ = ["AutocorrelatedSharpe", "autocorrelated_sharpe", "lag_count", "lag_weights"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AutocorrelatedSharpe:
    """Annual Sharpe ratios of histories.

    Parameters
    ----------
    plain : Estimates
        As if returns were independent, annual by the root of the bars per year.
    corrected : Estimates
        Annual by the variance that the autocorrelations give to a year's return.
    factor : ndarray of float64, shape (histories,)
        The corrected value over the plain one: below 1 where returns trend.
    """

    plain: Estimates
    corrected: Estimates
    factor: Floats


def autocorrelated_sharpe(
    returns: ArrayLike,
    bars_per_year: float,
    *,
    lags: int | None = None,
    confidence: float = 0.95,
) -> AutocorrelatedSharpe:
    """Estimate the annual Sharpe ratio of a history, corrected for autocorrelation.

    Parameters
    ----------
    returns : array_like, shape (bars,) or (histories, bars)
        Returns per bar; no NaN.
    bars_per_year : float
        For annualisation, at least 1.
    lags : int, optional
        Autocorrelations taken into account; by default 4 (bars / 100)^(2/9), rounded down
        (Newey and West 1994).
    confidence : float
        Level of the intervals.

    Returns
    -------
    AutocorrelatedSharpe
        One estimate per history, plain and corrected.

    Raises
    ------
    ValueError
        If there are fewer than ten bars, a return is not finite, or the lags do not fit.

    Notes
    -----
    With q bars a year and autocorrelations rho_k the annual ratio is q / sqrt(q + 2 sum_k (q - k)
    rho_k) times that per bar [1]_, the sum over the lags taken, each weighted by Bartlett's
    1 - k / (lags + 1), which keeps the root real. The error is that of the ratio per bar with
    independent influence (r - m) / s - SR ((r - m)^2 / s^2 - 1) / 2, its long-run variance by
    Newey and West [2]_: the factor is taken as known. It is the error by the history: one path
    has no Monte Carlo error.

    References
    ----------
    .. [1] Lo (2002), "The statistics of Sharpe ratios", Financial Analysts Journal 58.
    .. [2] Newey and West (1987), "A simple, positive semi-definite, heteroskedasticity and
       autocorrelation consistent covariance matrix".

    Examples
    --------
    >>> trend = np.tile([0.02, 0.02, -0.01, -0.01], 25)
    >>> found = autocorrelated_sharpe(trend, 252.0, lags=1)
    >>> round(float(found.plain.value[0]), 2), round(float(found.factor[0]), 3)
    (5.26, 0.995)
    """
    r = np.atleast_2d(np.asarray(returns, dtype=np.float64))
    count = r.shape[1]
    if r.ndim != 2 or count < 10 or not np.isfinite(r).all():
        raise Refusal("returns", f"shape {r.shape}", "(histories, 10 bars or more), all finite")
    taken = lag_count(count) if lags is None else lags
    if not 0 <= taken < count or not bars_per_year >= 1.0:
        raise Refusal(
            "lags, bars_per_year", f"{taken}, {bars_per_year}", f"0 to {count - 1}, from 1"
        )
    mean = r.mean(axis=1, keepdims=True)
    deviation = r.std(axis=1, ddof=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        varies = deviation > 1e-14 * np.abs(mean)
        z = np.where(varies, (r - mean) / deviation, 0.0)
        ratio = np.where(varies, mean / deviation, math.nan)[:, 0]
    influence = z - 0.5 * np.nan_to_num(ratio)[:, None] * (z * z - 1.0)
    influence = influence - influence.mean(axis=1, keepdims=True)
    long_run = (influence**2).mean(axis=1)
    year = np.full(len(r), bars_per_year)
    for lag in range(1, taken + 1):
        weight = 1.0 - lag / (taken + 1.0)
        long_run = long_run + 2.0 * weight * _product(influence, lag)
    for lag, weight in enumerate(lag_weights(taken, bars_per_year).tolist(), 1):
        year = year + 2.0 * bars_per_year * weight * _product(z, lag)
    error = np.sqrt(np.maximum(long_run, 0.0) / count)
    annual = math.sqrt(bars_per_year)
    factor = bars_per_year / np.sqrt(np.maximum(year, 1e-300)) / annual
    return AutocorrelatedSharpe(
        _estimates(ratio * annual, error * annual, count, confidence),
        _estimates(ratio * annual * factor, error * annual * factor, count, confidence),
        np.where(np.isnan(ratio), math.nan, factor),
    )


def lag_count(bar_count: int) -> int:
    """Return how many autocorrelations are taken into account: 4 (bars / 100)^(2/9), rounded down.

    Parameters
    ----------
    bar_count : int
        Returns of a history or a path.

    Returns
    -------
    int
        Below the number of bars.

    Examples
    --------
    >>> lag_count(252), lag_count(2520)
    (4, 8)
    """
    found = 0
    while found + 1 < bar_count and ((found + 1) / 4.0) ** 9 <= (bar_count / 100.0) ** 2:
        found += 1
    return found


def lag_weights(lags: int, bars_per_year: float) -> Floats:
    """Return what the products of returns at each lag weigh in the variance of a year's return.

    Parameters
    ----------
    lags : int
        How many.
    bars_per_year : float
        A year's bars.

    Returns
    -------
    ndarray of float64, shape (lags,)
        (1 - k / (lags + 1)) (1 - k / bars_per_year) for k from 1 on; 0 of a year or more.

    Examples
    --------
    >>> lag_weights(1, 4.0).tolist()
    [0.375]
    """
    lag = np.arange(1.0, lags + 1.0)
    found: Floats = (1.0 - lag / (lags + 1.0)) * np.maximum(1.0 - lag / bars_per_year, 0.0)
    return found


def _product(values: Floats, lag: int) -> Floats:
    found: Floats = np.einsum("hb,hb->h", values[:, lag:], values[:, :-lag]) / values.shape[1]
    return found


def _estimates(value: Floats, error: Floats, count: int, confidence: float) -> Estimates:
    reach = normal_quantile(0.5 + check_confidence(confidence) / 2)
    undefined = np.isnan(value)
    error = np.where(undefined, math.nan, error)
    method = np.where(undefined, Method.UNDEFINED.value, Method.LONG_RUN.value).astype("U24")
    n = np.full(len(value), count, dtype=np.int64)
    return Estimates(value, error, value - reach * error, value + reach * error, n, method)

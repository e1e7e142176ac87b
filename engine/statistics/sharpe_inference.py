"""Inference on Sharpe ratios: their sampling error, and the search that they come from."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_probabilities, normal_quantile
from engine.statistics.linearised import check_confidence

__all__ = [
    "deflated_sharpe_ratio",
    "expected_maximum",
    "expected_maximum_sharpe",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "probabilistic_sharpe_ratio",
]

Floats = NDArray[np.float64]
Formula = Literal["exact", "paper"]


def probabilistic_sharpe_ratio(
    sharpe: ArrayLike,
    benchmark: ArrayLike,
    n: ArrayLike,
    *,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
) -> Floats:
    """Probability that the true Sharpe ratio exceeds a benchmark.

    Parameters
    ----------
    sharpe, benchmark : array_like
        Sharpe ratios per period, not annualised; all arguments are broadcast.
    n : array_like of int
        Returns behind `sharpe`.
    skew, kurtosis : array_like
        Of the returns; the kurtosis is raw (3 for a normal), not excess.

    Returns
    -------
    ndarray of float64
        Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)).

    Raises
    ------
    ValueError
        If there are fewer than two returns, or no distribution has such a skewness and kurtosis.

    References
    ----------
    Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier".

    Examples
    --------
    >>> round(float(probabilistic_sharpe_ratio(0.1, 0.0, 252)), 4)
    0.943
    """
    ratio, count = np.asarray(sharpe, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if np.any(count < 2):
        raise Refusal("n", f"{count.min():g}", "at least 2")
    spread = _spread(ratio, skew, kurtosis)
    ahead = ratio - np.asarray(benchmark, dtype=np.float64)
    return normal_probabilities(ahead * np.sqrt(count - 1.0) / spread)


def minimum_track_record_length(
    sharpe: ArrayLike,
    benchmark: ArrayLike,
    *,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
    confidence: float = 0.95,
) -> Floats:
    """Count the returns needed for the Sharpe ratio to exceed the benchmark at a confidence.

    Infinite where the Sharpe ratio does not exceed it at all.

    Parameters
    ----------
    sharpe, benchmark : array_like
        Sharpe ratios per period, not annualised; all arguments are broadcast.
    skew, kurtosis : array_like
        Of the returns; the kurtosis is raw (3 for a normal), not excess.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    ndarray of float64
        1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / (SR - SR*))^2, z the normal quantile.

    References
    ----------
    Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier".

    Examples
    --------
    >>> round(float(minimum_track_record_length(0.1, 0.0)), 1)
    272.9
    """
    z = normal_quantile(check_confidence(confidence))
    ratio = np.asarray(sharpe, dtype=np.float64)
    spread = _spread(ratio, skew, kurtosis)
    ahead = ratio - np.asarray(benchmark, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ahead > 0.0, 1.0 + (spread * z / ahead) ** 2, math.inf)


def minimum_backtest_length(trials: float, sharpe: float) -> float:
    """Years of history below which the best of worthless trials is expected to show a Sharpe ratio.

    Parameters
    ----------
    trials : float
        Independent trials, at least 1.
    sharpe : float
        Annual Sharpe ratio in the sample.

    Returns
    -------
    float
        (E[max of N normals] / SR)^2: the Sharpe ratio of a worthless strategy over y years has
        about the standard deviation 1 / sqrt(y).

    Raises
    ------
    Refusal
        If the Sharpe ratio is not above 0, or there is less than one trial.

    References
    ----------
    Bailey, Borwein, López de Prado and Zhu (2014), "Pseudo-mathematics and financial charlatanism",
    theorem 1.

    Examples
    --------
    >>> round(minimum_backtest_length(45, 1.0), 1)
    4.9
    """
    if not sharpe > 0.0:
        raise Refusal("sharpe", str(sharpe), "above 0")
    return (expected_maximum(trials) / sharpe) ** 2


def expected_maximum(trials: float, formula: Formula = "exact") -> float:
    """Return the expected maximum of independent standard normal numbers.

    Parameters
    ----------
    trials : float
        How many, at least 1; effective trials need not be whole.
    formula : {"exact", "paper"}
        ``exact`` integrates N x phi(x) Phi(x)^(N - 1); ``paper`` is the approximation
        (1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)) of the papers on the deflated Sharpe ratio, g
        Euler's constant and Z the normal quantile, which is 8 % low at 2 trials, 3 % high at 5
        and 1 % high at 100.

    Returns
    -------
    float
        0 of one trial.

    Raises
    ------
    ValueError
        If there is less than one trial.

    Examples
    --------
    >>> round(expected_maximum(2), 6), round(expected_maximum(100), 5)
    (0.56419, 2.50759)
    """
    if not 1.0 <= trials < math.inf:
        raise Refusal("trials", str(trials), "at least 1")
    if formula not in ("exact", "paper"):
        raise Refusal("formula", repr(formula), "exact, paper")
    if trials == 1.0:
        return 0.0
    if formula == "paper":
        upper = (1.0 - np.euler_gamma) * normal_quantile(1.0 - 1.0 / trials)
        return float(upper + np.euler_gamma * normal_quantile(1.0 - 1.0 / (trials * math.e)))
    x, weights, density, probability = _normal_nodes()
    return float((weights * trials * x * density * probability ** (trials - 1.0)).sum())


def expected_maximum_sharpe(trials: float, variance: float, *, formula: Formula = "exact") -> float:
    """Sharpe ratio that the best of many worthless strategies is expected to show.

    Parameters
    ----------
    trials : float
        Independent trials, at least 1.
    variance : float
        Variance of the Sharpe ratios across trials, per period.
    formula : {"exact", "paper"}
        As in `expected_maximum`.

    Returns
    -------
    float
        sqrt(variance) E[max of N normals].

    Raises
    ------
    Refusal
        If the variance is negative, or there is less than one trial.

    References
    ----------
    Bailey and López de Prado (2014), "The deflated Sharpe ratio".

    Examples
    --------
    >>> round(expected_maximum_sharpe(100, 0.04), 4)
    0.5015
    """
    if not variance >= 0.0:
        raise Refusal("variance", str(variance), "at least 0")
    return math.sqrt(variance) * expected_maximum(trials, formula)


def deflated_sharpe_ratio(
    sharpe: ArrayLike,
    n: ArrayLike,
    *,
    trials: float,
    variance: float,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
    formula: Formula = "exact",
) -> Floats:
    """Probability that a Sharpe ratio is real, given how many strategies were tried.

    Parameters
    ----------
    sharpe : array_like
        Of the chosen strategy, per period.
    n : array_like of int
        Returns behind it.
    trials : float
        Independent trials it was chosen from: `effective_trials`.
    variance : float
        Variance of the trials' Sharpe ratios, per period.
    skew, kurtosis : array_like
        Of its returns; the kurtosis is raw (3 for a normal), not excess.
    formula : {"exact", "paper"}
        Of the expected maximum; the paper's approximation reproduces its printed figures.

    Returns
    -------
    ndarray of float64
        `probabilistic_sharpe_ratio` against `expected_maximum_sharpe`.

    References
    ----------
    Bailey and López de Prado (2014), "The deflated Sharpe ratio".

    Examples
    --------
    >>> round(float(deflated_sharpe_ratio(0.1, 1250, trials=100, variance=0.0004)), 4)
    0.9606
    """
    benchmark = expected_maximum_sharpe(trials, variance, formula=formula)
    return probabilistic_sharpe_ratio(sharpe, benchmark, n, skew=skew, kurtosis=kurtosis)


def _spread(sharpe: Floats, skew: ArrayLike, kurtosis: ArrayLike) -> Floats:
    s, k = np.asarray(skew, dtype=np.float64), np.asarray(kurtosis, dtype=np.float64)
    # Rounding guards the two-point laws, which lie on the bound.
    impossible = ~(np.isfinite(s) & np.isfinite(k) & (k >= s * s + 1.0 - 1e-9 * (1.0 + s * s)))
    if impossible.any():
        first = np.flatnonzero(impossible)[0]
        found = np.broadcast_to(s, impossible.shape).ravel()[first]
        beside = np.broadcast_to(k, impossible.shape).ravel()[first]
        raise Refusal(
            "skew, kurtosis",
            f"{found:g}, {beside:g}",
            "moments of a distribution (raw kurtosis at least skew^2 + 1; a normal law has 0, 3)",
        )
    variance = 1.0 - s * sharpe + (k - 1.0) / 4.0 * sharpe**2
    # A two-point law at its own extreme has no error left.
    return np.sqrt(np.maximum(variance, 1e-300))


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[Floats, Floats, Floats, Floats]:
    """Gauss and Legendre's nodes on [-10, 14], with density and probability there."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    x = 2.0 + 12.0 * nodes
    density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return x, 12.0 * weights, density, normal_probabilities(x)

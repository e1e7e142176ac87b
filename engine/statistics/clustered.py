"""Monte Carlo error where outcomes share paths: clusters of dependent outcomes.

Pooling several parameter sets that ran on the same paths gives more rows but no more paths. Here
the paths are the independent units: an estimator is linearised, its influences are summed per
path, and the spread of these sums is its error (Cameron and Miller 2015, "A practitioner's guide
to cluster-robust inference"); of a standard deviation whole paths are left out in turn. With one
outcome per path the errors are those of `engine.statistics.monte_carlo`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile, student_quantile
from engine.statistics.monte_carlo import Estimate, estimate_above, scale_estimate

__all__ = [
    "clustered_expected_shortfall",
    "clustered_mean",
    "clustered_proportion",
    "clustered_quantile",
    "clustered_ratio",
    "clustered_standard_deviation",
]

Array = NDArray[np.float64]


def clustered_mean(outcomes: ArrayLike, clusters: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean of outcomes of which those in a cluster may depend on one another.

    Parameters
    ----------
    outcomes : array_like, shape (n,)
        NaN marks undefined ones, which are left out.
    clusters : array_like of int, shape (n,)
        Which path an outcome belongs to.
    confidence : float
        Level of the interval (Student's, with clusters - 1 degrees of freedom).
    """
    return _estimate(outcomes, clusters, confidence, lambda x: (float(x.mean()), x - x.mean()))


def clustered_proportion(
    successes: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Share of successes (ones among zeros), with Wilson's interval.

    Notes
    -----
    The share p is as uncertain as one of p (1 - p) / se^2 independent trials, se its clustered
    standard error; of none or all it is one of as many trials as there are clusters. The interval
    is that of `monte_carlo.proportion`, with Student's quantile.
    """
    found = clustered_mean(successes, clusters, confidence)
    if not math.isfinite(found.std_error):
        return found
    p = found.value
    _, groups = _defined(successes, clusters)
    count = len(np.unique(groups))
    trials = p * (1 - p) / found.std_error**2 if found.std_error > 0 else float(count)
    t = student_quantile(0.5 + confidence / 2, count - 1)
    centre = (p + t * t / (2 * trials)) / (1 + t * t / trials)
    reach = t / (1 + t * t / trials) * math.sqrt(p * (1 - p) / trials + (t / (2 * trials)) ** 2)
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    return Estimate(p, found.std_error, low, high, found.n)


def clustered_standard_deviation(
    outcomes: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Estimate a standard deviation, with the error of leaving out a path (`scale_estimate`)."""
    x, groups = _defined(outcomes, clusters)
    n = len(x)
    value = float(x.std(ddof=1)) if n > 1 else math.nan
    if not value > 0:
        return Estimate(value, value, value, value, n)
    _, place = np.unique(groups, return_inverse=True)
    centred = x - x.mean()
    squares = centred**2
    rest = n - np.bincount(place)
    if len(rest) < 2 or rest.min() < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n)
    sums, own = np.bincount(place, weights=centred), np.bincount(place, weights=squares)
    left = float(squares.sum()) - own - sums**2 / rest
    return scale_estimate(value, np.sqrt(np.maximum(left, 0.0) / (rest - 1)), n, confidence)


def clustered_expected_shortfall(
    losses: ArrayLike, clusters: ArrayLike, level: float = 0.95, confidence: float = 0.95
) -> Estimate:
    """Mean of the losses beyond their quantile q; influence q - ES + (x - q)+ / (1 - level).

    The interval is that of `monte_carlo.expected_shortfall`, where the paths of the tail, each
    weighted by its number of outcomes there, take the place of its outcomes.
    """
    x, groups = _defined(losses, clusters)
    if len(x) == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    q = float(np.quantile(x, level))
    excess = np.maximum(x - q, 0.0) / (1 - level)
    value = q + float(excess.mean())
    found = _estimate(x, groups, confidence, lambda _: (value, q + excess - value))
    if not math.isfinite(found.std_error):
        return found
    _, place = np.unique(groups, return_inverse=True)
    tail = np.bincount(place, weights=x > q)
    paths = float(tail.sum() ** 2 / (tail**2).sum()) if tail.any() else 0.0
    freedom = max(paths - 1.0, 1.0)
    return estimate_above(float(x.mean()), value, found.std_error, freedom, len(x), confidence)


def clustered_ratio(
    numerator: ArrayLike, denominator: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Ratio of two means; influence (a - r b) / mean(b)."""
    a = np.asarray(numerator, dtype=np.float64)
    b = np.asarray(denominator, dtype=np.float64)
    below = float(np.nanmean(b)) if len(b) else 0.0
    if below == 0.0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(a))
    value = float(np.nanmean(a)) / below
    found = clustered_mean((a - value * b) / below, clusters, confidence)
    reach = found.half_width
    return Estimate(value, found.std_error, value - reach, value + reach, found.n)


def clustered_quantile(
    outcomes: ArrayLike, clusters: ArrayLike, probability: float, confidence: float = 0.95
) -> Estimate:
    """Quantile, with Woodruff's interval.

    Notes
    -----
    The share of outcomes at or below the quantile has a clustered standard error; the interval
    runs between the quantiles at that share plus and minus its reach (Woodruff 1952, "Confidence
    intervals for medians and other position measures"). The standard error is the interval's
    half-width over the normal quantile; where too few outcomes leave an end of it open, that of
    the other end.
    """
    x, groups = _defined(outcomes, clusters)
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    value = float(np.quantile(x, probability))
    share = clustered_mean((x <= value).astype(np.float64), groups, confidence)
    reach = share.half_width
    if not math.isfinite(reach):
        return Estimate(value, math.nan, math.nan, math.nan, n)
    ordered = np.sort(x)
    low, high = probability - reach, probability + reach
    bottom = float(np.quantile(ordered, low)) if low > 0 else -math.inf
    top = float(np.quantile(ordered, high)) if high < 1 else math.inf
    z = normal_quantile(0.5 + confidence / 2)
    ends = [end for end in (value - bottom, top - value) if math.isfinite(end)]
    error = sum(ends) / (len(ends) * z) if ends else math.nan
    return Estimate(value, error, bottom, top, n)


def _estimate(
    outcomes: ArrayLike,
    clusters: ArrayLike,
    confidence: float,
    linearised: Callable[[Array], tuple[float, Array]],
) -> Estimate:
    x, groups = _defined(outcomes, clusters)
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    value, influence = linearised(x)
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=influence)
    count = len(sums)
    if count < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / n
    reach = student_quantile(0.5 + confidence / 2, count - 1) * error
    return Estimate(value, error, value - reach, value + reach, n)


def _defined(outcomes: ArrayLike, clusters: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    x = np.asarray(outcomes, dtype=np.float64)
    groups = np.asarray(clusters)
    if x.shape != groups.shape:
        raise Refusal("clusters", str(groups.shape), f"{x.shape} as the outcomes")
    keep = ~np.isnan(x)
    return x[keep], groups[keep]

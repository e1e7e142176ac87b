"""Monte Carlo error: an estimate, its standard error and a confidence interval, per kind.

Every function takes independent outcomes, one per simulation, and returns an `Estimate`. A mean, a
proportion, a quantile and a ratio each have their own error; none is guessed from another's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile, student_quantile

__all__ = [
    "Estimate",
    "estimate_above",
    "expected_shortfall",
    "mean",
    "proportion",
    "quantile",
    "ratio",
    "scale_estimate",
    "standard_deviation",
]


# Five nodes integrate the Beta density over a cell to far below the Monte Carlo error.
_NODES, _NODE_WEIGHTS = (0.5 * a for a in np.polynomial.legendre.leggauss(5))
_NODES = _NODES + 0.5


@dataclass(frozen=True)
class Estimate:
    """A number with its Monte Carlo error.

    Parameters
    ----------
    value : float
        The estimate; NaN if there are too few outcomes.
    std_error : float
        Its standard error; NaN where one outcome leaves it unknown.
    low, high : float
        Confidence interval.
    n : int
        Outcomes used.
    """

    value: float
    std_error: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the length of the confidence interval."""
        return (self.high - self.low) / 2


def mean(outcomes: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean, with the standard error s / sqrt(n) and Student's interval.

    Parameters
    ----------
    outcomes : array_like, shape (n,)
        Independent outcomes; NaN marks undefined ones, which are left out.
    confidence : float
        Level of the interval.
    """
    x = _defined(outcomes)
    n = len(x)
    value = float(x.mean()) if n else math.nan
    error = float(x.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    reach = _student(n - 1, confidence) * error if n > 1 else math.nan
    return Estimate(value, error, value - reach, value + reach, n)


def standard_deviation(outcomes: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Sample standard deviation, with its jackknife error (`scale_estimate`)."""
    x = _defined(outcomes)
    n = len(x)
    if n < 2:
        return Estimate(math.nan, math.nan, math.nan, math.nan, n)
    squares = (x - x.mean()) ** 2
    total = float(squares.sum())
    value = math.sqrt(total / (n - 1))
    if value == 0.0:
        return Estimate(0.0, 0.0, 0.0, 0.0, n)
    if n == 2:
        return Estimate(value, math.nan, math.nan, math.nan, n)
    without = np.sqrt(np.maximum(total - squares * (n / (n - 1)), 0.0) / (n - 2))
    return scale_estimate(value, without, n, confidence)


def scale_estimate(
    value: float, without: NDArray[np.float64], n: int, confidence: float
) -> Estimate:
    """Estimate of a scale such as a standard deviation, from its values without each unit.

    Parameters
    ----------
    value : float
        The scale, above zero.
    without : ndarray of float64, shape (units,)
        The scale of all outcomes but those of one independent unit, unit by unit.
    n : int
        Outcomes used.
    confidence : float
        Level of the interval.

    Notes
    -----
    The standard error is the jackknife's [1]_: with d the deviations of `without` from their mean
    and m units, se^2 = (m - 1) / m sum d^2. Few outcomes of a skewed law leave this variance
    itself uncertain, by a share of (k - 1) / m of its square, k the kurtosis of d; Student's
    quantile has the degrees of freedom [2]_ that belong to it, 2 m / (k - 1), at most m - 1. The
    interval is symmetric in the logarithm, where a scale is nearly so.

    References
    ----------
    .. [1] Miller (1968), "Jackknifing variances".
    .. [2] Satterthwaite (1946), "An approximate distribution of estimates of variance components".
    """
    count = len(without)
    squares = (without - without.mean()) ** 2
    total = float(squares.sum())
    if total == 0.0:
        return Estimate(value, 0.0, value, value, n)
    error = math.sqrt((count - 1) / count * total)
    kurtosis = count * float((squares**2).sum()) / total**2
    freedom = count - 1.0
    if kurtosis > 1.0:
        freedom = min(max(2 * count / (kurtosis - 1.0), 1.0), freedom)
    return estimate_above(0.0, value, error, freedom, n, confidence)


def estimate_above(
    anchor: float, value: float, error: float, freedom: float, n: int, confidence: float
) -> Estimate:
    """Estimate of what lies above `anchor`, with an interval symmetric in the logarithm of the gap.

    `freedom` are the degrees of freedom of the standard error `error`.
    """
    reach = _student(freedom, confidence) * error
    gap = value - anchor
    if not gap > 0.0:
        return Estimate(value, error, value - reach, value + reach, n)
    factor = math.exp(min(reach / gap, 700.0))  # short of overflow
    return Estimate(value, error, anchor + gap / factor, anchor + gap * factor, n)


def proportion(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Share of successes, with Wilson's score interval.

    Parameters
    ----------
    successes, n : int
        Successes among independent trials.
    confidence : float
        Level of the interval.

    Notes
    -----
    The standard error is sqrt(p (1 - p) / n). It is zero at p = 0 and p = 1, where the interval
    [1]_ still has the right width.

    References
    ----------
    .. [1] Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    p = successes / n
    z = _normal(confidence)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    error = math.sqrt(p * (1 - p) / n)
    return Estimate(p, error, max(0.0, centre - reach), min(1.0, centre + reach), n)


def quantile(outcomes: ArrayLike, probability: float, confidence: float = 0.95) -> Estimate:
    """Quantile, with an error from the order statistics alone: no density is estimated.

    Parameters
    ----------
    outcomes : array_like, shape (n,)
        Independent outcomes; NaN marks undefined ones, which are left out.
    probability : float
        Between 0 and 1.
    confidence : float
        Level of the interval.

    Notes
    -----
    The estimate interpolates linearly between order statistics (type 7 of Hyndman and Fan 1996).
    The standard error is Maritz and Jarrett's [1]_: the order statistic X_(k), k = [n p] + 1, has
    moments sum_i w_i X_(i)^j with w_i the Beta(k, n - k + 1) probability of ((i-1)/n, i/n]. The
    interval is the exact one of order statistics [2]_: the number of outcomes below the true
    quantile is Binomial(n, p). Where n is too small for the level, an end is infinite.

    References
    ----------
    .. [1] Maritz and Jarrett (1978), "A note on estimating the variance of the sample median".
    .. [2] David and Nagaraja (2003), "Order statistics", section 7.1.
    """
    if not 0.0 < probability < 1.0:
        raise Refusal("probability", str(probability), "above 0 and below 1")
    x = np.sort(_defined(outcomes))
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    value = _interpolated(x, probability)
    error = _maritz_jarrett(x, probability) if n > 1 else math.nan
    low, high = _order_interval(n, probability, confidence)
    bottom = float(x[low - 1]) if low >= 1 else -math.inf
    top = float(x[high - 1]) if high <= n else math.inf
    return Estimate(value, error, bottom, top, n)


def expected_shortfall(
    losses: ArrayLike, level: float = 0.95, confidence: float = 0.95
) -> Estimate:
    """Mean of the losses at and beyond their `level` quantile.

    Parameters
    ----------
    losses : array_like, shape (n,)
        Independent losses, positive = loss.
    level : float
        Such as 0.95 for the mean of the worst 5 %.
    confidence : float
        Level of the interval.

    Notes
    -----
    The tail holds (1 - level) n outcomes; a fractional one is weighted by its fraction [1]_. With
    q the quantile and ES the estimate, the asymptotic variance [2]_ is
    (Var(L | L > q) + level (ES - q)^2) / (n (1 - level)). It is estimated from the (1 - level) n
    outcomes of the tail alone, and Student's quantile has one degree of freedom less than these.
    The interval is symmetric in the logarithm of the distance to the mean of all losses, since
    the tail's next outcome may lie far out.

    References
    ----------
    .. [1] Acerbi and Tasche (2002), "On the coherence of expected shortfall".
    .. [2] Manistre and Hancock (2005), "Variance of the CTE estimator".
    """
    if not 0.0 < level < 1.0:
        raise Refusal("level", str(level), "above 0 and below 1")
    x = np.sort(_defined(losses))[::-1]
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    # Rounding guards against 0.05 * 20 = 1.0000000000000009.
    size = round((1.0 - level) * n, 9)
    whole = int(size)
    weights = np.ones(min(whole + 1, n))
    if whole < n:
        weights[whole] = size - whole
    tail = x[: len(weights)]
    value = float((weights * tail).sum() / weights.sum())
    boundary = float(x[min(whole, n - 1)])
    spread = float((weights * (tail - value) ** 2).sum() / weights.sum())
    error = math.sqrt((spread + level * (value - boundary) ** 2) / (n * (1.0 - level)))
    if size < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n)
    return estimate_above(float(x.mean()), value, error, size - 1.0, n, confidence)


def ratio(numerator: ArrayLike, denominator: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Ratio of two means over the same simulations, with the delta method's error.

    Parameters
    ----------
    numerator, denominator : array_like, shape (n,)
        Paired outcomes.
    confidence : float
        Level of the interval.

    Notes
    -----
    With r = mean(a) / mean(b), se(r) = sd(a - r b) / (sqrt(n) |mean(b)|) (Cochran 1977,
    "Sampling techniques", section 6.4). Undefined if the denominator's mean is zero.
    """
    a = np.asarray(numerator, dtype=np.float64)
    b = np.asarray(denominator, dtype=np.float64)
    keep = np.isfinite(a) & np.isfinite(b)
    a, b = a[keep], b[keep]
    n = len(a)
    if n == 0 or b.mean() == 0.0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, n)
    value = float(a.mean() / b.mean())
    error = math.nan
    if n > 1:
        error = float((a - value * b).std(ddof=1)) / (math.sqrt(n) * abs(float(b.mean())))
    reach = _normal(confidence) * error
    return Estimate(value, error, value - reach, value + reach, n)


def _defined(outcomes: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(outcomes, dtype=np.float64)
    kept: NDArray[np.float64] = x[~np.isnan(x)]
    return kept


def _normal(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise Refusal("confidence", str(confidence), "above 0 and below 1")
    return normal_quantile(0.5 + confidence / 2)


def _student(freedom: float, confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise Refusal("confidence", str(confidence), "above 0 and below 1")
    return student_quantile(0.5 + confidence / 2, freedom)


def _interpolated(ordered: NDArray[np.float64], probability: float) -> float:
    position = (len(ordered) - 1) * probability
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    step = ordered[high] - ordered[low]
    return float(ordered[low] + (position - low) * step) if step else float(ordered[low])


def _maritz_jarrett(ordered: NDArray[np.float64], probability: float) -> float:
    low, weights = _order_weights(len(ordered), probability)
    window = ordered[low : low + len(weights)]
    centre = float((weights * window).sum() / weights.sum())
    return math.sqrt(float((weights * (window - centre) ** 2).sum() / weights.sum()))


# A study asks for the same few of thousands of parameter sets.
@lru_cache(maxsize=64)
def _order_weights(n: int, probability: float) -> tuple[int, NDArray[np.float64]]:
    """Return the first cell, counted from 0, that weighs anything, and the weights from it on."""
    k = min(int(n * probability) + 1, n)
    # Outside eight standard deviations of Beta(k, n - k + 1) the weights vanish.
    spread = 8.0 * math.sqrt(probability * (1 - probability) * n) + 8.0
    low, high = max(0, int(k - spread)), min(n, int(k + spread) + 1)
    # Weight of a cell: its Beta probability, by Gauss and Legendre's rule.
    points = (np.arange(low, high)[:, None] + _NODES) / n
    log_scale = math.lgamma(n + 1) - math.lgamma(k) - math.lgamma(n - k + 1)
    density = np.exp(log_scale + (k - 1) * np.log(points) + (n - k) * np.log1p(-points))
    return low, density @ _NODE_WEIGHTS


@lru_cache(maxsize=64)
def _order_interval(n: int, probability: float, confidence: float) -> tuple[int, int]:
    """Ranks l, h (from 1; 0 and n + 1 mean infinite) with P(X_(l) <= q < X_(h)) >= confidence."""
    tail = (1.0 - confidence) / 2
    spread = 10.0 * math.sqrt(n * probability * (1 - probability)) + 10.0
    first, last = max(0, int(n * probability - spread)), min(n, int(n * probability + spread) + 1)
    # Binomial probabilities by their ratios, from the middle outwards; beyond ten standard
    # deviations there is nothing to add up.
    counts = np.arange(first, last + 1)
    ratios = np.log((n - counts[:-1]) / (counts[:-1] + 1.0) * (probability / (1 - probability)))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    masses = np.exp(logs - logs.max())
    below = np.cumsum(masses) / masses.sum()  # P(Binomial <= count)
    # l is the largest rank with P(B <= l - 1) <= tail; h the smallest with P(B >= h) <= tail.
    low = first + int(np.searchsorted(below, tail, side="right"))
    high = first + int(np.searchsorted(below, 1.0 - tail, side="left")) + 1
    return low, high

"""Differences between two strategies or settings, with and without common random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.statistics.distributions import student_probability, student_quantile
from engine.statistics.monte_carlo import Estimate, mean

__all__ = ["Difference", "independent_difference", "paired_difference"]


@dataclass(frozen=True)
class Difference:
    """Mean of a minus mean of b.

    Parameters
    ----------
    estimate : Estimate
        The difference and its error.
    p_value : float
        Two-sided, of the hypothesis of no difference.
    correlation : float
        Of the pairs; NaN for independent samples. The variance of the difference is smaller than
        that of independent samples by about this factor's complement.
    """

    estimate: Estimate
    p_value: float
    correlation: float


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Difference:
    """Difference of means over the same paths: Student's paired test.

    Parameters
    ----------
    a, b : array_like, shape (n,)
        Outcomes on the same paths, pair by pair; pairs with a NaN are left out.
    confidence : float
        Level of the interval.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.shape != y.shape:
        raise ValueError(f"b: found {y.shape[0]} outcomes, allowed {x.shape[0]} as in a")
    keep = ~(np.isnan(x) | np.isnan(y))
    x, y = x[keep], y[keep]
    found = mean(x - y, confidence)
    correlation = math.nan
    if len(x) > 1 and x.std() > 0 and y.std() > 0:
        correlation = float(np.corrcoef(x, y)[0, 1])
    return Difference(found, _p_value(found, found.n - 1), correlation)


def independent_difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Difference:
    """Difference of means over different paths, unequal variances allowed (Welch 1947)."""
    first, second = mean(a, confidence), mean(b, confidence)
    value = first.value - second.value
    variances = [first.std_error**2, second.std_error**2]
    error = math.sqrt(sum(variances))
    n = min(first.n, second.n)
    freedom = float(n - 1)
    if error > 0:
        parts = [v**2 / (e.n - 1) for v, e in zip(variances, (first, second), strict=True)]
        freedom = error**4 / sum(parts)
    reach = student_quantile(0.5 + confidence / 2, freedom) * error if n > 1 else math.nan
    estimate = Estimate(value, error, value - reach, value + reach, n)
    return Difference(estimate, _p_value(estimate, freedom), math.nan)


def _p_value(estimate: Estimate, freedom: float) -> float:
    if not estimate.std_error > 0:
        # Identical pairs: no difference at all, or the same one every time.
        return 1.0 if estimate.value == 0 else (0.0 if estimate.n > 1 else math.nan)
    return 2 * student_probability(-abs(estimate.value) / estimate.std_error, freedom)

"""Differences between two strategies or settings, with and without common random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import Refusal
from engine.statistics.clustered import clustered_mean
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


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    *,
    units: ArrayLike | None = None,
) -> Difference:
    """Difference of means over the same paths: Student's paired test.

    Parameters
    ----------
    a, b : array_like, shape (n,)
        Outcomes on the same paths, pair by pair; pairs with a NaN are left out.
    confidence : float
        Level of the interval.
    units : array_like of int, shape (n,), optional
        Independent unit that each pair belongs to, where several paths depend on one another
        (antithetic pairs); by default each is its own.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.shape != y.shape:
        raise Refusal("b", f"{y.shape[0]} outcomes", f"{x.shape[0]} as in a")
    keep = ~(np.isnan(x) | np.isnan(y))
    x, y = x[keep], y[keep]
    found, count = _mean(x - y, None if units is None else np.asarray(units)[keep], confidence)
    correlation = math.nan
    if len(x) > 1 and x.std() > 0 and y.std() > 0:
        correlation = float(np.corrcoef(x, y)[0, 1])
    return Difference(found, _p_value(found, count - 1), correlation)


def independent_difference(
    a: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    *,
    units: tuple[ArrayLike | None, ArrayLike | None] = (None, None),
) -> Difference:
    """Difference of means over different paths, unequal variances allowed (Welch 1947).

    `units` are the independent units of the outcomes of `a` and of `b`, as in `paired_difference`.
    """
    first, first_count = _mean(a, units[0], confidence)
    second, second_count = _mean(b, units[1], confidence)
    value = first.value - second.value
    variances = [first.std_error**2, second.std_error**2]
    error = math.sqrt(sum(variances))
    count = min(first_count, second_count)
    freedom = float(count - 1)
    if error > 0:
        counts = (first_count, second_count)
        parts = [v**2 / (c - 1) for v, c in zip(variances, counts, strict=True)]
        freedom = error**4 / sum(parts)
    reach = student_quantile(0.5 + confidence / 2, freedom) * error if count > 1 else math.nan
    estimate = Estimate(value, error, value - reach, value + reach, min(first.n, second.n))
    return Difference(estimate, _p_value(estimate, freedom), math.nan)


def _mean(outcomes: ArrayLike, units: ArrayLike | None, confidence: float) -> tuple[Estimate, int]:
    """Mean with its error, and how many independent units are behind it."""
    if units is None:
        found = mean(outcomes, confidence)
        return found, found.n
    defined = ~np.isnan(np.asarray(outcomes, dtype=np.float64))
    count = len(np.unique(np.asarray(units)[defined]))
    return clustered_mean(outcomes, units, confidence), count


def _p_value(estimate: Estimate, freedom: float) -> float:
    if not estimate.std_error > 0:
        # Identical pairs: no difference at all, or the same one every time.
        return 1.0 if estimate.value == 0 else (0.0 if estimate.n > 1 else math.nan)
    return 2 * student_probability(-abs(estimate.value) / estimate.std_error, freedom)

"""Monte Carlo error of one sample: an estimate, its standard error and a confidence interval.

Every function takes independent outcomes, one per simulation, and returns an `Estimate`. A mean, a
proportion, a quantile and a ratio each have their own error; none is guessed from another's. For
many parameter sets at once, and for outcomes that share paths, the same estimates come from
`engine.statistics.moments`, `shares`, `quantiles` and `pooled`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from engine.statistics.estimates import Estimate, Method
from engine.statistics.layout import Layout
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import quotient
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.shares import shares

__all__ = [
    "Estimate",
    "expected_shortfall",
    "mean",
    "no_outcomes",
    "proportion",
    "quantile",
    "ratio",
    "standard_deviation",
]


def mean(outcomes: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean of outcomes, NaN left out: `moments.means` of one set."""
    x = np.asarray(outcomes, dtype=np.float64)
    return means(x).estimates(confidence)[0] if len(x) else no_outcomes()


def standard_deviation(outcomes: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Sample standard deviation: `moments.standard_deviations` of one set."""
    x = np.asarray(outcomes, dtype=np.float64)
    return standard_deviations(x).estimates(confidence)[0] if len(x) else no_outcomes()


def proportion(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Share of successes among n independent trials: `shares.shares` of one set."""
    if n == 0:
        return no_outcomes()
    layout = Layout.matrix(1, n)
    outcomes = np.zeros(n)
    outcomes[:successes] = 1.0
    return shares(outcomes, layout).estimates(confidence)[0]


def quantile(outcomes: ArrayLike, probability: float, confidence: float = 0.95) -> Estimate:
    """Quantile of outcomes, NaN left out: `quantiles.quantiles` of one set."""
    x = np.asarray(outcomes, dtype=np.float64)
    if len(x) == 0:
        return no_outcomes()
    return quantiles(x, probability).estimates(confidence)[0]


def expected_shortfall(
    losses: ArrayLike, level: float = 0.95, confidence: float = 0.95
) -> Estimate:
    """Mean of the losses beyond their quantile: `quantiles.expected_shortfalls` of one set."""
    x = np.asarray(losses, dtype=np.float64)
    if len(x) == 0:
        return no_outcomes()
    return expected_shortfalls(x, level).estimates(confidence)[0]


def ratio(numerator: ArrayLike, denominator: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Ratio of two means over the same simulations; pairs with a NaN are left out.

    Symmetric in the logarithm where neither can be negative, as in `pooled.POOLED`.
    """
    a = np.asarray(numerator, dtype=np.float64)
    b = np.asarray(denominator, dtype=np.float64)
    keep = np.isfinite(a) & np.isfinite(b)
    if not keep.any():
        return no_outcomes()
    return quotient(a[keep], b[keep]).estimates(confidence)[0]


def no_outcomes() -> Estimate:
    """Return the estimate of nothing."""
    return Estimate(math.nan, math.nan, math.nan, math.nan, 0, Method.UNDEFINED)

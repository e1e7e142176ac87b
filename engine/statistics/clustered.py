"""Monte Carlo error of one sample where outcomes share paths: clusters of dependent outcomes.

Pooling several parameter sets that ran on the same paths gives more rows but no more paths. Here
the paths are the independent units: an estimator is linearised, its influences are summed per
path, and the spread of these sums is its error (Cameron and Miller 2015, "A practitioner's guide
to cluster-robust inference"). With one outcome per path the errors are those of
`engine.statistics.monte_carlo`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.layout import Layout
from engine.statistics.moments import means, standard_deviations
from engine.statistics.monte_carlo import Estimate, no_outcomes
from engine.statistics.pooled import quotient
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.shares import shares

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
        Level of the interval.
    """
    x, layout = _defined(outcomes, clusters)
    return means(x, layout).estimates(confidence)[0] if layout else no_outcomes()


def clustered_proportion(
    successes: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Share of successes (ones among zeros)."""
    x, layout = _defined(successes, clusters)
    return shares(x, layout).estimates(confidence)[0] if layout else no_outcomes()


def clustered_standard_deviation(
    outcomes: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Estimate a standard deviation."""
    x, layout = _defined(outcomes, clusters)
    return standard_deviations(x, layout).estimates(confidence)[0] if layout else no_outcomes()


def clustered_expected_shortfall(
    losses: ArrayLike, clusters: ArrayLike, level: float = 0.95, confidence: float = 0.95
) -> Estimate:
    """Mean of the losses beyond their quantile."""
    x, layout = _defined(losses, clusters)
    return (
        expected_shortfalls(x, level, layout).estimates(confidence)[0] if layout else no_outcomes()
    )


def clustered_ratio(
    numerator: ArrayLike, denominator: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Ratio of two means; pairs with a NaN are left out."""
    a, b = (np.asarray(part, dtype=np.float64) for part in (numerator, denominator))
    both, layout = _defined(np.where(np.isnan(b), b, a), clusters)
    if layout is None:
        return no_outcomes()
    below = b[~(np.isnan(a) | np.isnan(b))]
    return quotient(both, below, layout).estimates(confidence)[0]


def clustered_quantile(
    outcomes: ArrayLike, clusters: ArrayLike, probability: float, confidence: float = 0.95
) -> Estimate:
    """Quantile of outcomes."""
    x, layout = _defined(outcomes, clusters)
    return quantiles(x, probability, layout).estimates(confidence)[0] if layout else no_outcomes()


def _defined(outcomes: ArrayLike, clusters: ArrayLike) -> tuple[Array, Layout | None]:
    x = np.asarray(outcomes, dtype=np.float64)
    groups = np.asarray(clusters)
    if x.shape != groups.shape:
        raise Refusal("clusters", str(groups.shape), f"{x.shape} as the outcomes")
    keep = ~np.isnan(x)
    x, groups = x[keep], groups[keep]
    return x, Layout.of(np.zeros(len(x), dtype=np.int64), groups) if len(x) else None

"""Kinds of statistics of a parameter set: the columns each needs, and how it is estimated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.results.metric_bounds import metric_bounds
from engine.results.outcomes import Outcomes, columns_for
from engine.statistics.estimates import Estimates
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import quantiles
from engine.statistics.shape import kurtoses, skewnesses
from engine.statistics.shares import counts, shares, shares_at_least, shares_at_most
from engine.statistics.tail_risk import TailMethod, expected_shortfall_of, value_at_risk_of

__all__ = [
    "Statistic",
    "average_loss",
    "count_of",
    "deviation_of",
    "kurtosis_of",
    "mean_of",
    "pooled_ratio",
    "quantile_of",
    "quantile_of_paths",
    "share_at_least",
    "share_at_most",
    "share_of_profits",
    "shortfall_of",
    "skewness_of",
    "value_at_risk",
    "where_told",
]


@dataclass(frozen=True)
class Statistic:
    """A statistic over the simulations of a parameter set.

    Parameters
    ----------
    needs : tuple of str
        Columns of the rows that it is estimated from.
    of : callable
        Estimates it for all parameter sets at once.
    of_distribution : bool
        Whether it tells how outcomes are spread over paths, which one path cannot.
    bounds : tuple of float
        Between which every value lies, and so the interval (`metric_bounds`).
    """

    needs: tuple[str, ...]
    of: Callable[[Outcomes], Linearised]
    of_distribution: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def estimates(self, found: Linearised, confidence: float) -> Estimates:
        """Estimate with intervals that end at `bounds`; of one path no value of a distribution."""
        made = found.estimates(confidence)
        alone = self.of_distribution & (found.units == 1)
        return replace(
            made,
            value=np.where(alone, np.nan, made.value),
            low=np.maximum(made.low, self.bounds[0]),
            high=np.minimum(made.high, self.bounds[1]),
        )


def mean_of(metric: str) -> Statistic:
    """Return the mean of a metric."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: means(o.metric(metric), o.layout),
        bounds=metric_bounds(metric),
    )


def count_of(metric: str) -> Statistic:
    """Return the mean of a metric that counts events which may be rare."""
    return Statistic(
        (metric,), lambda o: counts(o.metric(metric), o.layout), bounds=(0.0, math.inf)
    )


def deviation_of(metric: str) -> Statistic:
    """Return the standard deviation of a metric over paths."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: standard_deviations(o.metric(metric), o.layout),
        bounds=(0.0, math.inf),
    )


def skewness_of(metric: str) -> Statistic:
    """Return the skewness of a metric over paths."""
    return Statistic(
        columns_for(metric=metric), lambda o: skewnesses(o.metric(metric), o.layout), True
    )


def kurtosis_of(metric: str) -> Statistic:
    """Return the raw kurtosis of a metric over paths."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: kurtoses(o.metric(metric), o.layout),
        True,
        (1.0, math.inf),
    )


def quantile_of(metric: str, probability: float) -> Statistic:
    """Return a quantile of a metric over paths."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: quantiles(o.ordered(metric), probability),
        True,
        metric_bounds(metric),
    )


def quantile_of_paths(ratio: str, probability: float) -> Statistic:
    """Return a quantile of the ratios of single paths."""
    return Statistic(
        columns_for(ratio=ratio),
        lambda o: quantiles(o.ordered_ratios(ratio), probability),
        True,
        metric_bounds(ratio),
    )


def pooled_ratio(ratio: str) -> Statistic:
    """Return a ratio of sums over all paths of a set."""
    return Statistic(
        columns_for(ratio=ratio),
        lambda o: pooled(ratio, o.sums(ratio), o.layout, idle=o.idle),
        bounds=metric_bounds(ratio),
    )


def where_told(ratio: str, entry: Statistic) -> Statistic:
    """Return a ratio that is undefined where rows do not tell it, rather than refused."""

    def of(o: Outcomes) -> Linearised:
        if o.tells(ratio):
            return entry.of(o)
        undefined = means(np.full(int(o.layout.rows.sum()), np.nan), o.layout)
        return replace(undefined, idle=o.idle_share)

    return replace(entry, of=of)


def average_loss() -> Statistic:
    """Return the mean of losing trades, below 0 as the metric of that name."""

    def of(o: Outcomes) -> Linearised:
        found = pooled_ratio("average_loss").of(o)
        return replace(found, value=-found.value, contribution=-found.influence, shape="kurtic")

    return Statistic(columns_for(ratio="average_loss"), of, bounds=metric_bounds("average_loss"))


def share_of_profits(metric: str, sign: float = 1.0) -> Statistic:
    """Return the share of paths on which a metric of money is above 0; with a sign -1, below."""

    def of(o: Outcomes) -> Linearised:
        values = o.metric(metric)
        return shares(
            np.where(np.isnan(values), np.nan, (sign * values > 0.0).astype(float)), o.layout
        )

    return Statistic(columns_for(metric=metric), of, bounds=(0.0, 1.0))


def share_at_least(metric: str, bound: float) -> Statistic:
    """Return the share of paths on which a metric is at or above a bound."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: shares_at_least(o.metric(metric), bound, o.layout),
        bounds=(0.0, 1.0),
    )


def share_at_most(metric: str, bound: float) -> Statistic:
    """Return the share of paths on which a metric is at or below a bound."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: shares_at_most(o.metric(metric), bound, o.layout),
        bounds=(0.0, 1.0),
    )


def value_at_risk(metric: str, level: float, method: TailMethod = "historical") -> Statistic:
    """Return the loss (positive) that is exceeded with probability 1 - level."""

    def of(o: Outcomes) -> Linearised:
        if method == "historical":
            return quantiles(o.ordered(metric, -1.0), level)
        return value_at_risk_of(-o.metric(metric) + 0.0, level, method, o.layout)

    return Statistic(columns_for(metric=metric), of, True)


def shortfall_of(metric: str, level: float, method: TailMethod = "historical") -> Statistic:
    """Return the mean loss (positive) beyond the value at risk."""
    return Statistic(
        columns_for(metric=metric),
        lambda o: expected_shortfall_of(-o.metric(metric), level, method, o.layout),
        True,
    )

"""Ratios of a parameter set, pooled over all of its paths, with errors clustered by path.

The Sharpe ratio of a set is that of all returns on all of its paths taken together, not the mean
of the ratios of single paths: the mean of ratios has a bias that grows as paths get shorter, and
of a Sortino or Calmar ratio often no finite variance at all. A pooled ratio is a function of a few
sums per path, which are what the engine records; the paths are independent, so the delta method
over their sums gives the error whatever the dependence within a path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.estimates import Estimates
from engine.statistics.layout import Layout
from engine.statistics.linearised import FEWEST_CARRIERS, Linearised, Shape, intervals
from engine.statistics.ratios import POOLED, Means, Pooled, Slopes, quotient_of
from engine.statistics.summaries import CoMoments, unit_sums

__all__ = ["POOLED", "Pooled", "pooled", "pooled_from_summary", "quotient"]

Floats = NDArray[np.float64]


def pooled(
    ratio: str | Pooled,
    sums: Mapping[str, ArrayLike],
    layout: Layout | None = None,
    *,
    idle: ArrayLike | None = None,
) -> Linearised:
    """Ratio of every parameter set, pooled over its paths.

    Parameters
    ----------
    ratio : str or Pooled
        A name of `POOLED`, or a ratio of one's own.
    sums : mapping of str to array_like, shape (paths,), (sets, paths), or as `layout` says
        Per path: see `POOLED` for which. An idle path adds its bars and years, and zeros. A path
        on which nothing was left adds its returns up to and including the bar that took the last,
        and zeros for the bars after it: nothing is earned on nothing. No sum is NaN.
    layout : Layout, optional
        As in `moments.means`.
    idle : array_like of bool, shaped as the sums, optional
        Paths on which no position was ever held; their share stands beside the estimate.

    Returns
    -------
    Linearised
        With influences by the delta method; NaN where a sum in the denominator is 0. If fewer
        than five paths carry the ratio (for a ratio of gains to losses: five of each), the value
        has no interval.

    Raises
    ------
    ValueError
        If the name is unknown, a column is missing, or a sum is not finite.

    Notes
    -----
    With s the sums of a unit, g the ratio and S the mean of s over u units, the influence of a
    unit is the derivative of g at S times (s - S), and the standard error is that of the mean of
    the influences (Cameron and Miller 2015, "A practitioner's guide to cluster-robust
    inference"). Ratios of gains to losses have intervals symmetric in the logarithm.

    Examples
    --------
    >>> sums = {"gross_profit": [30.0, 0, 10, 20, 5, 9], "gross_loss": [10.0, 4, 0, 8, 5, 5]}
    >>> found = pooled("profit_factor", sums).estimates()[0]
    >>> round(found.value, 4), round(found.low, 2), round(found.high, 2)
    (2.3125, 1.22, 4.39)
    """
    chosen = _named(ratio)
    cells, layout = unit_sums(sums, chosen.columns, layout)
    units = layout.cell_counts
    by_name = dict(zip(chosen.columns, cells, strict=True))
    carried = [(by_name[name] != 0.0).astype(np.float64) for name in chosen.carriers]
    idle_rows = [] if idle is None else [layout.arrange(np.asarray(idle, dtype=np.float64))]
    # One sum of all: of outcomes in parts each sum takes a look at every part.
    summed = layout.sum_each(*cells, *carried, *(layout.to_cells(rows) for rows in idle_rows))
    averages = [total / units for total in summed[: len(cells)]]
    seen = summed[len(cells) : len(cells) + len(carried)]
    value, slopes = _evaluate(chosen, dict(zip(chosen.columns, averages, strict=True)), units)
    influence = np.zeros(int(layout.cells.sum()))
    for name, cell, average in zip(chosen.columns, cells, averages, strict=True):
        if layout.cell_rows is None and _constant(sums[name]):
            continue
        slope = np.where(np.isfinite(value), slopes[name], 0.0)
        apart = cell - layout.spread_cells(average)
        apart *= layout.spread_cells(slope)
        influence += apart
    share = summed[-1] / layout.row_counts if idle_rows else None
    return Linearised(
        value,
        influence,
        layout,
        layout.row_counts,
        units,
        shape=chosen.shape,
        carriers=np.min(seen, axis=0).astype(np.int64),
        idle=share,
    )


def quotient(
    numerator: ArrayLike, denominator: ArrayLike, layout: Layout | None = None
) -> Linearised:
    """Ratio of two sums over paths, whatever they are of.

    If neither is ever negative, the interval is symmetric in the logarithm and needs five paths
    on which each is other than 0; else it needs five on which the denominator is.

    Parameters
    ----------
    numerator, denominator : array_like, shape (paths,), (sets, paths), or as `layout` says
        Finite sums of each path.
    layout : Layout, optional
        As in `moments.means`.

    Returns
    -------
    Linearised
        As of `pooled`.

    Examples
    --------
    >>> found = quotient([3.0, 1.0, 2.0, 4.0, 2.0], [1.0, 1.0, 2.0, 2.0, 2.0])
    >>> found.estimates()[0].value
    1.4999999999999998
    """
    sums = {"numerator": numerator, "denominator": denominator}
    positive = all(np.min(np.asarray(part)) >= 0.0 for part in sums.values())
    carriers = ("numerator", "denominator") if positive else ("denominator",)
    shape: Shape = "logarithm" if positive else "kurtic"
    of = Pooled(
        ("numerator", "denominator"), carriers, shape, quotient_of("numerator", "denominator")
    )
    return pooled(of, sums, layout)


def pooled_from_summary(
    ratio: str | Pooled, summary: CoMoments, confidence: float = 0.95
) -> Estimates:
    """Estimate a pooled ratio from merged summaries: the value and error of `pooled`.

    The summary holds no fourth moments, so the degrees of freedom are the units less one, which
    suits the many paths that a summary is for; nor does it know how many paths carry the ratio.

    Parameters
    ----------
    ratio : str or Pooled
        As of `pooled`.
    summary : CoMoments
        Of the sums that the ratio needs.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Estimates
        One per set.

    Raises
    ------
    Refusal
        If the name is unknown, or the summary lacks a column.
    """
    chosen = _named(ratio)
    missing = set(chosen.columns) - set(summary.columns)
    if missing:
        raise ValueError(f"summary: found no column {', '.join(sorted(missing))}")
    places = [summary.columns.index(name) for name in chosen.columns]
    averages = {
        name: summary.mean[:, place] for name, place in zip(chosen.columns, places, strict=True)
    }
    value, slopes = _evaluate(chosen, averages, summary.count)
    slope = np.stack([slopes[name] for name in chosen.columns], axis=1)
    products = summary.products[:, places][:, :, places]
    units = summary.count
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.einsum("si,sij,sj->s", slope, products, slope) / units
    unknown = np.full(len(value), math.nan)
    return intervals(
        value,
        (np.maximum(second, 0.0), unknown, unknown),
        units,
        units,
        shape=chosen.shape,
        carriers=np.full(len(value), FEWEST_CARRIERS),
        confidence=confidence,
    )


def _named(ratio: str | Pooled) -> Pooled:
    if isinstance(ratio, Pooled):
        return ratio
    if ratio not in POOLED:
        raise Refusal("ratio", repr(ratio), ", ".join(POOLED))
    return POOLED[ratio]


def _constant(values: ArrayLike) -> bool:
    """Whether one number was broadcast: how long every path is."""
    return isinstance(values, np.ndarray) and not any(values.strides)


def _evaluate(chosen: Pooled, averages: Means, units: NDArray[np.int64]) -> tuple[Floats, Slopes]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value, slopes = chosen.function(averages, units.astype(np.float64))
    return np.where(np.isfinite(value), value, math.nan), slopes

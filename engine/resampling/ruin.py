"""Risk of ruin against the size that is traded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.resampling.courses import Courses
from engine.resampling.walks import ruinous_size
from engine.statistics.estimates import Estimate
from engine.statistics.quantiles import quantiles
from engine.statistics.shares import shares

__all__ = ["RuinBySize", "growth_optimal_size", "ruin_by_size"]

Floats = NDArray[np.float64]

# Five losses of a tenth are a half, whatever their sum in floating point.
_ROUNDING = 1e-12
_SIZES = tuple(0.1 * k for k in range(1, 31)) + tuple(3.0 + 0.5 * k for k in range(1, 15))


@dataclass(frozen=True)
class RuinBySize:
    """How likely ruin is at each size, as a multiple of the size that was traded.

    Parameters
    ----------
    table : polars.DataFrame
        ``size``, ``probability`` of ruin, its ``std_error``, ``ci_low``, ``ci_high``, ``n`` and
        ``method``.
    largest : Estimate
        The largest size at which the probability is within the bound; its value is infinite where
        no size that was looked at is beyond it.
    bound, loss : float
        The bound on the probability, and the share that is lost in ruin.
    optimal : float
        The size at which the record itself would have grown fastest: 0 where it lost on average,
        infinite where it never lost.
    """

    table: pl.DataFrame
    largest: Estimate
    bound: float
    loss: float
    optimal: float


def ruin_by_size(
    courses: Courses,
    seen: Floats,
    scale: float = 1.0,
    *,
    compound: bool,
    loss: float = 0.5,
    bound: float = 0.01,
    of_peak: bool = False,
    sizes: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> RuinBySize:
    """Find how likely courses ruin the account at each size.

    Parameters
    ----------
    courses : Courses
        How courses are drawn.
    seen : ndarray of float64, shape (record,)
        Observed outcomes as shares of the equity before or, without `compound`, of the start.
    scale : float
        What makes such shares of the courses' outcomes.
    compound : bool
        Whether outcomes are shares of the equity before them.
    loss : float
        Share of the equity whose loss is ruin, above 0 and at most 1.
    bound : float
        Probability under which ruin is to be kept.
    of_peak : bool
        Whether the share is of the highest equity so far (a drawdown), or of the start.
    sizes : sequence of float, optional
        Multiples of the size traded, ascending; by default from 0.1 to 10.
    confidence : float
        Of the intervals.

    Raises
    ------
    Refusal
        If an argument is out of its range.

    Notes
    -----
    Size c makes c x of an outcome x. Every size sees the same courses. Of each course the smallest
    size that ruins it is found, to a part in a million between two of `sizes`; the probability of
    ruin at c is the share of courses ruined by c or less, with the interval of a share, and the
    size at the bound is the quantile of these sizes, with that of order statistics. Ruin is any
    time at which equity is down by `loss`, not only the end (Vince 1990 [1]_). The optimal size
    is his optimal f over the largest loss: it maximises sum log(1 + c x).

    References
    ----------
    .. [1] Vince, R. (1990). Portfolio Management Formulas. Wiley, chapters 2 and 4.
    """
    if not 0.0 < loss <= 1.0:
        raise Refusal("loss", str(loss), "above 0 and at most 1")
    if not 0.0 < bound < 1.0:
        raise Refusal("bound", str(bound), "between 0 and 1")
    grid = np.array(_SIZES if sizes is None else list(sizes), dtype=np.float64)
    if not len(grid) or not (grid > 0.0).all() or not (np.diff(grid) > 0.0).all():
        raise Refusal("sizes", str(grid.tolist()), "numbers above 0, ascending")
    kept = 1.0 - loss + _ROUNDING
    ruined = np.empty(courses.draws)
    at = 0
    for chunk in courses.chunks():
        outcomes = chunk * scale
        ruinous_size(outcomes, grid, compound, kept, of_peak, ruined[at : at + len(chunk)])
        at += len(chunk)
    found = shares((ruined[None, :] <= grid[:, None]).astype(np.float64)).estimates(confidence)
    columns = {"probability" if k == "estimate" else k: v for k, v in found.columns().items()}
    table = pl.DataFrame({"size": grid, **columns}).with_columns(pl.col(pl.Float64).fill_nan(None))
    return RuinBySize(
        table, _largest(ruined, bound, confidence), bound, loss, growth_optimal_size(seen)
    )


def _largest(ruined: Floats, bound: float, confidence: float) -> Estimate:
    """Quantile of the sizes that ruin; courses that nothing ruins lie beyond all of them."""
    if np.isfinite(ruined).mean() < bound:
        return Estimate(math.inf, math.nan, math.nan, math.nan, len(ruined), "undefined")
    beyond = np.where(np.isfinite(ruined), ruined, np.finfo(np.float64).max ** 0.25)
    return quantiles(beyond, bound).estimates(confidence)[0]


def growth_optimal_size(seen: Floats) -> float:
    """Size at which outcomes compound fastest: the maximum of sum log(1 + c x) over c.

    Examples
    --------
    >>> round(growth_optimal_size(np.array([2.0, -1.0])), 6)  # Kelly: (2 * 1/2 - 1/2) / 2
    0.25
    """
    if seen.mean() <= 0.0:
        return 0.0
    if seen.min() >= 0.0:
        return math.inf
    low, high = 0.0, 1.0 / -float(seen.min())
    for _ in range(100):
        middle = 0.5 * (low + high)
        if (seen / (1.0 + middle * seen)).sum() > 0.0:
            low = middle
        else:
            high = middle
    return low

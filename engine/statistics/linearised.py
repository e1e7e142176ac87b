"""Statistics with the influence of every path: what their errors and comparisons follow from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import student_quantiles
from engine.statistics.estimates import Estimates, Method
from engine.statistics.layout import Layout
from engine.statistics.skewness_correction import skewed_ends

__all__ = [
    "FEWEST_CARRIERS",
    "Linearised",
    "Shape",
    "check_confidence",
    "count_carriers",
    "intervals",
    "whole_power",
    "without_interval",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: How the interval of a statistic is shaped; `intervals` says which is which.
Shape = Literal["skewed", "kurtic", "logarithm", "skewed logarithm"]

#: An interval needs this many paths whose outcome differs from the most common one.
FEWEST_CARRIERS = 5

# A spread this far below the value is rounding; the largest exponent that does not overflow.
_ROUNDING, _LARGEST_EXPONENT = 1e-14, 700.0


@dataclass(frozen=True)
class Linearised:
    """One statistic of every parameter set, and what each path contributes to it.

    The estimate differs from the truth by about the mean of the influences over the independent
    paths (Hampel 1974, "The influence curve and its role in robust estimation"), whatever the
    statistic: a mean, a ratio pooled over paths, a quantile. Its standard error, and the error of
    the difference of two sets on common paths, are those of a mean.

    Parameters
    ----------
    value : ndarray of float64, shape (sets,)
        The estimates; NaN where undefined.
    contribution : ndarray of float64, shape (cells,), or callable
        The influence of each unit of a set, with mean 0 within a set; 0 where a unit has no defined
        outcome. A callable makes them when they are asked for: an interval by a law of its own
        does without.
    layout : Layout
        The set and the unit of each influence.
    n : ndarray of int64, shape (sets,)
        Outcomes used.
    units : ndarray of int64, shape (sets,)
        Independent units with a defined outcome.
    shape : str
        How the interval is shaped.
    carriers : ndarray of int64, shape (sets,), optional
        Units that carry the number: without them it would be undefined, or without variance. By
        default they are counted from the influences.
    idle : ndarray of float64, shape (sets,), optional
        Share of outcomes in which nothing was held.
    own : callable, optional
        Intervals at a confidence by a law of the statistic's own, such as the binomial law of a
        share, in place of those of `shape`.
    absent : ndarray of bool, shape (cells,), optional
        Units without a defined outcome; None if there are none.
    """

    value: Floats
    contribution: Floats | Callable[[], Floats]
    layout: Layout
    n: Integers
    units: Integers
    shape: Shape = "skewed"
    carriers: Integers | None = None
    idle: Floats | None = None
    own: Callable[[float], Estimates] | None = None
    absent: NDArray[np.bool_] | None = None

    @cached_property
    def influence(self) -> Floats:
        """What each unit contributes, as `contribution` says, shape (cells,)."""
        return self.contribution() if callable(self.contribution) else self.contribution

    def supported(self) -> NDArray[np.bool_]:
        """Tell which sets have a value that rests on enough paths to be ranked by.

        Enough are five paths that carry it, or paths that all show the same outcome. Statistics
        with a law of their own, such as shares, always have enough.
        """
        if self.own is not None:
            return ~np.isnan(self.value)
        enough = self._carried >= FEWEST_CARRIERS
        return ~np.isnan(self.value) & (enough | ~(self.moment(2) > 0.0))

    @cached_property
    def _carried(self) -> Integers:
        if self.carriers is not None:
            return self.carriers
        second, _, fourth = self._moments
        return count_carriers(self.influence, self.layout, self.units, second, fourth)

    def variances(self) -> Floats:
        """Variance of each estimate, by the influences."""
        return _over(self.moment(2), self.units - 1)

    def moment(self, power: Literal[2, 3, 4]) -> Floats:
        """Moment of the influences about 0, over the units of each set."""
        return self._moments[power - 2]

    @cached_property
    def _moments(self) -> tuple[Floats, Floats, Floats]:
        sums = self.layout.power_sums(self.influence)
        second, third, fourth = (_over(total, self.units) for total in sums)
        return second, third, fourth

    def take(self, sets: ArrayLike) -> Linearised:
        """Return the statistic of some sets, by position: one as everybody's baseline, leaders.

        Raises
        ------
        IndexError
            If there is no such set.
        """
        chosen = np.atleast_1d(np.asarray(sets, dtype=np.int64))
        cells = self.layout.cells_of(chosen)

        def own(confidence: float) -> Estimates:
            return self.estimates(confidence).take(chosen)

        return Linearised(
            self.value[chosen],
            self.influence[cells],
            self.layout.take(chosen),
            self.n[chosen],
            self.units[chosen],
            shape=self.shape,
            carriers=None if self.carriers is None else self.carriers[chosen],
            idle=None if self.idle is None else self.idle[chosen],
            own=None if self.own is None else own,
            absent=None if self.absent is None else self.absent[cells],
        )

    def estimates(self, confidence: float = 0.95) -> Estimates:
        """Estimate with errors and intervals (`intervals`), under the rule of undefined values."""
        if self.own is not None:
            return self.own(check_confidence(confidence))
        return intervals(
            self.value,
            self._moments,
            self.units,
            self.n,
            shape=self.shape,
            carriers=self._carried,
            idle=self.idle,
            confidence=confidence,
        )


def intervals(
    value: Floats,
    moments: tuple[Floats, Floats, Floats],
    units: Integers,
    n: Integers,
    *,
    shape: Shape,
    carriers: Integers,
    idle: Floats | None = None,
    confidence: float = 0.95,
) -> Estimates:
    """Intervals of statistics from the moments of their influences.

    Parameters
    ----------
    value : ndarray of float64, shape (sets,)
        The estimates.
    moments : tuple of three ndarrays of float64, shape (sets,)
        Second, third and fourth moment of the influences about 0, over the units. NaN third and
        fourth moments (merged summaries do not hold them) leave their corrections out.
    units, n, carriers : ndarray of int64, shape (sets,)
        As in `Linearised`.
    shape : {"skewed", "kurtic", "logarithm", "skewed logarithm"}
        See the notes.
    idle : ndarray of float64, shape (sets,), optional
        Passed through.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Estimates
        The estimates with errors, intervals and the method of each.

    Notes
    -----
    With u units the standard error is sqrt(m2 / (u - 1)). Intervals are Student's with

    - ``skewed``: u - 1 degrees of freedom, widened where outcomes are skewed to the ends of the
      cubic transformation of the studentised mean [1]_ (`skewed_ends`);
    - ``kurtic``: 2 u / (k - 1) degrees of freedom, k the kurtosis of the influences, at most
      u - 1: few paths that carry all of the variance leave the standard error uncertain [2]_;
    - ``logarithm``: the same, symmetric in the logarithm of a positive estimate;
    - ``skewed logarithm``: the first, in the logarithm.

    Coverage of each is measured by ``python -m benchmarks.validity``.

    References
    ----------
    .. [1] Hall (1992), "On the removal of skewness by transformation".
    .. [2] Satterthwaite (1946), "An approximate distribution of estimates of variance components".
    """
    probability = 0.5 + check_confidence(confidence) / 2
    second, third, fourth = moments
    several = units > 1
    flat = ~(second > (_ROUNDING * np.abs(value)) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(second / (units - 1.0))
        freedom = units - 1.0
        if shape in ("kurtic", "logarithm"):
            kurtosis = fourth / second**2
            fewer = np.minimum(np.maximum(2.0 * units / (kurtosis - 1.0), 1.0), freedom)
            freedom = np.where(kurtosis > 1.0, fewer, freedom)
        centre, spread = value, error
        if shape in ("logarithm", "skewed logarithm"):
            centre, spread = np.log(value), error / value
        reach = student_quantiles(probability, freedom)
        low, high = centre - reach * spread, centre + reach * spread
        if shape in ("skewed", "skewed logarithm"):
            skewness = np.nan_to_num(third / second**1.5)
            ends = skewed_ends(centre, spread, skewness, units, reach)
            low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
        if shape in ("logarithm", "skewed logarithm"):
            low, high = np.exp(low), np.exp(np.minimum(high, _LARGEST_EXPONENT))
    named = {"skewed": Method.SKEWED, "kurtic": Method.KURTIC}.get(shape, Method.LOGARITHM)
    if shape == "kurtic" and np.isnan(fourth).all():
        named = Method.STUDENT
    method = np.full(len(value), named.value, dtype="U24")
    stated = np.ones(len(value), dtype=np.bool_)
    few = several & (carriers < FEWEST_CARRIERS)
    for where, why in (
        (few, Method.TOO_FEW),
        (several & flat, Method.NO_VARIANCE),
        (units == 1, Method.ONE_HISTORY),
        (np.isnan(value) | (units == 0), Method.UNDEFINED),
    ):
        method[where] = why.value
        stated &= ~where
    error, low, high = (np.where(stated, end, math.nan) for end in (error, low, high))
    return Estimates(value, error, low, high, n, method, idle)


def without_interval(
    value: Floats, n: Integers, units: Integers, why: Method, idle: Floats | None = None
) -> Estimates:
    """Estimates of which the value alone is given, and `why` where it is defined.

    Parameters
    ----------
    value : ndarray of float64, shape (sets,)
        The estimates.
    n, units : ndarray of int64, shape (sets,)
        Outcomes, and independent units.
    why : Method
        Why there is no interval.
    idle : ndarray of float64, shape (sets,), optional
        Share of idle outcomes.

    Returns
    -------
    Estimates
        With NaN for errors and intervals.
    """
    method = np.full(len(value), why.value, dtype="U24")
    method[units == 1] = Method.ONE_HISTORY.value
    method[np.isnan(value) | (units == 0)] = Method.UNDEFINED.value
    unknown = np.full(len(value), math.nan)
    return Estimates(value, unknown, unknown, unknown, n, method, idle)


def check_confidence(confidence: float) -> float:
    """Return the level of an interval if it is one.

    Parameters
    ----------
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    float
        The same level.

    Raises
    ------
    Refusal
        If it is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise Refusal("confidence", str(confidence), "above 0 and below 1")
    return confidence


def whole_power(values: Floats, power: int) -> Floats:
    """Raise to a small whole power by products, which is many times faster than ``**``.

    Parameters
    ----------
    values : ndarray of float64
        Any numbers.
    power : int
        At least 1.

    Returns
    -------
    ndarray of float64
        In the shape of `values`.
    """
    found = values
    for _ in range(power - 1):
        found = found * values
    return found


def count_carriers(
    influence: Floats, layout: Layout, units: Integers, second: Floats, fourth: Floats
) -> Integers:
    """Count the units that do not show the outcome that most of a set's units show.

    If no outcome is shared by most units, all units carry the statistic.

    Parameters
    ----------
    influence : ndarray of float64, shape (cells,)
        Per unit and set.
    layout : Layout
        The set of each cell.
    units : ndarray of int64, shape (sets,)
        Independent units.
    second, fourth : ndarray of float64, shape (sets,)
        Moments of the influences.

    Returns
    -------
    ndarray of int64, shape (sets,)
        Units that differ; all, and five more, where no outcome is shared by most.
    """
    lengths = layout.cell_counts
    found = lengths.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        # Fewer than five of u units that differ have a kurtosis above u / 8.
        suspected = fourth / second**2 >= np.maximum(1.0, units / 8.0)
    if suspected.any():
        reach = 1e-12 * np.sqrt(second[suspected])
        same = layout.count_at_median(influence, suspected, reach)
        shared = 2 * same > lengths[suspected]
        found[suspected] -= np.where(shared, same, 0)
    # Where few paths all differ, each of them carries the value.
    found[found == lengths] += FEWEST_CARRIERS
    return found


def _over(total: Floats, count: NDArray[np.int64]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = total / count
    return found

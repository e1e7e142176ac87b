"""Differences between parameter sets, of any statistic, paired on the paths they share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.distributions import student_probabilities, student_quantiles
from engine.statistics.estimates import Estimates, Method
from engine.statistics.layout import Layout
from engine.statistics.linearised import (
    FEWEST_CARRIERS,
    Linearised,
    check_confidence,
    count_carriers,
    whole_power,
)
from engine.statistics.skewness_correction import skewed_ends, transformed

__all__ = ["Differences", "compare", "paired_influences"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# With fewer common units their covariance is too uncertain to be used.
_FEWEST_PAIRS = 10


@dataclass(frozen=True)
class Differences:
    """How parameter sets differ from a baseline in one statistic.

    Parameters
    ----------
    difference : Estimates
        The set's less the baseline's; ``n`` is the number of independent units behind it.
    percent : Estimates
        The difference as a percentage of the size of the baseline's, with Fieller's interval; no
        interval if the baseline is not told from 0 at 1 - (1 - confidence) / 20, 99.75 % of 95 %.
    p_value : ndarray of float64, shape (sets,)
        Two-sided, of no difference.
    correlation : ndarray of float64, shape (sets,)
        Correlation of the influences on common units; NaN if there are none.
    variance_saved : ndarray of float64, shape (sets,)
        Share of the variance that pairing saved, against as many paths without a common one.
    paired : ndarray of int64, shape (sets,)
        Units that both ran on.
    """

    difference: Estimates
    percent: Estimates
    p_value: Floats
    correlation: Floats
    variance_saved: Floats
    paired: Integers


@dataclass(frozen=True)
class _Combined:
    """Best combination of common and own units, per set."""

    value_a: Floats
    value_b: Floats
    variance_a: Floats
    variance_b: Floats
    covariance: Floats
    freedom: Floats
    skewness: Floats
    carriers: Integers
    units: Integers


def compare(of: Linearised, baseline: Linearised, confidence: float = 0.95) -> Differences:
    """Compare parameter sets with a baseline on all of their paths, pairing what can be paired.

    Parameters
    ----------
    of : Linearised
        One statistic of one or several sets: `moments.means`, `pooled.pooled`, ...
    baseline : Linearised
        The same statistic of one set, everybody's baseline, or of as many sets in the same order.
        Units with the same number are the same paths.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Differences
        One per set.

    Raises
    ------
    ValueError
        If the numbers of sets do not match.

    Notes
    -----
    No path is dropped: an idle path is an outcome. On common paths alone the difference is that
    of the estimates, its error that of the differences of influences, and its interval and
    p-value are Student's, corrected for the skewness of these differences [1]_.

    Where a side has paths of its own, let a set have n_a units, n_c of them common, and weights
    w_a on the mean of the common ones and 1 - w_a on that of its own, and likewise the baseline.
    The weights that make the variance of the difference least solve

        w_a s_a^2 (1 + r_a) - w_b c r_a = s_a^2,    r_a = (n_a - n_c) / n_c,

    and the same with a and b exchanged, c the covariance on common units. That is the best linear
    unbiased combination of the paired and the independent comparison (Ekbohm 1976, "On comparing
    means in the paired case with incomplete data on both responses"). Below ten common units
    their covariance is not used. The degrees of freedom are Satterthwaite's.

    Ratios of gains to losses are positive and skewed: their p-value and percentage are those of
    the difference of their logarithms.

    References
    ----------
    .. [1] Hall (1992), "On the removal of skewness by transformation".

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> both = compare(means([[2.0, 4.0, 7.0, 8.5, 9.0]]), means([[1.0, 3.2, 5.0, 7.0, 6.0]]))
    >>> found = both.difference[0]
    >>> round(found.value, 2), round(found.std_error, 3), int(both.paired[0])
    (1.66, 0.394, 5)
    """
    check_confidence(confidence)
    sets = len(of.value)
    if len(baseline.value) not in (1, sets):
        raise Refusal("baseline", f"{len(baseline.value)} parameter sets", f"1 or {sets}")
    with np.errstate(divide="ignore", invalid="ignore"):
        common, other = paired_influences(of, baseline)
        combined, paired, correlation, alone = _combine(of, baseline, common, other)
        difference, p_value = _difference(combined, confidence)
        percent = _percent(combined, difference, confidence)
        if of.shape == baseline.shape == "logarithm":
            percent, p_value = _by_logarithm(of, baseline, confidence)
        variance = _variance(combined)
        saved = np.where(alone > 0.0, 1.0 - variance / alone, math.nan)
    return Differences(difference, percent, p_value, correlation, saved, paired)


def paired_influences(of: Linearised, baseline: Linearised) -> tuple[NDArray[np.bool_], Floats]:
    """Match the cells of one statistic with those of another.

    Parameters
    ----------
    of, baseline : Linearised
        As of `compare`.

    Returns
    -------
    common : ndarray of bool, shape (cells,)
        Cells of `of` whose unit the baseline has as well.
    other : ndarray of float64, shape (cells,)
        The baseline's influence there; 0 elsewhere.
    """
    ours, theirs = of.layout, baseline.layout
    if theirs.sets == 1:
        place = np.minimum(np.searchsorted(theirs.units, ours.units), len(theirs.units) - 1)
        common = theirs.units[place] == ours.units
    else:
        known, ranks = np.unique(np.concatenate([ours.units, theirs.units]), return_inverse=True)
        own = _cell_sets(ours) * len(known) + ranks[: len(ours.units)]
        others = _cell_sets(theirs) * len(known) + ranks[len(ours.units) :]
        place = np.minimum(np.searchsorted(others, own), len(others) - 1)
        common = others[place] == own
    if of.absent is not None:
        common = common & ~of.absent
    if baseline.absent is not None:
        common = common & ~baseline.absent[place]
    return common, np.where(common, baseline.influence[place], 0.0)


def _difference(c: _Combined, confidence: float) -> tuple[Estimates, Floats]:
    value, error = c.value_a - c.value_b, np.sqrt(_variance(c))
    # What is left of equal outcomes is rounding.
    same = ~(error > 1e-14 * (np.abs(c.value_a) + np.abs(c.value_b)))
    reach = student_quantiles(0.5 + confidence / 2, c.freedom)
    ends = skewed_ends(value, error, c.skewness, c.units, reach)
    low = np.minimum(value - reach * error, ends[0])
    high = np.maximum(value + reach * error, ends[1])
    studentised = value / error
    # Significant only where both intervals exclude 0.
    least = np.minimum(np.abs(studentised), np.abs(transformed(studentised, c.skewness, c.units)))
    p_value = 2.0 * student_probabilities(-least, c.freedom)
    few = c.carriers < FEWEST_CARRIERS
    # Signs alone: of so many units that differ, all to one side.
    signs = 2.0 ** (1.0 - np.where(same, c.units, c.carriers))
    p_value = np.where(few, np.maximum(p_value, signs), p_value)
    p_value = np.where(same, np.where(np.abs(value) > 0.0, signs, 1.0), p_value)
    method = np.full(len(value), Method.SKEWED.value, dtype="U24")
    method[~(c.skewness != 0.0)] = Method.STUDENT.value
    for where, why in (
        (few, Method.TOO_FEW),
        (same, Method.NO_VARIANCE),
        (c.units == 1, Method.ONE_HISTORY),
        (np.isnan(value), Method.UNDEFINED),
    ):
        method[where] = why.value
    stated = (method == Method.SKEWED.value) | (method == Method.STUDENT.value)
    error, low, high = (np.where(stated, part, math.nan) for part in (error, low, high))
    p_value = np.where((c.units == 1) | np.isnan(value), math.nan, np.minimum(p_value, 1.0))
    return Estimates(value, error, low, high, c.units, method), p_value


def _percent(c: _Combined, difference: Estimates, confidence: float) -> Estimates:
    a, b = c.value_a, c.value_b
    square = student_quantiles(0.5 + confidence / 2, c.freedom) ** 2
    ratio = a / b
    bent = b * b - square * c.variance_b
    middle = a * b - square * c.covariance
    root = np.sqrt(np.maximum(middle**2 - bent * (a * a - square * c.variance_a), 0.0))
    sign = np.sign(b)
    ends = (
        100.0 * sign * ((middle - root) / bent - 1.0),
        100.0 * sign * ((middle + root) / bent - 1.0),
    )
    error = 100.0 * np.sqrt(
        np.maximum(c.variance_a - 2.0 * ratio * c.covariance + ratio**2 * c.variance_b, 0.0)
    )
    method = np.full(len(a), Method.FIELLER.value, dtype="U24")
    # Stated wherever Fieller's interval is bounded, it would be wrong where that was by chance.
    needed = student_quantiles(1.0 - (1.0 - confidence) / 40.0, c.freedom)
    told = (bent > 0.0) & (np.abs(b) > needed * np.sqrt(c.variance_b))
    method[~told] = Method.NO_INTERVAL.value
    unstated = np.isnan(difference.std_error)
    method[unstated] = difference.method[unstated]
    value = np.where(b != 0.0, 100.0 * (a - b) / np.abs(b), math.nan)
    method[np.isnan(value)] = Method.UNDEFINED.value
    stated = method == Method.FIELLER.value
    error, low, high = (
        np.where(stated, part, math.nan)
        for part in (error / np.abs(b), np.minimum(*ends), np.maximum(*ends))
    )
    return Estimates(value, error, low, high, c.units, method)


def _by_logarithm(
    of: Linearised, baseline: Linearised, confidence: float
) -> tuple[Estimates, Floats]:
    """Percentage and p-value of positive ratios, from the difference of their logarithms."""
    first, second = (
        replace(
            side,
            value=np.log(np.where(side.value > 0.0, side.value, math.nan)),
            contribution=side.influence / side.layout.spread_cells(side.value),
        )
        for side in (of, baseline)
    )
    combined = _combine(first, second, *paired_influences(first, second))[0]
    gap, p_value = _difference(combined, confidence)
    ratio = np.exp(gap.value)
    stated = ~np.isnan(gap.std_error)
    return Estimates(
        100.0 * (ratio - 1.0),
        100.0 * ratio * gap.std_error,
        100.0 * np.expm1(gap.low),
        100.0 * np.expm1(gap.high),
        gap.n,
        np.where(stated, Method.LOGARITHM.value, gap.method).astype("U24"),
    ), p_value


def _variance(c: _Combined) -> Floats:
    found: Floats = np.maximum(c.variance_a + c.variance_b - 2.0 * c.covariance, 0.0)
    return found


def _combine(
    of: Linearised, baseline: Linearised, common: NDArray[np.bool_], other: Floats
) -> tuple[_Combined, Integers, Floats, Floats]:
    layout, a = of.layout, of.influence
    n_a = of.units.astype(np.float64)
    n_b = np.broadcast_to(baseline.units.astype(np.float64), n_a.shape)
    square_b = baseline.layout.sum_cells(baseline.influence**2)
    spread_a = layout.sum_cells(a * a) / (n_a - 1.0)
    spread_b = np.broadcast_to(square_b, n_a.shape) / (n_b - 1.0)
    mine = np.where(common, a, 0.0)
    n_c = layout.sum_cells(common.astype(np.float64))
    mean_a, mean_b = (
        np.where(n_c > 0.0, layout.sum_cells(part) / n_c, 0.0) for part in (mine, other)
    )
    own = np.where(common, mine - layout.spread_cells(mean_a), 0.0)
    their = np.where(common, other - layout.spread_cells(mean_b), 0.0)
    several = n_c > 1.0
    degrees = np.where(several, n_c - 1.0, 1.0)
    var_a, var_b, cov = (
        np.where(several, layout.sum_cells(part) / degrees, 0.0)
        for part in (own * own, their * their, own * their)
    )
    correlation = np.where(var_a * var_b > 0.0, cov / np.sqrt(var_a * var_b), math.nan)
    full = (n_c == n_a) & (n_c == n_b)
    usable = full | (n_c >= _FEWEST_PAIRS)
    shared = np.where(usable, cov, 0.0)
    r_a, r_b = (np.where(n_c > 0.0, (n - n_c) / n_c, math.inf) for n in (n_a, n_b))
    w_a, w_b = _weights(spread_a, spread_b, shared, r_a, r_b)
    # With too few common units each side is the mean of all of its own units.
    w_a = np.where(usable, w_a, n_c / n_a)
    w_b = np.where(usable, w_b, n_c / n_b)
    extra_a, extra_b = n_a - n_c, n_b - n_c
    shift_a, shift_b = (
        np.where((extra > 0.0) & (n_c > 0.0), mean * (w - (1.0 - w) * n_c / extra), 0.0)
        for mean, w, extra in ((mean_a, w_a, extra_a), (mean_b, w_b, extra_b))
    )
    pairs = np.where(n_c > 0.0, n_c, 1.0)
    parts_a = w_a**2 * np.where(usable, var_a, spread_a) / pairs, (1.0 - w_a) ** 2 * spread_a
    parts_b = w_b**2 * np.where(usable, var_b, spread_b) / pairs, (1.0 - w_b) ** 2 * spread_b
    own_a = np.where(extra_a > 0.0, parts_a[1] / extra_a, 0.0)
    own_b = np.where(extra_b > 0.0, parts_b[1] / extra_b, 0.0)
    both = w_a * w_b * shared / pairs
    joint = parts_a[0] + parts_b[0] - 2.0 * both
    each = layout.spread_cells(w_a) * own - layout.spread_cells(w_b) * their
    second, third, fourth = (layout.sum_cells(whole_power(each, k)) / n_c for k in (2, 3, 4))
    kurtosis = fourth / second**2
    carriers = count_carriers(each, layout, of.units, second, fourth)
    fewer = np.where(kurtosis > 1.0, 2.0 * n_c / (kurtosis - 1.0), math.inf)
    kurtic = "skewed" not in of.shape or "skewed" not in baseline.shape
    joint_freedom = np.maximum(np.minimum(degrees, fewer if kurtic else degrees), 1.0)
    total = joint + own_a + own_b
    freedom = total**2 / (
        np.where(joint > 0.0, joint**2 / joint_freedom, 0.0)
        + own_a**2 / np.maximum(n_a - 1.0, 1.0)
        + own_b**2 / np.maximum(n_b - 1.0, 1.0)
    )
    combined = _Combined(
        of.value + shift_a,
        np.broadcast_to(baseline.value, n_a.shape) + shift_b,
        parts_a[0] + own_a,
        parts_b[0] + own_b,
        both,
        np.where(np.isfinite(freedom), np.maximum(freedom, 1.0), 1.0),
        np.where(full & (not kurtic), np.nan_to_num(third / second**1.5), 0.0),
        np.where(full, carriers, FEWEST_CARRIERS),
        (n_a + n_b - n_c).astype(np.int64),
    )
    return combined, n_c.astype(np.int64), correlation, spread_a / n_a + spread_b / n_b


def _weights(
    spread_a: Floats, spread_b: Floats, shared: Floats, r_a: Floats, r_b: Floats
) -> tuple[Floats, Floats]:
    determinant = spread_a * spread_b * (1.0 + r_a) * (1.0 + r_b) - shared**2 * r_a * r_b
    w_a = (spread_a * spread_b * (1.0 + r_b) + shared * r_a * spread_b) / determinant
    w_b = (spread_a * spread_b * (1.0 + r_a) + shared * r_b * spread_a) / determinant
    # A side without variance, or that ran on common units alone.
    w_a = np.where((r_a == 0.0) | ~np.isfinite(w_a), 1.0 / (1.0 + r_a), w_a)
    w_b = np.where((r_b == 0.0) | ~np.isfinite(w_b), 1.0 / (1.0 + r_b), w_b)
    return w_a, w_b


def _cell_sets(layout: Layout) -> Integers:
    return np.repeat(np.arange(layout.sets), layout.cells)

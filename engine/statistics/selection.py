"""Which parameter set is best, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.distributions import (
    student_quantile,
)
from engine.statistics.linearised import Linearised, check_confidence

__all__ = [
    "Selection",
    "best_of",
    "identical_sets",
    "probability_of_best",
    "ranked_matrix",
    "select",
    "subset_with_best",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Comparing every set with this many leaders eliminates nearly all that all pairs would.
_LEADERS = 64
# Share of a set's paths that all others must have as well.
_LEAST_SHARED = 0.9
# Elements of a matrix that a step holds at once: 64 MB.
_BLOCK = 8_000_000


@dataclass(frozen=True)
class Selection:
    """The best of several parameter sets, and which cannot be told from it.

    Parameters
    ----------
    best : int
        Position of the set with the best estimate; the first of equal ones.
    subset : ndarray of bool, shape (sets,)
        Sets of which one is the truly best with the stated confidence.
    tied : bool
        Whether the subset holds sets with other outcomes than the best: then none of them may be
        called the best.
    probability : ndarray of float64, shape (sets,)
        Bootstrap probability of being the best.
    alike : ndarray of int64, shape (sets,)
        Sets with the same number had the same outcome on every path.
    """

    best: int
    subset: Flags
    tied: bool
    probability: Floats
    alike: Integers


def select(
    of: Linearised, *, seed: int, confidence: float = 0.95, maximise: bool = True
) -> Selection:
    """Select the best of parameter sets that ran on the same paths.

    Parameters
    ----------
    of : Linearised
        One statistic of at least two sets. Sets whose value is undefined, or rests on fewer than
        five paths, are not in the running as long as others are.
    seed : int
        Seed of the bootstrap; the same seed gives the same probabilities.
    confidence : float
        That the subset holds the truly best set.
    maximise : bool
        Whether more is better.

    Returns
    -------
    Selection
        The best set, and the sets that cannot be told from it.

    Raises
    ------
    ValueError
        If the sets do not share nine of ten of their paths.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> outcomes = generator.normal(size=(3, 50)) + [[0.0], [0.0], [2.0]]
    >>> found = select(means(outcomes), seed=1)
    >>> found.best, found.subset.tolist()
    (2, [False, False, True])
    """
    subset = subset_with_best(of, confidence, maximise=maximise)
    alike = identical_sets(of)
    best = best_of(of, maximise)
    return Selection(
        best,
        subset,
        bool((subset & (alike != alike[best])).any()),
        probability_of_best(of, seed=seed, maximise=maximise),
        alike,
    )


def subset_with_best(of: Linearised, confidence: float = 0.95, *, maximise: bool = True) -> Flags:
    """Find the sets of which one is the truly best with this confidence, on common paths.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets; sets with an undefined value are not in the subset.
    confidence : float
        Probability that the truly best set is in it.
    maximise : bool
        Whether more is better.

    Returns
    -------
    ndarray of bool, shape (sets,)

    Notes
    -----
    A set i leaves if its estimate lies more than t s_ij below that of some other set j, s_ij the
    standard error of their difference on common paths and t Student's quantile at 1 - (1 -
    confidence) / (k - 1) [1]_, [2]_. The bound holds for any dependence between sets; common
    paths make s_ij, and so the subset, small. Comparisons are with the 64 leading sets, which can
    only keep more.

    References
    ----------
    .. [1] Gupta (1965), "On some multiple decision (selection and ranking) rules".
    .. [2] Nelson, Swann, Goldsman and Song (2001), "Simple procedures for selecting the best
       simulated system when the number of alternatives is large".

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> close = [[1.0, 5.0, 3.0, 4.0, 2.0], [1.1, 5.1, 2.8, 4.1, 2.1], [0.0, 3.9, 2.1, 2.8, 1.2]]
    >>> subset_with_best(means(close)).tolist()
    [True, True, False]
    """
    check_confidence(confidence)
    value, influence = ranked_matrix(of, maximise)
    sets, units = influence.shape
    kept = ~np.isnan(value)
    if sets < 2 or units < 2:
        return kept
    leaders = np.argsort(-value, kind="stable")[:_LEADERS]
    leaders = leaders[~np.isnan(value[leaders])]
    t = student_quantile(1.0 - (1.0 - confidence) / (sets - 1), units - 1.0)
    scale = 1.0 / (units * (units - 1.0))
    square = np.einsum("su,su->s", influence, influence)
    for first in range(0, sets, max(1, _BLOCK // max(len(leaders), units))):
        part = slice(first, first + max(1, _BLOCK // max(len(leaders), units)))
        products = influence[part] @ influence[leaders].T
        spread = square[part, None] + square[leaders] - 2.0 * products
        # Sets with the same outcomes differ by rounding alone.
        floor = 1e-12 * (square[part, None] + square[leaders])
        error = np.sqrt(np.where(spread > floor, spread, 0.0) * scale)
        gap = value[leaders] - value[part, None]
        kept[part] &= ~(gap > t * error + 1e-12 * np.abs(value[leaders])).any(axis=1)
    return kept


def probability_of_best(
    of: Linearised, *, seed: int, draws: int = 1000, maximise: bool = True
) -> Floats:
    """Probability of each set to be the best, by resampling the common paths.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets on the same paths.
    seed : int
        Key of the Philox generator that draws the paths.
    draws : int
        Bootstrap samples: a probability p is exact to sqrt(p (1 - p) / draws).
    maximise : bool
        Whether more is better.

    Returns
    -------
    ndarray of float64, shape (sets,)
        Adds up to 1. Sets with the same outcomes on every path share theirs.

    Notes
    -----
    Paths are drawn for all sets at once, so that pairs stay pairs (Chick and Inoue 2001, "New
    procedures to select the best simulated system using common random numbers"). A statistic
    moves with the mean of its influences over the draw, scaled by sqrt(u / (u - 1)).

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> outcomes = generator.normal(size=(3, 50)) + [[0.0], [0.0], [2.0]]
    >>> probability_of_best(means(outcomes), seed=1).round(2).tolist()
    [0.0, 0.0, 1.0]
    """
    value, influence = ranked_matrix(of, maximise)
    sets, units = influence.shape
    found = np.zeros(sets)
    defined = np.flatnonzero(~np.isnan(value))
    if len(defined) == 0:
        return np.full(sets, math.nan)
    # A set that lies this far behind wins one draw in a million.
    leader = defined[np.argmax(value[defined])]
    difference = influence[defined] - influence[leader]
    error = np.sqrt(np.einsum("su,su->s", difference, difference)) / units
    # One set stands for all that had the same outcomes.
    alike = identical_sets(of)
    _, first_alike = np.unique(alike[defined], return_index=True)
    error, defined = error[first_alike], defined[first_alike]
    near = defined[value[leader] - value[defined] <= 5.0 * error + 1e-12 * abs(value[leader])]
    generator = np.random.Generator(np.random.Philox(key=seed))
    widen = math.sqrt(units / (units - 1.0)) if units > 1 else 0.0
    near_influence = np.ascontiguousarray(influence[near].T)
    step = min(max(1, _BLOCK // max(len(near), units)), 100)
    for first in range(0, draws, step):
        count = min(step, draws - first)
        # Breaks ties of different sets by chance: shares and counts have many.
        chance = 1e-12 * np.abs(value[near]).max() * generator.random(len(near))
        picked = generator.integers(0, units, size=(count, units))
        weights = np.zeros((count, units))
        np.add.at(weights, (np.arange(count)[:, None], picked), 1.0)
        moved = (widen / units * weights) @ near_influence
        moved += value[near] + chance
        won = np.bincount(moved.argmax(axis=1), minlength=len(near))
        found[near] += won
    members = np.bincount(alike, minlength=int(alike.max()) + 1)
    by_group = np.bincount(alike, weights=found)
    found = by_group[alike] / members[alike]
    return found / draws


def identical_sets(of: Linearised) -> Integers:
    """Give sets that had the same outcome on every path the same number.

    A parameter that changes nothing makes such sets; they are one strategy, not several.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets on the same paths.

    Returns
    -------
    ndarray of int64, shape (sets,)
        From 0, in the order of first appearance.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> identical_sets(means([[1.0, 2.0], [3.0, 1.0], [1.0, 2.0]])).tolist()
    [0, 1, 0]
    """
    value, influence = ranked_matrix(of, maximise=True)
    rows = np.column_stack([value, influence]) + 0.0
    size = np.abs(rows).max(axis=1, keepdims=True)
    rounded = np.round(np.nan_to_num(rows / np.where(size > 0.0, size, 1.0)), 11)
    together = np.ascontiguousarray(np.column_stack([rounded, np.nan_to_num(size)]))
    keys = together.view(np.dtype((np.void, together.dtype.itemsize * together.shape[1]))).ravel()
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    # Numbered by first appearance.
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[place.ravel()]


def best_of(of: Linearised, maximise: bool) -> int:
    """Return the position of the best value that may be ranked; the first of equal ones.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets.
    maximise : bool
        Whether more is better.

    Returns
    -------
    int
        Position of the set.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> best_of(means([[1.0, 2.0], [3.0, 1.0], [1.0, 2.0]]), maximise=True)
    1
    """
    value = _ranked(of) if maximise else -_ranked(of)
    return int(np.argmax(np.where(np.isnan(value), -math.inf, value)))


def ranked_matrix(of: Linearised, maximise: bool) -> tuple[Floats, Floats]:
    """Values, and influences of shape (sets, units) on the paths of all, larger being better.

    Paths that a few sets lack (failed simulations) are left out of the influences alone.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets.
    maximise : bool
        Whether more is better; if not, signs are turned.

    Returns
    -------
    value : ndarray of float64, shape (sets,)
        NaN where a set cannot be ranked.
    influence : ndarray of float64, shape (sets, units)
        On the common paths.

    Raises
    ------
    Refusal
        If the sets do not share nine of ten paths of each.
    """
    layout = of.layout
    sign = 1.0 if maximise else -1.0
    value = sign * _ranked(of)
    sets, units = layout.sets, int(layout.cells[0])
    if of.absent is None and (layout.cells == units).all():
        table = layout.units.reshape(sets, units)
        if (table == table[0]).all():
            return value, sign * of.influence.reshape(sets, units)
    some = of.units > 0
    present = layout.spread_cells(some.astype(np.float64)) > 0.0
    if of.absent is not None:
        present &= ~of.absent
    known, count = np.unique(layout.units[present], return_counts=True)
    common = known[count == some.sum()]
    most = int(of.units.max())
    if len(common) < _LEAST_SHARED * most or len(common) < 2:
        raise Refusal(
            "of",
            f"{len(common)} paths that all parameter sets share, of up to {most}",
            "nine of ten",
            hint="keep the paths, or the sets, that have outcomes",
        )
    chosen = of.influence[present & np.isin(layout.units, common)].reshape(-1, len(common))
    influence = np.zeros((sets, len(common)))
    influence[some] = sign * (chosen - chosen.mean(axis=1, keepdims=True))
    return value, influence


def _ranked(of: Linearised) -> Floats:
    """Values to rank by: NaN where too few paths carry one, unless that is so of all sets."""
    supported = of.supported()
    return np.where(supported, of.value, math.nan) if supported.any() else of.value

"""Which parameter set is best, how sure that is, and what the winner is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.distributions import (
    normal_probability,
    student_quantile,
)
from engine.statistics.estimates import Estimate, Estimates, Method
from engine.statistics.linearised import Linearised, check_confidence

__all__ = [
    "Selection",
    "Winner",
    "identical_sets",
    "probability_of_best",
    "select",
    "subset_with_best",
    "winner",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Comparing every set with so many leaders eliminates nearly all that all pairs would.
_LEADERS = 64
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


@dataclass(frozen=True)
class Winner:
    """What the chosen parameter set is worth, given that it was chosen for its outcomes.

    Parameters
    ----------
    index : int
        Its position.
    naive : Estimate
        Its estimate as if it had been named beforehand: too good on average.
    corrected : Estimate
        Median-unbiased estimate and interval that hold for whichever set won.
    """

    index: int
    naive: Estimate
    corrected: Estimate

    @property
    def shrinkage(self) -> float:
        """How much of the naive estimate the choice explains."""
        return self.naive.value - self.corrected.value


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

    Raises
    ------
    ValueError
        If the sets did not run on the same paths.
    """
    subset = subset_with_best(of, confidence, maximise=maximise)
    alike = identical_sets(of)
    best = _best(of, maximise)
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
    value, influence = _matrix(of, maximise)
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
    """
    value, influence = _matrix(of, maximise)
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
    """
    value, influence = _matrix(of, maximise=True)
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


def winner(of: Linearised, confidence: float = 0.95, *, maximise: bool = True) -> Winner:
    """Estimate the set that came out best, corrected for having been chosen.

    Parameters
    ----------
    of : Linearised
        One statistic of all sets that were compared, on the same paths. The correction knows
        only the sets in it.
    confidence : float
        Level of the intervals.
    maximise : bool
        Whether more is better.

    Raises
    ------
    ValueError
        If the sets did not run on the same paths, or none has a defined value.

    Notes
    -----
    Given the other sets' parts that do not move with the winner's estimate X, it is a normal
    number truncated to where the winner still wins. The corrected estimate is the mean of that
    law under which X is its median, and the interval's ends those under which X is its
    0.975 and 0.025 quantile: unbiased, and valid, given that this set won [1]_. The law is
    further truncated to X within c standard errors of the truth, c the level at which all sets
    together are covered with probability 1 - (1 - confidence) / 10: the hybrid that is never much
    longer than simultaneous intervals. Few paths have Student's quantile: the standard error is
    widened by its ratio to the normal one.

    References
    ----------
    .. [1] Andrews, Kitagawa and McCloskey (2024), "Inference on winners", Quarterly Journal of
       Economics 139.
    """
    check_confidence(confidence)
    value, influence = _matrix(of, maximise)
    sets, units = influence.shape
    if np.isnan(value).all():
        raise Refusal("of", "no parameter set with a defined value", "at least one")
    index = _best(of, maximise)
    naive = _naive(of, index, confidence)
    sign = 1.0 if maximise else -1.0
    scale = units * (units - 1.0)
    covariance = influence @ influence[index] / scale if units > 1 else np.zeros(sets)
    variance = float(covariance[index])
    if not variance > 0.0 or math.isnan(naive.std_error):
        return Winner(index, naive, naive)
    low, high = _truncation(value, covariance, index)
    x, tail = float(value[index]), 1.0 - confidence
    freedom = units - 1.0
    inflation = student_quantile(0.5 + confidence / 2, freedom) / student_quantile(
        0.5 + confidence / 2, 1e9
    )
    error = math.sqrt(variance) * inflation
    beta = tail / 10.0
    reach = student_quantile(1.0 - beta / (2.0 * max(sets, 1)), 1e9)
    rest = (tail - beta) / (1.0 - beta)

    def at(probability: float) -> float:
        return _truncated_mean(x, error, low, high, reach, probability)

    ends = (at(1.0 - rest / 2.0), at(0.5), at(rest / 2.0))
    bottom, centre, top = (sign * end for end in ends)
    corrected = Estimate(
        centre,
        error,
        min(bottom, top),
        max(bottom, top),
        naive.n,
        Method.SIMULTANEOUS,
        naive.idle,
    )
    return Winner(index, naive, corrected)


def _truncation(value: Floats, covariance: Floats, index: int) -> tuple[float, float]:
    """Between which values of its estimate the winner still wins."""
    slope = covariance / covariance[index]
    rest = value - slope * value[index]
    lead = 1.0 - slope
    others = ~np.isnan(value) & (np.abs(lead) > 1e-9)
    others[index] = False
    with np.errstate(divide="ignore", invalid="ignore"):
        at = rest / lead
    below, above = others & (lead > 0.0), others & (lead < 0.0)
    low = float(at[below].max()) if below.any() else -math.inf
    high = float(at[above].min()) if above.any() else math.inf
    return low, high


def _truncated_mean(
    x: float, error: float, low: float, high: float, reach: float, probability: float
) -> float:
    """Mean under which a truncated normal law has this probability below x."""
    bottom, top = x - reach * error, x + reach * error
    for _ in range(200):
        mean = 0.5 * (bottom + top)
        first = (max(low, mean - reach * error) - mean) / error
        last = (min(high, mean + reach * error) - mean) / error
        at = min(max((x - mean) / error, first), last)
        # In the upper tail differences of probabilities keep their digits on the other side.
        if first > 0.0:
            below = normal_probability(-first) - normal_probability(-at)
            whole = normal_probability(-first) - normal_probability(-last)
        else:
            below = normal_probability(at) - normal_probability(first)
            whole = normal_probability(last) - normal_probability(first)
        share = below / whole if whole > 0.0 else 0.5
        if share > probability:
            bottom = mean
        else:
            top = mean
        if top - bottom <= 1e-12 * error:
            break
    return 0.5 * (bottom + top)


def _naive(of: Linearised, index: int, confidence: float) -> Estimate:
    found: Estimates = of.estimates(confidence)
    return found[index]


def _best(of: Linearised, maximise: bool) -> int:
    value = _ranked(of) if maximise else -_ranked(of)
    return int(np.argmax(np.where(np.isnan(value), -math.inf, value)))


def _matrix(of: Linearised, maximise: bool) -> tuple[Floats, Floats]:
    """Values and influences, of shape (sets, units), larger being better.

    Raises
    ------
    ValueError
        If the sets did not run on the same units.
    """
    layout = of.layout
    sets, units = layout.sets, int(layout.cells[0])
    same = bool((layout.cells == units).all())
    if same:
        table = layout.units.reshape(sets, units)
        same = bool((table == table[0]).all()) and of.absent is None
    if not same:
        raise Refusal(
            "of",
            "parameter sets on different paths",
            "sets that share all of theirs: keep the paths on which every set has an outcome",
        )
    sign = 1.0 if maximise else -1.0
    return sign * _ranked(of), sign * of.influence.reshape(sets, units)


def _ranked(of: Linearised) -> Floats:
    """Values to rank by: NaN where too few paths carry one, unless that is so of all sets."""
    supported = of.supported()
    return np.where(supported, of.value, math.nan) if supported.any() else of.value

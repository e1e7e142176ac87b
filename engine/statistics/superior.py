"""Tests of whether the best of many trials beats a benchmark, by resampling all of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = [
    "ConfidenceSet",
    "SuperiorAbility",
    "model_confidence_set",
    "reality_check",
    "stationary_counts",
    "step_m",
    "superior_predictive_ability",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Elements of a matrix of resampled indices that a step holds at once.
_BLOCK = 8_000_000


@dataclass(frozen=True)
class SuperiorAbility:
    """p-values of the hypothesis that no trial beats the benchmark.

    Parameters
    ----------
    lower, consistent, upper : float
        They differ in how trials count that look worse than the benchmark: as bad as they look;
        not at all once they are clearly worse; as good as the benchmark. ``consistent`` is the
        one to report; the others bound it.
    """

    lower: float
    consistent: float
    upper: float


@dataclass(frozen=True)
class ConfidenceSet:
    """Trials of which one is the truly best.

    Parameters
    ----------
    p_value : ndarray of float64, shape (trials,)
        A trial is in the set of confidence 1 - a if its p-value is above a.
    included : ndarray of bool, shape (trials,)
        At the confidence asked for.
    """

    p_value: Floats
    included: Flags


def reality_check(excess: ArrayLike, *, block_length: float, seed: int, draws: int = 2000) -> float:
    """White's Reality Check: p-value of no trial having an edge over the benchmark.

    Parameters
    ----------
    excess : array_like, shape (periods, trials)
        Outcomes of everything that was tried, less those of the benchmark in the same period (of
        cash: the returns themselves); 0 where nothing was held.
    block_length : float
        Mean length of the blocks in which periods are resampled, at least 1: 1 where they are
        independent paths, `arch.bootstrap.optimal_block_length` of the excess on a history.
    seed : int
        Key of the Philox generator.
    draws : int
        Bootstrap samples.

    Returns
    -------
    float
        Share of draws, the observation among them, in which the largest mean excess, each less
        its own mean, reaches the largest observed.

    Raises
    ------
    ValueError
        If the shape or block length is not allowed, or an outcome is not finite.

    References
    ----------
    White (2000), "A reality check for data snooping", Econometrica 68.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> trials = generator.normal(size=(200, 5))
    >>> reality_check(trials, block_length=1.0, seed=1, draws=500) > 0.05
    True
    """
    mean, resampled = _resampled(excess, block_length, seed, draws)
    best = (resampled - mean).max(axis=1)
    return _p_value(best, float(mean.max()))


def superior_predictive_ability(
    excess: ArrayLike, *, block_length: float, seed: int, draws: int = 2000
) -> SuperiorAbility:
    """Hansen's test of superior predictive ability, studentised.

    Unlike the Reality Check it does not lose power to trials that are noisy or clearly worse than
    the benchmark.

    Parameters
    ----------
    excess, block_length, seed, draws
        As of `reality_check`.

    Returns
    -------
    SuperiorAbility
        Three p-values.

    Notes
    -----
    The statistic is the largest max(0, m_i / s_i), s_i the standard deviation of the resampled
    mean. Draws are centred at m_i where m_i >= -s_i sqrt(2 log log n), else at 0 (``consistent``).

    References
    ----------
    Hansen (2005), "A test for superior predictive ability", Journal of Business & Economic
    Statistics 23.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> trials = generator.normal(size=(200, 5)) + [0.0, 0.0, 0.0, 0.0, 1.0]
    >>> superior_predictive_ability(trials, block_length=1.0, seed=1, draws=500).consistent < 0.05
    True
    """
    mean, resampled = _resampled(excess, block_length, seed, draws)
    periods = len(np.asarray(excess))
    error = _errors(resampled, periods)
    observed = max(0.0, float((mean / error).max()))
    bound = -math.sqrt(2.0 * math.log(math.log(max(periods, 3))))
    centres = (
        np.maximum(mean, 0.0),
        np.where(mean / error >= bound, mean, 0.0),
        mean,
    )
    found = [
        _p_value(np.maximum(((resampled - c) / error).max(axis=1), 0.0), observed) for c in centres
    ]
    # Observed means of 0 and below are beaten by every draw.
    return SuperiorAbility(*found)


def step_m(
    excess: ArrayLike,
    *,
    block_length: float,
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
) -> Flags:
    """Find the trials that beat the benchmark, with the chance of any false one held.

    Parameters
    ----------
    excess, block_length, seed, draws
        As of `reality_check`.
    confidence : float
        One less the chance of one or more false discoveries.

    Returns
    -------
    ndarray of bool, shape (trials,)

    Notes
    -----
    Trials whose studentised mean exceeds the quantile of the largest centred one are found, and
    the rest tested again without them, until none is left to find.

    References
    ----------
    Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping", Econometrica
    73, algorithm 4.1.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> trials = generator.normal(size=(200, 5)) + [0.0, 0.0, 0.0, 0.0, 1.0]
    >>> step_m(trials, block_length=1.0, seed=1, draws=500).tolist()
    [False, False, False, False, True]
    """
    mean, resampled = _resampled(excess, block_length, seed, draws)
    error = _errors(resampled, len(np.asarray(excess)))
    observed, centred = mean / error, (resampled - mean) / error
    found = np.zeros(len(mean), dtype=bool)
    while not found.all():
        critical = float(np.quantile(centred[:, ~found].max(axis=1), confidence))
        more = ~found & (observed > max(critical, 0.0))
        if not more.any():
            break
        found |= more
    return found


def model_confidence_set(
    outcomes: ArrayLike,
    *,
    block_length: float,
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
) -> ConfidenceSet:
    """Model confidence set: trials that cannot be told from the best.

    Parameters
    ----------
    outcomes : array_like, shape (periods, trials)
        More is better.
    block_length, seed, draws
        As of `reality_check`.
    confidence : float
        That the best trial is in the set.

    Returns
    -------
    ConfidenceSet
        A p-value per trial, and the trials in the set.

    Notes
    -----
    As long as the hypothesis that all remaining trials are equal is rejected, the trial leaves that
    falls furthest below some other, in standard errors of their difference; the p-value of a
    trial is the largest of the tests up to its leaving. The statistic is the largest such gap
    (T_R), which unlike the distance to the average sees one good trial among many bad ones.

    References
    ----------
    Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> trials = generator.normal(size=(200, 5)) + [0.0, 0.0, 0.0, 0.0, 1.0]
    >>> model_confidence_set(trials, block_length=1.0, seed=1, draws=500).included.tolist()
    [False, False, False, False, True]
    """
    mean, resampled = _resampled(outcomes, block_length, seed, draws)
    moved = resampled - mean
    scale = _pair_scales(moved)
    count = len(mean)
    alive, p_value, running = np.ones(count, dtype=bool), np.ones(count), 0.0
    widest = np.full((draws, 3), -1.0)
    stale = np.ones(draws, dtype=bool)
    while alive.sum() > 1:
        kept = np.flatnonzero(alive)
        for draw in np.flatnonzero(stale).tolist():
            widest[draw] = _widest_gap(moved[draw], scale, kept)
        observed, worst, _ = _widest_gap(mean, scale, kept)
        running = max(running, _p_value(widest[:, 0], observed))
        p_value[int(worst)] = running
        alive[int(worst)] = False
        # In the other draws the widest gap lies between trials that remain.
        stale = (widest[:, 1] == worst) | (widest[:, 2] == worst)
    return ConfidenceSet(p_value, p_value > 1.0 - confidence)


def stationary_counts(
    generator: np.random.Generator, periods: int, draws: int, block_length: float
) -> Floats:
    """How often each period is drawn by the stationary bootstrap (Politis and Romano 1994).

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of the draws.
    periods, draws : int
        Length of the history, and bootstrap samples.
    block_length : float
        Mean length of the blocks, at least 1.

    Returns
    -------
    ndarray of float64, shape (draws, periods)
        Each row adds up to `periods`.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> stationary_counts(generator, periods=6, draws=2, block_length=3.0).sum(axis=1).tolist()
    [6.0, 6.0]
    """
    starts = generator.integers(0, periods, size=(draws, periods))
    fresh = generator.random(size=(draws, periods)) < 1.0 / block_length
    fresh[:, 0] = True
    place = np.arange(periods)
    since = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    index = (np.take_along_axis(starts, since, axis=1) + place - since) % periods
    flat = index + np.arange(draws)[:, None] * periods
    counted = np.bincount(flat.ravel(), minlength=draws * periods)
    return counted.reshape(draws, periods).astype(np.float64)


def _resampled(
    outcomes: ArrayLike, block_length: float, seed: int, draws: int
) -> tuple[Floats, Floats]:
    """Mean of every trial, and its means in every draw, shape (draws, trials)."""
    x = np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 1:
        raise Refusal("outcomes", f"shape {x.shape}", "(2 periods or more, trials)")
    if not np.isfinite(x).all():
        raise Refusal("outcomes", "a value that is not finite", "finite outcomes")
    if not 1.0 <= block_length <= len(x):
        raise Refusal("block_length", str(block_length), f"1 to {len(x)}")
    if draws < 100:
        raise Refusal("draws", str(draws), "at least 100")
    generator = np.random.Generator(np.random.Philox(key=seed))
    periods = len(x)
    centre = x.mean(axis=0)
    found = np.empty((draws, x.shape[1]))
    step = max(1, _BLOCK // periods)
    for first in range(0, draws, step):
        count = min(step, draws - first)
        weights = stationary_counts(generator, periods, count, block_length)
        found[first : first + count] = weights @ (x - centre) / periods
    return centre, found + centre


def _pair_scales(moved: Floats) -> Floats:
    """One over the standard error of every difference; 0 where two trials never differ."""
    draws = len(moved)
    products = moved.T @ moved / draws
    square = np.diag(products)
    variance = square[:, None] + square - 2.0 * products
    least = 1e-12 * (square[:, None] + square)
    found: Floats = np.where(
        variance > least, 1.0 / np.sqrt(np.maximum(variance, least + 1e-300)), 0.0
    )
    return found


def _widest_gap(means: Floats, scale: Floats, kept: Integers) -> tuple[float, int, int]:
    """Largest studentised difference among some trials, the lower one, and the higher one."""
    own = means[kept]
    gaps = (own - own[:, None]) * scale[np.ix_(kept, kept)]
    place = int(gaps.argmax())
    low, high = divmod(place, len(kept))
    return float(gaps[low, high]), int(kept[low]), int(kept[high])


def _p_value(drawn: Floats, observed: float) -> float:
    """Share of draws as large as what was observed, which counts as one of them."""
    return float((1 + (drawn >= observed).sum()) / (1 + len(drawn)))


def _errors(resampled: Floats, periods: int) -> Floats:
    """Return the standard errors of the means, with the ddof that resampling leaves out."""
    error = resampled.std(axis=0) * math.sqrt(periods / (periods - 1.0))
    size = np.abs(resampled).max(axis=0)
    # A trial that never varies (never traded) cannot be superior.
    return np.where(error > 1e-12 * size, error, math.inf)

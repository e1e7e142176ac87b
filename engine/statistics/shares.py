"""Shares and counts of events, with intervals that hold for few events or none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import (
    gamma_quantiles,
    normal_quantile,
    student_quantiles,
)
from engine.statistics.estimates import Estimates, Method
from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means

__all__ = ["counts", "shares", "shares_at_least", "shares_at_most"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Number of successes up to which the lower end of a share is that of a Poisson count.
_FEW_SUCCESSES = 3.5
# Effective events below which a mean count has the interval of a weighted Poisson sum.
_FEW_EVENTS = 20.0


def shares(successes: ArrayLike, layout: Layout | None = None) -> Linearised:
    """Share of successes among the outcomes of every parameter set.

    Parameters
    ----------
    successes : array_like, shape (paths,), (sets, paths), or as `layout` says
        Ones and zeros; NaN marks missing outcomes, which are left out.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        From 0 to 1.

    Raises
    ------
    Refusal
        If a share is not between 0 and 1.

    Notes
    -----
    With k of n successes and p = k / n the interval is Wilson's [1]_, with two changes for rare
    successes (or failures): up to three have the lower end of a Poisson count, half the
    chi-squared quantile of probability 0.05 with 2 k degrees of freedom over n, without which
    coverage falls to 84 % [2]_; if there is none, the upper end is 1 - 0.025^(1/n), about 3.7 / n,
    the rule of three at the level of one end [3]_. At 95 % and n from 50 on it covers 93 to 97 % of
    the time at 98 % of the shares that make three or more successes and failures likely, and never
    less than 92.5 % (91.5 % from 20 on); exact intervals [4]_ cover up to 99 % (``python -m
    benchmarks.validity shares``).

    If units hold several outcomes, n is the number of independent outcomes with the same
    standard error, p (1 - p) / se^2 (Korn and Graubard 1998), and the quantile is Student's.

    References
    ----------
    .. [1] Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    .. [2] Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion".
    .. [3] Hanley and Lippman-Hand (1983), "If nothing goes wrong, is everything all right?".
    .. [4] Clopper and Pearson (1934), "The use of confidence or fiducial limits".

    Examples
    --------
    >>> none = shares([0.0] * 100).estimates()[0]
    >>> none.method, round(none.high, 4)
    ('rule of three', 0.0362)
    """
    found = means(successes, layout)
    p = found.value
    outside = ~((p >= 0.0) & (p <= 1.0) | np.isnan(p))
    if outside.any():
        raise Refusal("successes", f"a share of {p[outside][0]}", "zeros and ones")
    trials = found.n.astype(np.float64)
    if found.layout.cell_rows is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = p * (1.0 - p) / found.variances()
        trials = np.where(np.isfinite(effective), effective, found.units)

    def own(confidence: float) -> Estimates:
        return _share_interval(found, trials, confidence)

    return replace(found, own=own)


def shares_at_most(outcomes: ArrayLike, bound: float, layout: Layout | None = None) -> Linearised:
    """Probability of an outcome at or below a bound: of a loss, of losing half, of ruin.

    For ruin, the outcome is the lowest equity of each path. Errors and intervals are those of
    `shares`.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says
        NaN marks missing ones, which are left out.
    bound : float
        In the unit of the outcomes.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        From 0 to 1.

    Examples
    --------
    >>> shares_at_most([-2.0, 1.0, -1.0, 4.0], 0.0).estimates()[0].value
    0.5
    """
    x = np.asarray(outcomes, dtype=np.float64)
    return shares(np.where(np.isnan(x), math.nan, (x <= bound).astype(np.float64)), layout)


def shares_at_least(outcomes: ArrayLike, bound: float, layout: Layout | None = None) -> Linearised:
    """Probability of an outcome at or above a bound: of reaching a goal.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says
        NaN marks missing ones, which are left out.
    bound : float
        In the unit of the outcomes.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        From 0 to 1; errors and intervals as of `shares`.

    Examples
    --------
    >>> shares_at_least([-2.0, 1.0, -1.0, 4.0], 1.0).estimates()[0].value
    0.5
    """
    x = np.asarray(outcomes, dtype=np.float64)
    return shares(np.where(np.isnan(x), math.nan, (x >= bound).astype(np.float64)), layout)


def counts(events: ArrayLike, layout: Layout | None = None) -> Linearised:
    """Mean count per path of events that may be rare: trades, rejected orders, margin calls.

    Parameters
    ----------
    events : array_like, shape (paths,), (sets, paths), or as `layout` says
        Whole numbers from 0 up; NaN marks missing outcomes.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        Events per path.

    Raises
    ------
    Refusal
        If a count is negative.

    Notes
    -----
    With y the sum of the counts and v that of their squares there are y^2 / v effective events.
    From 20 of them on the interval is that of `means`. With fewer it is the gamma interval of a
    weighted sum of Poisson counts [1]_: low = v / y G(0.025; y^2 / v), high = v' / y' G(0.975;
    y'^2 / v') with y' = y + w, v' = v + w^2 and w = v / y the mean size of an event. Without
    any event the upper end is the rule of three, 3.7 / paths, for events that come one at a time.

    References
    ----------
    .. [1] Fay and Feuer (1997), "Confidence intervals for directly standardized rates".

    Examples
    --------
    >>> found = counts([0.0] * 100).estimates()[0]
    >>> found.value, round(found.high, 4)
    (0.0, 0.0369)
    """
    found = means(events, layout)
    x, rows = laid_out(events, layout)
    if np.nanmin(x, initial=0.0) < 0.0:
        raise Refusal("events", f"a count of {np.nanmin(x)}", "0 and above")
    per_unit = rows.to_cells(np.where(np.isnan(x), 0.0, x))
    y, v = rows.sum_cells(per_unit), rows.sum_cells(per_unit * per_unit)

    def own(confidence: float) -> Estimates:
        return _count_interval(found, y, v, confidence)

    return replace(found, own=own)


def _share_interval(found: Linearised, trials: Floats, confidence: float) -> Estimates:
    p, tail = found.value, (1.0 - confidence) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.full(len(p), normal_quantile(1.0 - tail))
        if found.layout.cell_rows is not None:
            t = student_quantiles(1.0 - tail, np.maximum(found.units - 1.0, 1.0))
        weight = 1.0 + t * t / trials
        centre = (p + t * t / (2.0 * trials)) / weight
        reach = t / weight * np.sqrt(p * (1.0 - p) / trials + (t / (2.0 * trials)) ** 2)
        none = 1.0 - tail ** (1.0 / trials)
        low = np.minimum(centre - reach, _poisson_low(p * trials, trials, 2.0 * tail))
        high = np.maximum(
            centre + reach, 1.0 - _poisson_low((1.0 - p) * trials, trials, 2.0 * tail)
        )
        error = np.sqrt(p * (1.0 - p) / trials)
    low = np.where(p == 0.0, 0.0, np.where(p == 1.0, 1.0 - none, low))
    high = np.where(p == 1.0, 1.0, np.where(p == 0.0, none, high))
    extreme = (p == 0.0) | (p == 1.0)
    method = np.where(extreme, Method.RULE_OF_THREE.value, Method.SCORE.value)
    return _settled(found, np.where(extreme, math.nan, error), low, high, method)


def _poisson_low(successes: Floats, trials: Floats, probability: float) -> Floats:
    """Lower end of a share of up to three successes; 1 for more, which have another."""
    found = np.ones(len(successes))
    few = (successes > 0.0) & (successes < _FEW_SUCCESSES)
    if few.any():
        # A whole number of successes but in clustered samples: few distinct ones.
        shape, place = np.unique(np.round(successes[few], 6), return_inverse=True)
        found[few] = gamma_quantiles(probability, np.maximum(shape, 0.5))[place] / trials[few]
    return found


def _count_interval(found: Linearised, y: Floats, v: Floats, confidence: float) -> Estimates:
    many = replace(found, own=None).estimates(confidence)
    tail = (1.0 - confidence) / 2
    rare = (v > 0.0) & (y * y < _FEW_EVENTS * v)
    none = (v == 0.0) & (found.units > 1)
    low, high, error = many.low.copy(), many.high.copy(), many.std_error.copy()
    method = many.method.copy()
    # Sums per unit, means per outcome.
    scale = np.divide(found.value, y, out=np.zeros(len(y)), where=y > 0.0)
    if rare.any():
        pairs, place = np.unique(np.stack([y[rare], v[rare]], axis=1), axis=0, return_inverse=True)
        sums, squares = pairs.T
        size = squares / sums
        more, wider = sums + size, squares + size * size
        bottom = size * gamma_quantiles(tail, sums * sums / squares)
        top = wider / more * gamma_quantiles(1.0 - tail, more * more / wider)
        place = place.ravel()
        low[rare], high[rare] = bottom[place] * scale[rare], top[place] * scale[rare]
        error[rare] = np.sqrt(found.variances()[rare])
        method[rare] = Method.EVENTS.value
    low[none] = 0.0
    high[none] = -math.log(tail) / found.units[none]
    method[none] = Method.RULE_OF_THREE.value
    return _settled(found, error, low, high, method)


def _settled(
    found: Linearised, error: Floats, low: Floats, high: Floats, method: NDArray[np.str_]
) -> Estimates:
    """Take the interval away where one path, or none, is all there is."""
    method = method.astype("U24")
    single, undefined = found.units == 1, np.isnan(found.value)
    method[single] = Method.ONE_HISTORY.value
    method[undefined] = Method.UNDEFINED.value
    without = single | undefined
    error, low, high = (np.where(without, math.nan, end) for end in (error, low, high))
    return Estimates(found.value, error, low, high, found.n, method, found.idle)

"""Quantiles and tail means of outcomes, for every parameter set at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import student_quantiles
from engine.statistics.estimates import Estimates, Method
from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import FEWEST_CARRIERS, Linearised
from engine.statistics.moments import linear_mean
from engine.statistics.order_statistics import (
    Ordered,
    fractional_ranks,
    maritz_jarrett,
    order_statistics,
)
from engine.statistics.ranked import Ranked
from engine.statistics.skewness_correction import skewed_ends

__all__ = ["expected_shortfalls", "quantiles"]

Floats = NDArray[np.float64]


def quantiles(
    outcomes: ArrayLike | Ordered, probability: float, layout: Layout | None = None
) -> Linearised:
    """Quantile of the outcomes of every parameter set, free of any distribution.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says; or Ordered
        NaN marks missing ones, which are left out.
    probability : float
        Between 0 and 1.
    layout : Layout, optional
        As in `means`; sorted outcomes have their own.

    Returns
    -------
    Linearised
        NaN of no outcomes.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1.

    Notes
    -----
    The estimate interpolates linearly between order statistics (type 7 of Hyndman and Fan 1996).
    The standard error is Maritz and Jarrett's [1]_: the order statistic X_(k), k = [n p] + 1, has
    moments sum_i w_i X_(i)^j with w_i the Beta(k, n - k + 1) probability of ((i-1)/n, i/n].

    The interval runs between the order statistics of the ranks r at which the Beta(r, n + 1 - r)
    law has probability 0.975 and 0.025 below p, interpolated between whole ranks [2]_; at whole
    ranks that is the exact binomial interval. An end is infinite where n is too small for it; the
    other end then has the whole error probability.

    If units hold several outcomes, the ranks are those of the number of independent outcomes that
    would give the share below the quantile the same standard error (Woodruff 1952).

    References
    ----------
    .. [1] Maritz and Jarrett (1978), "A note on estimating the variance of the sample median".
    .. [2] Hutson (1999), "Calculating nonparametric confidence intervals for quantiles using
       fractional order statistics".

    Examples
    --------
    >>> found = quantiles(np.arange(1.0, 101.0), 0.5).estimates()[0]
    >>> found.value, round(found.low, 2), round(found.high, 2)
    (50.5, 40.72, 60.28)
    """
    if not 0.0 < probability < 1.0:
        raise Refusal("probability", str(probability), "above 0 and below 1")
    made = outcomes if isinstance(outcomes, Ordered) else Ordered.of(outcomes, layout)
    x, layout, ranked = made.values, made.layout, made.ranked
    missing = np.isnan(x)
    n, _ = layout.tally(x)
    error = maritz_jarrett(ranked, n, probability)
    value = order_statistics(ranked, n, probability * (n - 1.0) + np.ones(len(n)))

    def share_below() -> Linearised:
        below = (x <= layout.spread_rows(value)).astype(np.float64)
        below[missing] = math.nan
        return linear_mean(below, layout)

    def influence(share: Linearised) -> Floats:
        # One number below the quantile and another above it: their distance, one over the density
        # there, is what gives the standard error above.
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = np.sqrt(share.value * (1.0 - share.value) / n)
            slope = np.where(plain > 0.0, error / plain, 0.0)
        return -share.influence * layout.spread_cells(np.nan_to_num(slope))

    independent = n.astype(np.float64)
    if layout.cell_rows is None:
        absent = missing if missing.any() else None
        found = Linearised(value, lambda: influence(share_below()), layout, n, n, absent=absent)
    else:
        share = share_below()
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = share.value * (1.0 - share.value) / share.variances()
        independent = np.where(np.isfinite(effective), np.minimum(effective, n), share.units)
        found = replace(share, value=value, contribution=lambda: influence(share))

    def own(confidence: float) -> Estimates:
        return _order_interval(found, ranked, error, independent, probability, confidence)

    return replace(found, own=own)


def expected_shortfalls(
    losses: ArrayLike, level: float = 0.95, layout: Layout | None = None
) -> Linearised:
    """Mean of the losses at and beyond their `level` quantile, of every parameter set.

    Parameters
    ----------
    losses : array_like, shape (paths,), (sets, paths), or as `layout` says
        Positive numbers are losses; NaN marks missing ones, which are left out.
    level : float
        Such as 0.95 for the mean of the worst 5 %.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        In the unit of the losses.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.

    Notes
    -----
    The tail holds (1 - level) n outcomes; a fractional one is weighted by its fraction [1]_. With
    q the quantile the influence is q - ES + (x - q)+ / (1 - level), whose variance is that of
    [2]_. The interval is that of the logarithm of the distance to the mean of all losses,
    corrected for skewness (`skewed_ends`), with twice as many degrees of freedom as there are
    outcomes (of several in a unit: effective units) in the tail, those that equal its boundary, of
    idle paths, left out. Of fewer than five there is none.

    References
    ----------
    .. [1] Acerbi and Tasche (2002), "On the coherence of expected shortfall".
    .. [2] Manistre and Hancock (2005), "Variance of the CTE estimator".

    Examples
    --------
    >>> expected_shortfalls(np.arange(1.0, 101.0), 0.95).estimates()[0].value
    98.0
    """
    if not 0.0 < level < 1.0:
        raise Refusal("level", str(level), "above 0 and below 1")
    x, layout = laid_out(losses, layout)
    valid = ~np.isnan(x)
    n, total = layout.tally(x)
    # Rounding guards against 0.05 * 20 = 1.0000000000000009.
    size = np.round((1.0 - level) * n, 9)
    whole = size.astype(np.int64)
    boundary = -order_statistics(layout.rank(-x), n, np.minimum(whole + 1, n).astype(np.float64))
    excess = np.where(valid, np.maximum(x - layout.spread_rows(boundary), 0.0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = excess / layout.spread_rows(size / n)
        centre = total / n
    found = linear_mean(np.where(valid, beyond, math.nan), layout)
    found = replace(found, value=boundary + found.value)
    in_tail = layout.to_cells((excess > 0.0).astype(np.float64))
    touching, squares = layout.sum_each(in_tail, in_tail**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = touching**2 / squares
    # Outcomes that are the boundary itself, of idle paths, tell nothing of what lies beyond.
    tail = np.minimum(size, touching + size - whole)
    if layout.cell_rows is not None:
        tail = np.where(np.isnan(effective), 0.0, effective)

    def own(confidence: float) -> Estimates:
        return _tail_interval(found, centre, tail, confidence)

    return replace(found, own=own)


def _order_interval(
    found: Linearised,
    ranked: Ranked,
    error: Floats,
    independent: Floats,
    probability: float,
    confidence: float,
) -> Estimates:
    n, units = found.n, found.units
    low, high = np.full(len(n), -math.inf), np.full(len(n), math.inf)
    counts = np.maximum(np.round(independent), 1.0).astype(np.int64)
    for count in np.unique(counts).tolist():
        of = counts == count
        ranks = fractional_ranks(count, probability, confidence)
        # Ranks among as many independent outcomes, carried over to all.
        scale = (n[of] + 1.0) / (count + 1.0)
        if ranks[0] > 0.0:
            low[of] = order_statistics(ranked, n[of], ranks[0] * scale, of)
        if ranks[1] <= count:
            high[of] = order_statistics(ranked, n[of], ranks[1] * scale, of)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = error * np.sqrt(n / independent)
    # Both ends on one outcome that many paths share: exact, with no error to estimate.
    error = np.where((error > 0.0) & np.isfinite(error) & (high > low), error, math.nan)
    method = np.full(len(n), Method.ORDER.value, dtype="U24")
    method[units == 1] = Method.ONE_HISTORY.value
    method[np.isnan(found.value)] = Method.UNDEFINED.value
    stated = method == Method.ORDER.value
    error, low, high = (np.where(stated, end, math.nan) for end in (error, low, high))
    return Estimates(found.value, error, low, high, n, method, found.idle)


def _tail_interval(found: Linearised, centre: Floats, tail: Floats, confidence: float) -> Estimates:
    units, value = found.units, found.value
    second = found.moment(2)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.nan_to_num(found.moment(3) / second**1.5)
        error = np.sqrt(second / (units - 1.0))
        gap = value - centre
        reach = student_quantiles(0.5 + confidence / 2, np.maximum(2.0 * tail, 1.0))
        ends = skewed_ends(np.log(gap), error / gap, skewness, units, reach)
        low, high = (centre + np.exp(np.minimum(end, 700.0)) for end in ends)
    method = np.full(len(value), Method.TAIL.value, dtype="U24")
    method[~(tail >= FEWEST_CARRIERS)] = Method.TOO_FEW.value
    method[~(second > 0.0) | ~(gap > 0.0)] = Method.NO_VARIANCE.value
    method[units == 1] = Method.ONE_HISTORY.value
    method[np.isnan(value)] = Method.UNDEFINED.value
    stated = method == Method.TAIL.value
    error, low, high = (np.where(stated, end, math.nan) for end in (error, low, high))
    return Estimates(value, error, low, high, found.n, method, found.idle)

"""Forward prices and one curve of interest rates from put-call parity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.pricing.parity_pairs import Pairs, call_put_pairs

__all__ = ["Parity", "parity_curve"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

# Rates of neighbouring expiries differ by this much where one is e times as far as the other.
_BEND = 0.005
# What is known of the level of rates before any quote is read: next to nothing.
_LEVEL, _LEVEL_ERROR = 0.03, 0.5
# Rates that are looked at, and how far from that of the others the rate of an expiry may lie for
# its pairs to be believed at first: of two or three pairs, of more.
_LOWEST_RATE, _HIGHEST_RATE = -0.1, 1.0
_STEEP_OF_FEW, _STEEP_OF_MANY = 0.01, 0.03
# A discount factor with a larger relative error is not determined.
_OPEN_DISCOUNT = 0.02
# Forwards that rest on one pair may lie this far from the line through all, in logarithms, and
# farther by so much for each year beyond the last that is sure.
_NEAREST, _FARTHEST, _PER_YEAR = 0.005, 0.03, 0.02
_CAUCHY, _TUKEY = 2.385, 4.685
_STEPS, _LAST = 30, 8


@dataclass(frozen=True)
class Parity:
    """What call-put pairs say of each expiry.

    Parameters
    ----------
    years, forwards, discounts : ndarray of float64, shape (expiries,)
        Distinct times to expiry, nearest first; NaN where nothing determines forward or discount.
    pairs : ndarray of int64, shape (expiries,)
        Strikes with both a call and a put.
    pairs_set_aside : int
        Pairs that contradict the others and had no say.
    discount_errors, gap_errors, centres : ndarray of float64, shape (expiries,)
        Standard errors of the discount factor and of call less put at the strike `centres`.
    """

    years: Array
    forwards: Array
    discounts: Array
    pairs: Rows
    pairs_set_aside: int
    discount_errors: Array
    gap_errors: Array
    centres: Array

    def error(self, years: Array, strikes: Array) -> Array:
        """Return the standard error of call less put, ``D (F - K)``, at strikes of the expiries.

        Returns
        -------
        ndarray of float64, shape (n,)
            In units of the price.
        """
        place = np.searchsorted(self.years, years)
        away = self.discount_errors[place] * (strikes - self.centres[place])
        return np.asarray(np.hypot(self.gap_errors[place], away))


def parity_curve(
    years: Array,
    strikes: Array,
    calls: NDArray[np.bool_],
    prices: Array,
    *,
    spreads: Array | None = None,
    discounts: Array | None = None,
) -> Parity:
    r"""Forward and discount factor of each expiry of a chain of European options.

    Parameters
    ----------
    years, strikes, prices : ndarray of float64, shape (n,)
        Time to expiry in years, strike and price of each quote.
    calls : ndarray of bool, shape (n,)
        Call or put.
    spreads : ndarray of float64, shape (n,), optional
        Ask less bid; quotes with narrow spreads count for more. NaN where unknown.
    discounts : ndarray of float64, shape (n,), optional
        Discount factor of each quote's expiry where it is known; then forwards alone are sought.

    Returns
    -------
    Parity
        Per distinct expiry.

    Notes
    -----
    Call less put is :math:`D(T) [F(T) - K]` at every strike. Forwards are free; discount factors
    come from one curve of rates, :math:`D(T) = e^{-r(T) T}`, whose differences from expiry to
    expiry have a prior standard deviation of 0.5 per cent where one is e times as far as the other,
    so that an expiry with one pair takes the rate of its neighbours. The fit is robust: it starts
    from the rate that most pairs agree on, and ends with Tukey's biweight, under which a pair that
    contradicts the others has no say at all. The forward of an expiry whose single pair lies off
    the line of all forwards, or whose pairs contradict each other without a majority, is left
    open. So is everything where no expiry has two pairs.

    Examples
    --------
    >>> import numpy as np
    >>> gap = 100.0 - np.exp(-0.08) * np.array([90.0, 110.0])  # spot 100, 4 % for two years
    >>> found = parity_curve(
    ...     np.full(4, 2.0),
    ...     np.array([90.0, 110.0, 90.0, 110.0]),
    ...     np.array([True, True, False, False]),
    ...     np.concatenate([20.0 + gap, [20.0, 20.0]]),
    ... )
    >>> found.forwards.round(2)
    array([108.33])
    """
    expiries, of_quote = np.unique(years, return_inverse=True)
    pairs = call_put_pairs(of_quote, strikes, calls, prices, spreads)
    count = np.bincount(pairs.expiry, minlength=len(expiries))
    nothing = np.full(len(expiries), np.nan)
    if discounts is not None:
        factor = np.array([discounts[of_quote == i][0] for i in range(len(expiries))])
        rates, errors = -np.log(factor) / expiries, np.zeros(len(expiries))
        weights, scale = _bounded(pairs, rates, expiries)
    elif (count >= 2).any():
        rates, errors, weights, scale = _rates(pairs, expiries, count)
    else:
        return Parity(expiries, nothing, nothing, count, 0, nothing, nothing, nothing)
    forwards = _forwards(pairs, rates, expiries, count, weights)
    known = np.isfinite(forwards) & (errors * expiries <= _OPEN_DISCOUNT)
    factors = np.exp(-rates * expiries)
    level = factors[pairs.expiry] * (forwards[pairs.expiry] - pairs.strike)
    with np.errstate(invalid="ignore"):
        aside = ~(np.abs(pairs.gap - level) <= _TUKEY * scale * pairs.unit)
    size = len(expiries)
    share = np.where(aside, 1e-9, 1.0) / pairs.unit**2
    total = _sums(share, pairs.expiry, size)
    return Parity(
        expiries,
        np.where(known, forwards, np.nan),
        np.where(known, factors, np.nan),
        count,
        int(aside.sum()),
        factors * errors * expiries,
        scale / np.sqrt(np.where(total > 0.0, total, np.nan)),
        _means(pairs.strike, share, pairs.expiry, size),
    )


def _rates(pairs: Pairs, expiries: Array, count: Rows) -> tuple[Array, Array, Array, float]:
    """Rate of each expiry with its error, the weight of each pair, and the scale of residuals."""
    rates, scale, trusted = _first_rates(pairs, expiries, count)
    prior = _prior(expiries)
    size = len(expiries)
    several = trusted[pairs.expiry]
    for step in range(_STEPS):
        # Wide at first, so that a curve which the start missed can still be found; the biweight
        # comes last, because a pair that it sets aside does not come back.
        tukey = step >= _STEPS - _LAST
        wide = scale if tukey else scale * max(8.0 / 2.0**step, 1.0)
        residuals, weights = _residuals(pairs, rates, expiries, wide, tukey=tukey)
        share = weights / pairs.unit**2
        centred = pairs.strike - _means(pairs.strike, share, pairs.expiry, size)[pairs.expiry]
        slope = (expiries * np.exp(-rates * expiries))[pairs.expiry] * centred / pairs.unit
        slope[~several] = 0.0
        information = prior + np.diag(_sums(weights * slope**2, pairs.expiry, size)) / wide**2
        gradient = _sums(weights * residuals * slope, pairs.expiry, size) / wide**2
        gradient -= prior @ (rates - _LEVEL)
        move = np.linalg.solve(information, gradient)
        rates = np.clip(rates + np.clip(move, -0.1, 0.1), _LOWEST_RATE, _HIGHEST_RATE)
        if step >= 3 and not tukey:
            residuals, _ = _residuals(pairs, rates, expiries, scale)
            scale = _scale(residuals[several], size)
    _, weights = _residuals(pairs, rates, expiries, scale, tukey=True)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return rates, errors, weights, scale


def _places(chosen: NDArray[np.bool_]) -> list[int]:
    return [int(i) for i in np.flatnonzero(chosen)]


def _sums(values: Array, expiry: Rows, size: int) -> Array:
    return np.asarray(np.bincount(expiry, weights=values, minlength=size), dtype=np.float64)


def _means(values: Array, weights: Array, expiry: Rows, size: int) -> Array:
    """Weighted mean of each expiry; 0 where nothing has a weight."""
    total = _sums(weights, expiry, size)
    return _sums(values * weights, expiry, size) / np.where(total > 0.0, total, 1.0)


def _prior(expiries: Array) -> Array:
    """Inverse covariance of rates: a level, and steps that grow with the ratio of times."""
    size = len(expiries)
    precision = np.zeros((size, size))
    precision[0, 0] = 1.0 / _LEVEL_ERROR**2
    for i in range(size - 1):
        step = 1.0 / (_BEND**2 * np.log(expiries[i + 1] / expiries[i]))
        precision[i : i + 2, i : i + 2] += step * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return precision


def _first_rates(
    pairs: Pairs, expiries: Array, count: Rows
) -> tuple[Array, float, NDArray[np.bool_]]:
    """One rate that most pairs agree on, then each expiry's own where its pairs are trusted."""
    own = {i: _slope_rates(pairs, i, float(expiries[i])) for i in _places(count >= 2)}
    candidates = np.concatenate([_LEVEL * np.ones(1), *own.values()])
    candidates = candidates[(candidates >= _LOWEST_RATE) & (candidates <= _HIGHEST_RATE)]
    several = count[pairs.expiry] >= 2
    middle = []
    for rate in candidates:
        residuals = _from_medians(pairs, np.full(len(expiries), rate), expiries)
        middle.append(residuals[several])
    half = [float(np.sort(np.abs(r))[len(r) // 2]) for r in middle]
    scale = max(1.4826 * min(half), 1.0)
    cost = [
        np.log1p((r / (_CAUCHY * scale)) ** 2).sum() + 0.5 * ((rate - _LEVEL) / 0.1) ** 2
        for r, rate in zip(middle, candidates, strict=True)
    ]
    flat = float(candidates[int(np.argmin(cost))])
    rates = np.full(len(expiries), flat)
    trusted = np.zeros(len(expiries), dtype=np.bool_)
    nearest = np.full(len(expiries), np.inf)
    for i, found in own.items():
        many = count[i] >= 4
        if len(found):
            nearest[i] = np.median(found) if many else found[np.argmin(np.abs(found - flat))]
        trusted[i] = abs(nearest[i] - flat) <= (_STEEP_OF_MANY if many else _STEEP_OF_FEW)
    logs = np.log(expiries)
    for i in _places(np.isfinite(nearest) & ~trusted):
        others = np.flatnonzero(trusted)
        if len(others):
            near = others[np.argmin(np.abs(logs[others] - logs[i]))]
            bend = _BEND * np.sqrt(abs(logs[near] - logs[i]))
            trusted[i] = abs(nearest[i] - nearest[near]) <= 3.0 * bend
    if trusted.any():
        rates = np.interp(logs, logs[trusted], nearest[trusted])
    return rates, scale, trusted | (count >= 4)


def _slope_rates(pairs: Pairs, expiry: int, years: float) -> Array:
    """Rates that pairs of strikes imply; where there are many, the median of each strike's."""
    rows = pairs.of(expiry)
    k, gap = pairs.strike[rows], pairs.gap[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        discount = -np.subtract.outer(gap, gap) / np.subtract.outer(k, k)
        rates = -np.log(discount) / years
    if len(rows) < 4:
        found = rates[np.triu_indices(len(rows), 1)]
        return np.asarray(found[np.isfinite(found)])
    # Repeated medians (Siegel 1982): right as long as more than half of the pairs are.
    off_diagonal = ~np.eye(len(rows), dtype=np.bool_)
    medians = np.median(discount[off_diagonal].reshape(len(rows), -1), axis=1)
    good = medians > 0.0
    return np.asarray(-np.log(medians[good]) / years)


def _from_medians(pairs: Pairs, rates: Array, expiries: Array) -> Array:
    """Residuals from the median of each expiry, in units of likely errors."""
    level = pairs.gap + np.exp(-rates * expiries)[pairs.expiry] * pairs.strike
    # One sort for all expiries: this is asked for at each of some hundred rates.
    ordered = level[np.lexsort((level, pairs.expiry))]
    # Pairs lie by their expiries.
    present, first, count = np.unique(pairs.expiry, return_index=True, return_counts=True)
    centre = np.zeros(len(expiries))
    centre[present] = 0.5 * (ordered[first + (count - 1) // 2] + ordered[first + count // 2])
    return np.asarray((level - centre[pairs.expiry]) / pairs.unit)


def _residuals(
    pairs: Pairs, rates: Array, expiries: Array, scale: float, *, tukey: bool = False
) -> tuple[Array, Array]:
    """Residuals from the weighted mean of each expiry, and the weights."""
    level = pairs.gap + np.exp(-rates * expiries)[pairs.expiry] * pairs.strike
    residuals = _from_medians(pairs, rates, expiries)
    weights = np.ones(len(level))
    size = len(expiries)
    for _ in range(3):
        if tukey:
            weights = np.maximum(1.0 - (residuals / (_TUKEY * scale)) ** 2, 0.0) ** 2
        else:
            weights = 1.0 / (1.0 + (residuals / (_CAUCHY * scale)) ** 2)
        share = weights / pairs.unit**2
        moved = (level - _means(level, share, pairs.expiry, size)[pairs.expiry]) / pairs.unit
        # An expiry in which no pair has a weight keeps its median.
        residuals = np.where(_sums(share, pairs.expiry, size)[pairs.expiry] > 0.0, moved, residuals)
    return residuals, weights


def _bounded(pairs: Pairs, rates: Array, expiries: Array) -> tuple[Array, float]:
    """Weights and scale at known rates."""
    residuals = _from_medians(pairs, rates, expiries)
    scale = _scale(residuals, len(expiries))
    _, weights = _residuals(pairs, rates, expiries, scale, tukey=True)
    return weights, scale


def _scale(residuals: Array, expiries: int) -> float:
    """Estimate the deviation of residuals from their median size; exact quotes have 1."""
    n = len(residuals)
    if n == 0:
        return 1.0
    spare = n / max(n - expiries - 1, 1) if n > 2 else 1.0
    return max(1.4826 * float(np.median(np.abs(residuals))) * math.sqrt(min(spare, 4.0)), 1.0)


def _forwards(pairs: Pairs, rates: Array, expiries: Array, count: Rows, weights: Array) -> Array:
    """Forward of each expiry: its pairs' mean, or the one pair that all forwards confirm."""
    implied = pairs.strike + pairs.gap * np.exp(rates * expiries)[pairs.expiry]
    forwards = np.full(len(expiries), np.nan)
    weak: list[int] = []
    for i in _places(count > 0):
        rows = pairs.of(i)
        agreed = int((weights[rows] > 0.0).sum())
        if count[i] >= 2 and agreed >= 2 and 2 * agreed > count[i]:
            share = weights[rows] / pairs.unit[rows] ** 2
            forwards[i] = np.average(implied[rows], weights=share)
        else:
            weak.append(i)
    forwards[forwards <= 0.0] = np.nan
    sure = np.isfinite(forwards)
    if not sure.any():
        return forwards
    line, allowed = _line(implied, pairs, expiries, forwards)
    for i in weak:
        beyond = float(np.abs(expiries[sure] - expiries[i]).min())
        expected, bound = line[i], allowed + _PER_YEAR * beyond
        if sure[:i].any() and sure[i:].any():
            expected = np.interp(expiries[i], expiries[sure], np.log(forwards[sure]))
            bound = _NEAREST
        values = implied[pairs.of(i)]
        values = values[values > 0.0]
        near = np.abs(np.log(values) - expected) <= bound
        if near.sum() == 1:
            forwards[i] = values[near][0]
    return forwards


def _line(implied: Array, pairs: Pairs, expiries: Array, forwards: Array) -> tuple[Array, float]:
    """Logarithms of forwards on a robust line over the expiries, and how far off it one may lie."""
    middle = np.array(
        [
            forwards[i] if np.isfinite(forwards[i]) else np.median(implied[pairs.of(i)])
            for i in np.unique(pairs.expiry)
        ]
    )
    t = expiries[np.unique(pairs.expiry)][middle > 0.0]
    logs = np.log(middle[middle > 0.0])
    if len(t) < 4:
        sure = np.log(forwards[np.isfinite(forwards)])
        return np.full(len(expiries), np.median(sure)), _FARTHEST
    # Theil (1950) and Sen (1968)
    upper = np.triu_indices(len(t), 1)
    rises, runs = np.subtract.outer(logs, logs)[upper], np.subtract.outer(t, t)[upper]
    slope = float(np.median(rises / runs))
    level = float(np.median(logs - slope * t))
    spread = 1.4826 * float(np.median(np.abs(logs - level - slope * t)))
    return level + slope * expiries, float(np.clip(5.0 * spread, _NEAREST, _FARTHEST))

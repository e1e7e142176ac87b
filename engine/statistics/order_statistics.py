"""Order statistics of outcomes, for every parameter set at once, and what their ranks say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.statistics.distributions import binomial_exceedance
from engine.statistics.layout import Layout, laid_out
from engine.statistics.ranked import Ranked

__all__ = ["Ordered", "fractional_ranks", "maritz_jarrett", "order_statistics"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Five nodes integrate the Beta density over a cell to far below the Monte Carlo error.
_NODES, _NODE_WEIGHTS = (0.5 * a for a in np.polynomial.legendre.leggauss(5))
_NODES = _NODES + 0.5


@dataclass(frozen=True)
class Ordered:
    """Outcomes that are ranked within each parameter set once, for any number of quantiles.

    Parameters
    ----------
    values : ndarray of float64, shape (rows,)
        The outcomes as laid out; NaN marks missing ones.
    layout : Layout
        The set and the unit of each.
    ranked : Ranked
        The same, ascending within each set, NaN last.
    """

    values: Floats
    layout: Layout
    ranked: Ranked

    @classmethod
    def of(cls, outcomes: ArrayLike, layout: Layout | None = None) -> Ordered:
        """Rank outcomes; shapes as in `engine.statistics.quantiles.quantiles`."""
        x, layout = laid_out(outcomes, layout)
        return cls(x, layout, layout.rank(x))


def order_statistics(
    ranked: Ranked, n: Integers, ranks: Floats, of: NDArray[np.bool_] | None = None
) -> Floats:
    """Order statistics of real ranks from 1 to n, interpolated; NaN of no outcomes.

    Parameters
    ----------
    ranked : Ranked
        Outcomes of every set.
    n : ndarray of int64, shape (chosen,)
        How many outcomes each chosen set has.
    ranks : ndarray of float64, shape (chosen,)
        One for each.
    of : ndarray of bool, shape (sets,), optional
        Which sets are chosen; by default all.

    Returns
    -------
    ndarray of float64, shape (chosen,)
        In the unit of the outcomes.
    """
    at = np.clip(ranks, 1.0, np.maximum(n, 1).astype(np.float64)) - 1.0
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n, 1) - 1)
    first, last = ranked.take(np.stack([low, high], axis=1), of).T
    share = at - low
    # An infinite outcome has no step to the next, and a finite one none at a whole rank.
    between = (share > 0.0) & (first != last) & np.isfinite(first)
    step = np.subtract(last, first, out=np.zeros(len(first)), where=between)
    moved = first + share * step
    return np.where(n > 0, moved, math.nan)


@lru_cache(maxsize=4096)
def fractional_ranks(n: int, probability: float, confidence: float) -> tuple[float, float]:
    """Real ranks between which the quantile of n outcomes lies; 0 and n + 1 are open ends."""
    tail = (1.0 - confidence) / 2
    open_low = binomial_exceedance(n, 1.0, probability) < 1.0 - tail
    open_high = binomial_exceedance(n, float(n), probability) > tail
    if open_low != open_high:
        tail *= 2.0
        open_low = open_low and binomial_exceedance(n, 1.0, probability) < 1.0 - tail
        open_high = open_high and binomial_exceedance(n, float(n), probability) > tail
    low = 0.0 if open_low else _rank_at(n, probability, 1.0 - tail)
    high = n + 1.0 if open_high else _rank_at(n, probability, tail)
    return low, high


def maritz_jarrett(ranked: Ranked, n: Integers, probability: float) -> Floats:
    """Return standard errors of a quantile by the method of Maritz and Jarrett (1978).

    Parameters
    ----------
    ranked : Ranked
        Outcomes of every set.
    n : ndarray of int64, shape (sets,)
        How many outcomes each has.
    probability : float
        Between 0 and 1.

    Returns
    -------
    ndarray of float64, shape (sets,)
        NaN of fewer than two outcomes, or with an infinite one within reach.
    """
    error = np.full(len(n), math.nan)
    for count, of in _by_count(n):
        if count < 2:
            continue
        low, weights = order_weights(count, probability)
        window = ranked.consecutive(low, len(weights), of)
        weights = weights / weights.sum()
        # An infinite outcome within reach leaves no error.
        with np.errstate(invalid="ignore"):
            centre = window @ weights
            error[of] = np.sqrt(((window - centre[:, None]) ** 2) @ weights)
    return error


# A study asks for the same few of thousands of parameter sets.
@lru_cache(maxsize=64)
def order_weights(n: int, probability: float) -> tuple[int, Floats]:
    """Return the first cell, counted from 0, that weighs anything, and the weights from it on."""
    k = min(int(n * probability) + 1, n)
    # Outside eight standard deviations of Beta(k, n - k + 1) the weights vanish.
    spread = 8.0 * math.sqrt(probability * (1 - probability) * n) + 8.0
    low, high = max(0, int(k - spread)), min(n, int(k + spread) + 1)
    # Weight of a cell: its Beta probability, by Gauss and Legendre's rule.
    points = (np.arange(low, high)[:, None] + _NODES) / n
    log_scale = math.lgamma(n + 1) - math.lgamma(k) - math.lgamma(n - k + 1)
    density = np.exp(log_scale + (k - 1) * np.log(points) + (n - k) * np.log1p(-points))
    return low, density @ _NODE_WEIGHTS


def _rank_at(n: int, probability: float, level: float) -> float:
    """Real rank r at which the r-th of n outcomes is below the quantile with this probability."""
    low, high = 1.0, float(n)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if binomial_exceedance(n, middle, probability) > level:
            low = middle
        else:
            high = middle
        if high - low < 1e-10 * high:
            break
    return 0.5 * (low + high)


def _by_count(n: Integers) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    for count in np.unique(n).tolist():
        yield count, n == count

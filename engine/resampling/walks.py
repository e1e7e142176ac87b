"""Kernels that follow equity along courses of trades or returns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel

__all__ = ["DRAWDOWN", "FINAL", "LOSING_STREAK", "UNDER_WATER", "WALKED", "ruinous_size", "walk"]

Floats = NDArray[np.float64]

# Columns of what `walk` finds of a course.
FINAL, DRAWDOWN, LOSING_STREAK, UNDER_WATER = 0, 1, 2, 3
WALKED = 4

# Halvings of the step between two sizes: to a part in a million.
_HALVINGS = 20


@inlined
def _next(equity: float, outcome: float, size: float, compound: bool) -> float:
    """Return equity after an outcome; where nothing is left, nothing is traded any more."""
    if equity <= 0.0:
        return equity
    if compound:
        return max(equity * (1.0 + size * outcome), 0.0)
    return equity + size * outcome


@kernel
def walk(
    outcomes: Floats,
    start: float,
    compound: bool,
    points: NDArray[np.int64],
    curves: Floats,
    found: Floats,
) -> None:
    """Write equity after the steps in `points`, and what each course comes to.

    Parameters
    ----------
    outcomes : ndarray of float64, shape (courses, steps)
        Shares of the equity before, where `compound`, else money.
    start : float
        Equity before the first step.
    compound : bool
        Whether outcomes are shares.
    points : ndarray of int64, shape (points,)
        Numbers of steps, from 1 up, ascending.
    curves : ndarray of float64, shape (courses, points)
        Written.
    found : ndarray of float64, shape (courses, WALKED)
        Written: final equity, deepest drawdown as a share of the peak (0 or below), most losses in
        a row, most steps in a row below the peak.
    """
    for d in range(outcomes.shape[0]):
        equity, peak, deepest = start, start, 0.0
        streak, longest, under, most = 0, 0, 0, 0
        at = 0
        for i in range(outcomes.shape[1]):
            outcome = outcomes[d, i]
            equity = _next(equity, outcome, 1.0, compound)
            if outcome > 0.0:
                streak = 0
            elif outcome < 0.0:
                streak += 1
                longest = max(longest, streak)
            if equity >= peak:
                peak = equity
                under = 0
            else:
                under += 1
                most = max(most, under)
                deepest = min(deepest, equity / peak - 1.0)
            if at < points.size and points[at] == i + 1:
                curves[d, at] = equity
                at += 1
        found[d, FINAL] = equity
        found[d, DRAWDOWN] = deepest
        found[d, LOSING_STREAK] = longest
        found[d, UNDER_WATER] = most


@inlined
def _is_ruined(
    outcomes: Floats, d: int, size: float, compound: bool, kept: float, of_peak: bool
) -> bool:
    """Whether equity, which starts at 1, ever falls to a share of its start or of its peak."""
    equity, peak = 1.0, 1.0
    for i in range(outcomes.shape[1]):
        equity = _next(equity, outcomes[d, i], size, compound)
        if equity > peak and of_peak:
            peak = equity
        if equity <= kept * peak:
            return True
    return False


@kernel
def ruinous_size(
    outcomes: Floats, sizes: Floats, compound: bool, kept: float, of_peak: bool, found: Floats
) -> None:
    """Write the smallest size at which each course ruins the account; infinite where none does.

    Parameters
    ----------
    outcomes : ndarray of float64, shape (courses, steps)
        Shares of the equity before or, unless `compound`, of the start.
    sizes : ndarray of float64, shape (sizes,)
        Ascending; between the first that ruins and the one before it the size is bisected.
    compound : bool
        Whether each outcome is a share of the equity before it.
    kept : float
        Ruin is equity at or below this share.
    of_peak : bool
        Of the highest equity so far, else of the start.
    found : ndarray of float64, shape (courses,)
        Written.
    """
    for d in range(outcomes.shape[0]):
        found[d] = math.inf
        below = 0.0
        for k in range(sizes.size):
            if not _is_ruined(outcomes, d, sizes[k], compound, kept, of_peak):
                below = sizes[k]
                continue
            above = sizes[k]
            for _ in range(_HALVINGS):
                middle = 0.5 * (below + above)
                if _is_ruined(outcomes, d, middle, compound, kept, of_peak):
                    above = middle
                else:
                    below = middle
            found[d] = above
            break

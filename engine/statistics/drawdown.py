"""Drawdowns along equity curves: of many paths at once, and of one by its definition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.rounding import ROUNDING

__all__ = [
    "DrawdownSummary",
    "drawdown_curves",
    "drawdowns",
    "max_drawdown",
    "max_drawdown_duration",
    "summarise_drawdowns",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DrawdownSummary:
    """What the drawdowns of each path amount to.

    Parameters
    ----------
    depth : ndarray of float64
        Deepest drawdown, a positive fraction of the peak.
    ulcer : ndarray of float64
        Root of the mean square drawdown (Martin and McCann 1989, "The investor's guide to
        Fidelity funds").
    conditional : ndarray of float64
        Conditional drawdown at risk: mean of the deepest share of the bars' drawdowns (Chekhlov,
        Uryasev and Zabarankin 2005, "Drawdown measure in portfolio optimization").
    under_water : ndarray of float64
        Share of bars below an earlier peak.
    longest : ndarray of float64
        Most bars in a row below a peak.
    """

    depth: Floats
    ulcer: Floats
    conditional: Floats
    under_water: Floats
    longest: Floats


def drawdown_curves(equity: ArrayLike, start: ArrayLike) -> Floats:
    """Return how far equity is below its running peak, as a fraction of the peak, from 0 up.

    Parameters
    ----------
    equity : array_like, shape (..., bars)
        Equity at each close.
    start : array_like, shape (...)
        Equity before the first bar, above 0; the first peak.

    Returns
    -------
    ndarray of float64, shape (..., bars)
        From 0, at a peak, up.

    Examples
    --------
    >>> drawdown_curves([110.0, 99.0, 121.0], 100.0).round(3).tolist()
    [0.0, 0.1, 0.0]
    """
    curve = np.asarray(equity, dtype=np.float64)
    first = np.broadcast_to(np.asarray(start, dtype=np.float64), curve.shape[:-1])
    peak = np.maximum.accumulate(np.maximum(curve, first[..., None]), axis=-1)
    found: Floats = 1.0 - curve / peak
    return found


def summarise_drawdowns(
    equity: ArrayLike, start: ArrayLike, *, level: float = 0.95
) -> DrawdownSummary:
    """Summarise the drawdowns of every path.

    Parameters
    ----------
    equity, start
        As of `drawdown_curves`.
    level : float
        Level of the conditional drawdown: 0.95 averages the deepest 5 % of the bars. A fraction
        of a bar counts by its fraction.

    Returns
    -------
    DrawdownSummary
        Arrays of the shape of `start`. An idle path has zeros.

    Raises
    ------
    Refusal
        If the level is below 0, or not below 1.

    Examples
    --------
    >>> found = summarise_drawdowns([110.0, 99.0, 104.5, 121.0], 100.0, level=0.75)
    >>> round(float(found.depth), 3), float(found.under_water), round(float(found.conditional), 3)
    (0.1, 0.5, 0.1)
    """
    if not 0.0 <= level < 1.0:
        raise Refusal("level", str(level), "from 0 and below 1")
    below = drawdown_curves(equity, start)
    bars = below.shape[-1]
    # Rounding guards against 0.05 * 20 = 1.0000000000000009.
    size = round((1.0 - level) * bars, 9)
    whole = min(int(size), bars)
    deepest = -np.sort(-below, axis=-1)
    tail = deepest[..., :whole].sum(axis=-1)
    if whole < bars:
        tail = tail + (size - whole) * deepest[..., whole]
    return DrawdownSummary(
        below.max(axis=-1),
        np.sqrt((below**2).mean(axis=-1)),
        tail / size if size > 0.0 else np.full(below.shape[:-1], math.nan),
        (below > 0.0).mean(axis=-1),
        _longest_run(below > 0.0),
    )


def drawdowns(equity: ArrayLike, start: float, noise: float = 0.0) -> Floats:
    """Return equity over its running peak, less 1; the peak begins at `start`.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close.
    start : float
        Equity before the first bar.
    noise : float
        Account currency by which equity may lie below a peak through rounding, beside `ROUNDING`
        of the peak: 0 there.

    Returns
    -------
    ndarray of float64, shape (bars,)
        From -1 to 0 while equity is positive.

    Examples
    --------
    >>> drawdowns([110.0, 99.0, 121.0], 100.0).round(3).tolist()
    [0.0, -0.1, 0.0]
    """
    curve = np.asarray(equity, dtype=np.float64)
    peak = np.maximum.accumulate(np.maximum(curve, start))
    below = curve < peak * (1.0 - ROUNDING) - noise
    return np.where(below, curve / peak - 1.0, 0.0)


def max_drawdown(equity: ArrayLike, start: float, noise: float = 0.0) -> float:
    """Return the deepest drawdown, a fraction of the peak, at most 0 (Magdon-Ismail, 2004).

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    start : float
        Equity before the first bar, above 0.
    noise : float
        Account currency by which equity may lie below a peak through rounding.

    Returns
    -------
    float
        A negative fraction of the peak, 0 without a drawdown.

    Examples
    --------
    >>> round(max_drawdown([110.0, 99.0, 121.0], 100.0), 3)
    -0.1
    """
    return float(drawdowns(equity, start, noise).min())


def max_drawdown_duration(equity: ArrayLike, start: float, noise: float = 0.0) -> int:
    """Return the most bars in a row below the running peak, recovered or not.

    Parameters
    ----------
    equity : array_like, shape (bars,)
        Equity at each close, in account currency.
    start : float
        Equity before the first bar, above 0.
    noise : float
        Account currency by which equity may lie below a peak through rounding.

    Returns
    -------
    int
        In bars.

    Examples
    --------
    >>> max_drawdown_duration([110.0, 99.0, 104.0, 121.0], 100.0)
    2
    """
    below = drawdowns(equity, start, noise) < 0.0
    longest = run = 0
    for under in below:
        run = run + 1 if under else 0
        longest = max(longest, run)
    return longest


def _longest_run(under: NDArray[np.bool_]) -> Floats:
    """Most consecutive bars under water, per path."""
    place = np.arange(1, under.shape[-1] + 1)
    last_above = np.maximum.accumulate(np.where(under, 0, place), axis=-1)
    found: Floats = (place - last_above).max(axis=-1).astype(np.float64)
    return found

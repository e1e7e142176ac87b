"""Drawdowns along equity curves, of many paths at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["DrawdownSummary", "drawdown_curves", "summarise_drawdowns"]

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


def _longest_run(under: NDArray[np.bool_]) -> Floats:
    """Most consecutive bars under water, per path."""
    place = np.arange(1, under.shape[-1] + 1)
    last_above = np.maximum.accumulate(np.where(under, 0, place), axis=-1)
    found: Floats = (place - last_above).max(axis=-1).astype(np.float64)
    return found

"""What a fill pays beside the middle of bid and ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.options.layout import SPREAD_POINTS, SPREAD_SHARE

__all__ = ["half_spread"]


@inlined
def half_spread(middle: float, terms: NDArray[np.float64], crossed: float) -> float:
    """Return how far from the middle an option trades; nothing is sold below zero.

    Parameters
    ----------
    middle : float
        Middle of bid and ask.
    terms : ndarray of float64, shape (TERMS_WIDTH,)
        The spread is a share of the premium plus a number of points.
    crossed : float
        Share of the half-spread that the fill pays.
    """
    half = 0.5 * (terms[SPREAD_SHARE] * middle + terms[SPREAD_POINTS])
    paid: float = min(crossed * half, middle)
    return paid

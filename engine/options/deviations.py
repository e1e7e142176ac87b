"""How far the underlying of an option may move up to its expiry, where a smile has a say too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.options.layout import BLOCK, DEVIATION, LEVEL
from engine.options.smile_rows import surface_volatility

__all__ = ["deviation_at", "fill_deviations"]

Array = NDArray[np.float64]


@inlined
def deviation_at(
    series: Array,
    tables: Array,
    surface: Array,
    bar: int,
    column: int,
    forward: float,
    strike: float,
) -> float:
    """Return the deviation of an option of a strike at the close of a bar.

    Parameters
    ----------
    series, tables : ndarray of float64
        As of `engine.options.positions.trade_path`; with a surface the deviations of the tables are
        roots of time.
    surface : ndarray of float64, shape (expiries, SMILE_WIDTH)
        Smiles; without rows the tables and levels are all there is.
    bar, column : int
        The bar, and the column of the tables.
    forward, strike : float
        Of the option.
    """
    deviation: float = series[LEVEL, bar] * tables[DEVIATION, column]
    if surface.shape[0] > 0 and deviation > 0.0:
        root = tables[DEVIATION, column]
        deviation *= surface_volatility(surface, forward, strike, root * root)
    return deviation


@inlined
def fill_deviations(
    tables: Array, surface: Array, forwards: Array, column: int, strike: float, out: Array
) -> None:
    """Write the deviations of an option, over the level, at `BLOCK` bars, by a surface."""
    roots = tables[DEVIATION, column : column + BLOCK]
    for i in range(BLOCK):
        root = roots[i]
        out[i] = root
        if root > 0.0:
            out[i] = root * surface_volatility(surface, forwards[i], strike, root * root)

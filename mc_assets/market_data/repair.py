"""Prices sent in the wrong unit: cents for dollars, a factor of 100."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mc_assets.market_data.canonical import PRICES

__all__ = ["repair_unit_errors", "unit_scales"]

UNIT: Final = 100.0
# How far a bar may move on the day its unit changes: a factor of two either way.
_TOLERANCE: Final = float(np.log(2.0))
_STEADY: Final = 3


def unit_scales(prices: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many factors of 100 each price is away from the series' own unit.

    Parameters
    ----------
    prices : ndarray of float64, shape (n,)
        Prices oldest first; non-positive or non-finite ones are passed over.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 where the price is right, 1 where it is 100 times too large, -1 too small.

    Notes
    -----
    A step is a change of the unit where ``|log(p[i] / p[i-1])|`` is within log 2 of log 100.
    The sum of steps is the level of a price. The newest level that lasts for three prices is
    taken as the right one, else the commonest: providers mend their newest data first.
    """
    levels = np.zeros(len(prices), dtype=np.int64)
    usable = np.flatnonzero(np.isfinite(prices) & (prices > 0))
    if len(usable) < 2:
        return levels
    moves = np.diff(np.log(prices[usable]))
    steps = np.where(np.abs(np.abs(moves) - np.log(UNIT)) < _TOLERANCE, np.sign(moves), 0.0)
    if not steps.any():
        return levels
    level = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    level -= _right_level(level)
    levels[usable] = level
    return levels


def repair_unit_errors(rows: pl.DataFrame) -> pl.DataFrame:
    """Divide prices that are 100 times too large, multiply those 100 times too small.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns ``instant`` and ``open high low close``, in any order.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order; other columns are untouched.

    Notes
    -----
    First whole rows, by their median price along time; then single cells, each against the
    median of its row.
    """
    order = np.argsort(rows["instant"].fill_null(0).to_numpy(), kind="stable")
    table = rows.select(PRICES).to_numpy().astype(np.float64)
    middle = np.full(len(table), np.nan)
    some = np.isfinite(table).any(axis=1)
    middle[some] = np.nanmedian(table[some], axis=1)
    scales = np.empty(len(table), dtype=np.int64)
    scales[order] = unit_scales(middle[order])
    table = _rescaled(table, np.repeat(scales[:, None], len(PRICES), axis=1))
    middle = np.full(len(table), np.nan)
    middle[some] = np.nanmedian(table[some], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.log(table / middle[:, None])
        away = np.abs(np.abs(distance) - np.log(UNIT)) < _TOLERANCE
    cells = np.where(away, np.sign(distance), 0.0).astype(np.int64)
    table = _rescaled(table, cells)
    fixed = pl.DataFrame({name: table[:, place] for place, name in enumerate(PRICES)})
    return rows.with_columns(fixed.with_columns(pl.all().fill_nan(None)))


def _right_level(level: NDArray[np.int64]) -> int:
    edges = np.flatnonzero(np.diff(level)) + 1
    starts = np.concatenate([[0], edges])
    lengths = np.diff(np.concatenate([starts, [len(level)]]))
    for start, length in zip(starts[::-1], lengths[::-1], strict=True):
        if length >= _STEADY:
            return int(level[start])
    values, counts = np.unique(level, return_counts=True)
    return int(values[counts.argmax()])


def _rescaled(table: NDArray[np.float64], scales: NDArray[np.int64]) -> NDArray[np.float64]:
    # Dividing by 100 rounds to the same double as reading the price with its point moved.
    powers = UNIT ** np.abs(scales)
    return np.where(scales >= 0, table / powers, table * powers)

"""Prices sent in the wrong unit: cents for dollars, a factor of 100."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.tables.columns import PRICES

__all__ = ["repair_unit_errors", "repairs", "rescaled", "unit_scales"]

UNIT: Final = 100.0
# Largest price move at a change of unit: a factor of two in either direction.
_TOLERANCE: Final = float(np.log(2.0))
# A unit that lasts for this many bars is the intended one.
_STEADY: Final = 3

Table = NDArray[np.float64]
Scales = NDArray[np.int64]


def unit_scales(prices: Table) -> Scales:
    """Powers of 100 by which each price differs from the unit of the series.

    Parameters
    ----------
    prices : ndarray of float64, shape (bars, 4)
        Open, high, low and close, oldest bar first; non-positive or missing ones are passed
        over.

    Returns
    -------
    ndarray of int64, shape (bars, 4)
        0 where the price is right, 1 where it is 100 times too large, -1 too small.

    Notes
    -----
    Opens and closes are followed through time, each close to the next open and each open to
    its close. A step whose ``|log ratio|`` is within log 2 of log 100 is a change of the unit,
    the sum of steps a price's level. The newest level that lasts for three bars is taken as
    the right one, else the commonest: providers mend their newest data first. Highs and lows
    are then compared with the mended open and close of their bar.
    """
    positive = prices[np.isfinite(prices) & (prices > 0)]
    if not len(positive) or positive.max() < positive.min() * UNIT / 2.0:
        return np.zeros(prices.shape, dtype=np.int64)
    chain = prices[:, [0, 3]].reshape(-1)
    levels = np.zeros(len(chain), dtype=np.int64)
    usable = np.flatnonzero(np.isfinite(chain) & (chain > 0))
    if len(usable) > 1:
        steps = _steps(np.diff(np.log(chain[usable])))
        if steps.any():
            level = np.concatenate([[0], np.cumsum(steps)])
            levels[usable] = level - _right_level(level)
    scales = np.zeros(prices.shape, dtype=np.int64)
    scales[:, [0, 3]] = levels.reshape(-1, 2)
    body = rescaled(prices[:, [0, 3]], scales[:, [0, 3]])
    with np.errstate(divide="ignore", invalid="ignore"):
        scales[:, 1] = _steps(np.log(prices[:, 1] / body.max(axis=1)))
        scales[:, 2] = _steps(np.log(prices[:, 2] / body.min(axis=1)))
    return scales


def rescaled(prices: Table, scales: Scales) -> Table:
    """Bring prices back to the series' own unit.

    Parameters
    ----------
    prices : ndarray of float64
        Any shape.
    scales : ndarray of int64
        What `unit_scales` found for them.

    Notes
    -----
    Dividing by 100 rounds to the same double as reading the price with its point moved. Prices
    that are all right come back as they are, not copied.
    """
    if not scales.any():
        return prices
    powers = UNIT ** np.abs(scales)
    return np.where(scales >= 0, prices / powers, prices * powers)


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
    """
    order = np.argsort(rows["instant"].fill_null(0).to_numpy(), kind="stable")
    table = rows.select(PRICES).to_numpy().astype(np.float64)
    scales = np.empty(table.shape, dtype=np.int64)
    scales[order] = unit_scales(table[order])
    if not scales.any():
        return rows
    fixed = rescaled(table, scales)
    frame = pl.DataFrame({name: fixed[:, place] for place, name in enumerate(PRICES)})
    return rows.with_columns(frame.with_columns(pl.all().fill_nan(None)))


def repairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Report what `repair_unit_errors` changes.

    Returns
    -------
    polars.DataFrame
        ``check`` (``repaired``), ``timestamp``, ``value`` (the close as it came) and
        ``message``, one row per changed row.
    """
    fixed = repair_unit_errors(rows).select(pl.col(name).alias(f"{name}_new") for name in PRICES)
    both = pl.concat([rows, fixed], how="horizontal")
    changed = both.filter(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in PRICES)
    )
    stamp = pl.col("instant").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    day = stamp.dt.strftime("%Y-%m-%d %H:%MZ").fill_null("an unreadable time")
    old, new = pl.concat_str(PRICES, separator=" "), [f"{name}_new" for name in PRICES]
    return changed.select(
        check=pl.lit("repaired"),
        timestamp=stamp,
        value="close",
        message=pl.format(
            "{}: found open, high, low, close {} in another unit, repaired to {}",
            day, old, pl.concat_str(new, separator=" "),
        ),
    ).sort("timestamp")  # fmt: skip


def _steps(moves: NDArray[np.float64]) -> Scales:
    near = np.abs(np.abs(moves) - np.log(UNIT)) < _TOLERANCE
    return np.where(near, np.sign(moves), 0.0).astype(np.int64)


def _right_level(level: Scales) -> int:
    edges = np.flatnonzero(np.diff(level)) + 1
    starts = np.concatenate([[0], edges])
    lengths = np.diff(np.concatenate([starts, [len(level)]]))
    for start, length in zip(starts[::-1], lengths[::-1], strict=True):
        # The chain has two prices per bar: open and close.
        if length >= 2 * _STEADY:
            return int(level[start])
    values, counts = np.unique(level, return_counts=True)
    return int(values[counts.argmax()])

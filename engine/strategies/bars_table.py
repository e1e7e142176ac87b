"""The bars of one path as a table, as a backtest and a replay show them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import split_fields

__all__ = ["bars_table"]


def bars_table(
    values: NDArray[np.float64],
    symbols: tuple[str, ...],
    fields: tuple[str, ...],
    timestamps: NDArray[np.int64] | None,
    first_bar: int,
) -> pl.DataFrame:
    """Return a row per bar and symbol, without sub-bars.

    Parameters
    ----------
    values : ndarray of float64, shape (symbols, fields, bars)
        The path.
    symbols, fields : tuple of str
        Names of its axes.
    timestamps : ndarray of int64, shape (bars,), or None
        Microseconds; None where the path has no instants.
    first_bar : int
        The first that counts: it is bar 0, those before have numbers below.
    """
    frames = []
    whole, _ = split_fields(fields)
    for position, symbol in enumerate(symbols):
        numbers = np.arange(values.shape[2], dtype=np.int32) - np.int32(first_bar)
        columns: dict[str, Any] = {"bar": numbers}
        if timestamps is not None:
            columns["timestamp"] = pl.Series(timestamps).cast(pl.Datetime("us", "UTC"))
        columns["symbol"] = pl.Series([symbol] * values.shape[2], dtype=pl.String)
        columns |= {name: values[position, i] for i, name in enumerate(whole)}
        frames.append(pl.DataFrame(columns))
    return pl.concat(frames)

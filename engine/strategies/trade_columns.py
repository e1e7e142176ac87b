"""The engine's tables of trades and of order events as typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.execution.layout import (
    EVENT_COLUMNS,
    EVENT_NAMES,
    KIND_NAMES,
    SIZE_NAMES,
    TRADE_COLUMNS,
)

__all__ = ["order_columns", "trade_columns"]

_BARS: Final = frozenset({"entry_bar", "exit_bar", "bar"})
_WHOLE: Final = _BARS | {"order"}
_EXCURSIONS: Final = ("mfe", "mae")


def trade_columns(
    columns: NDArray[np.float64],
    symbols: tuple[str, ...],
    first_bar: int,
    *,
    with_ranges: bool = True,
) -> list[pl.Series]:
    """Type the columns of the engine's trade table; bars are counted from `first_bar`.

    Parameters
    ----------
    columns : ndarray of float64, shape (columns, trades)
        In the order of `engine.execution.layout.TRADE_COLUMNS`.
    symbols : tuple of str
        Names of the symbols.
    first_bar : int
        Bar that is 0 in the results.
    with_ranges : bool
        Whether bars had ranges: without them there are no excursions.
    """
    words = {"symbol": symbols}
    if not with_ranges:
        columns = columns.copy()
        columns[[TRADE_COLUMNS.index(name) for name in _EXCURSIONS]] = np.nan
    return [
        _typed(name, values, words.get(name), first_bar)
        for name, values in zip(TRADE_COLUMNS, columns, strict=True)
    ]


def order_columns(
    columns: NDArray[np.float64], symbols: tuple[str, ...], first_bar: int
) -> list[pl.Series]:
    """Type the columns of the table of order events; bars are counted from `first_bar`.

    Parameters
    ----------
    columns : ndarray of float64, shape (columns, events)
        In the order of `engine.execution.layout.EVENT_COLUMNS`.
    symbols : tuple of str
        Names of the symbols.
    first_bar : int
        Bar that is 0 in the results.
    """
    words = {"symbol": symbols, "kind": KIND_NAMES, "event": EVENT_NAMES, "size": SIZE_NAMES}
    return [
        _typed(name, values, words.get(name), first_bar)
        for name, values in zip(EVENT_COLUMNS, columns, strict=True)
    ]


def _typed(
    name: str, values: NDArray[np.float64], words: Sequence[str] | None, first_bar: int
) -> pl.Series:
    if words is not None:
        codes = pl.Series(values.astype(np.uint32))
        return pl.Series(name, words, dtype=pl.String).gather(codes)
    if name in _BARS:
        return pl.Series(name, values.astype(np.int32) - np.int32(first_bar))
    if name in _WHOLE:
        return pl.Series(name, values.astype(np.int32))
    return pl.Series(name, np.ascontiguousarray(values), nan_to_null=name in _EXCURSIONS)

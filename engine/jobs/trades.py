"""The table of trades: every trade of every simulation of a part."""

from __future__ import annotations

from collections.abc import Sequence

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
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays

__all__ = ["order_columns", "trade_columns", "trades_frame"]

_BARS = {"entry_bar", "exit_bar", "bar"}
_WHOLE = _BARS | {"order"}


def trades_frame(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Trades of a part: ``world set_id seed path trade``, then the engine's columns.

    A trade is one lot, or part of one, closed; ``trade`` counts them within the simulation.
    """
    part = arrays.part
    sets, each = len(part.sets), part.world.paths_per_seed
    simulations, tables = [np.empty(0, dtype=np.int64)], [np.empty((len(TRADE_COLUMNS), 0))]
    for chunk, table, ends in arrays.trades:
        paths = np.arange(*chunk.paths)
        of_chunk = (paths[:, None] * sets + chunk.sets).ravel()
        simulations.append(np.repeat(of_chunk, np.diff(ends, prepend=0)))
        tables.append(table)
    simulation, columns = np.concatenate(simulations), np.concatenate(tables, axis=1)
    if (np.diff(simulation) < 0).any():  # chunks of several threads end in any order
        order = np.argsort(simulation, kind="stable")
        simulation, columns = simulation[order], columns[:, order]
    count = len(simulation)
    begins = np.diff(simulation, prepend=-1) != 0
    number = np.arange(count) - np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    path = simulation // sets
    if not part.world.has_ranges:
        columns[[TRADE_COLUMNS.index(name) for name in ("mfe", "mae")]] = np.nan
    ids = pl.Series("set_id", part.sets.ids.tolist(), dtype=pl.String)
    first = prepared.world.window.first_trading_bar
    return pl.DataFrame(
        [
            pl.Series("world", [part.world.id], dtype=pl.String).new_from_index(0, count),
            ids.gather(pl.Series((simulation % sets).astype(np.uint32))),
            pl.Series("seed", part.seeds[path // each]),
            pl.Series("path", (path % each).astype(np.int32)),
            pl.Series("trade", number.astype(np.int32)),
            *trade_columns(columns, prepared.symbols, first),
        ]
    )


def trade_columns(
    columns: NDArray[np.float64], symbols: tuple[str, ...], first_bar: int
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
    """
    words = {"symbol": symbols}
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
    return pl.Series(name, np.ascontiguousarray(values), nan_to_null=name in ("mfe", "mae"))

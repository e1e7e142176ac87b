"""The table of trades: every trade of every simulation of a part."""

from __future__ import annotations

from typing import Any

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
    simulations: list[int] = []
    tables: list[NDArray[np.float64]] = []
    for chunk, recorded in arrays.trades:
        for index, table in enumerate(recorded):
            path = chunk.paths[0] + index // len(chunk.sets)
            simulations.append(path * sets + int(chunk.sets[index % len(chunk.sets)]))
            tables.append(table)
    order = np.argsort(np.array(simulations, dtype=np.int64), kind="stable")
    tables = [tables[index] for index in order]
    lengths = [len(table) for table in tables]
    simulation = np.repeat(np.array(simulations, dtype=np.int64)[order], lengths)
    number = np.concatenate([np.arange(0), *(np.arange(length) for length in lengths)])
    rows = np.concatenate(tables) if tables else np.empty((0, len(TRADE_COLUMNS)))
    path = simulation // sets
    ids = pl.Series("set_id", part.sets.ids.tolist(), dtype=pl.String)
    keys = {
        "world": pl.Series([part.world.id], dtype=pl.String).new_from_index(0, len(rows)),
        "set_id": ids.gather(pl.Series(simulation % sets, dtype=pl.UInt32)),
        "seed": part.seeds[path // each],
        "path": (path % each).astype(np.int32),
        "trade": number.astype(np.int32),
    }
    first = prepared.world.window.first_trading_bar
    if not part.world.has_ranges:
        rows[:, [TRADE_COLUMNS.index(name) for name in ("mfe", "mae")]] = np.nan
    columns = trade_columns(rows, prepared.symbols, first)
    return pl.DataFrame(keys | columns, nan_to_null=True)


def trade_columns(
    rows: NDArray[np.float64], symbols: tuple[str, ...], first_bar: int
) -> dict[str, Any]:
    """Split the engine's trade table into typed columns; bars are counted from `first_bar`."""
    columns: dict[str, Any] = {}
    for position, name in enumerate(TRADE_COLUMNS):
        values = np.ascontiguousarray(rows[:, position])
        if name == "symbol":
            columns[name] = pl.Series([symbols[int(v)] for v in values], dtype=pl.String)
        else:
            columns[name] = values.astype(np.int32) if name in _WHOLE else values
            if name in _BARS:
                columns[name] -= first_bar
    return columns


def order_columns(
    rows: NDArray[np.float64], symbols: tuple[str, ...], first_bar: int
) -> dict[str, Any]:
    """Split the table of order events into typed columns; bars are counted from `first_bar`."""
    columns: dict[str, Any] = {}
    for position, name in enumerate(EVENT_COLUMNS):
        values = np.ascontiguousarray(rows[:, position])
        words = {
            "symbol": symbols,
            "kind": KIND_NAMES,
            "event": EVENT_NAMES,
            "size": SIZE_NAMES,
        }.get(name)
        if words is not None:
            columns[name] = pl.Series([words[int(v)] for v in values], dtype=pl.String)
        else:
            columns[name] = values.astype(np.int32) if name in _WHOLE else values
            if name in _BARS:
                columns[name] -= first_bar
    return columns

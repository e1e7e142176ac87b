"""The table of trades: every trade of every simulation of a part."""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays

__all__ = ["trades_frame"]


def trades_frame(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Trades of a part: ``world set_id seed path trade``, then the engine's columns.

    A trade is one lot, or part of one, closed; ``trade`` counts them within the simulation.
    """
    part = arrays.part
    sets, each = len(part.sets), part.world.paths_per_seed
    simulations = [np.empty(0, dtype=np.int64)]
    tables = [prepared.engine.tape().columns[:, :0]]
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
    ids = pl.Series("set_id", part.sets.ids.tolist(), dtype=pl.String)
    first = prepared.world.window.first_trading_bar
    return pl.DataFrame(
        [
            pl.Series("world", [part.world.id], dtype=pl.String).new_from_index(0, count),
            ids.gather(pl.Series((simulation % sets).astype(np.uint32))),
            pl.Series("seed", part.seeds[path // each]),
            pl.Series("path", (path % each).astype(np.int32)),
            pl.Series("trade", number.astype(np.int32)),
            *prepared.engine.trade_columns(columns, first, with_ranges=part.world.has_ranges),
        ]
    )

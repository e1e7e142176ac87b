"""The ledger's rows of a part: one per parameter set, with its outcome on fixed blocks."""

from __future__ import annotations

import datetime
import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.compiled.version import ENGINE_VERSION
from engine.jobs.ledger import OUTCOME_BLOCKS, SCHEMA
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays
from engine.jobs.space import ParameterSets
from engine.sources import Historical

__all__ = ["trial_rows"]


def trial_rows(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Return the ledger's rows of a part: one per parameter set.

    Returns
    -------
    polars.DataFrame
        Columns of `engine.jobs.ledger.SCHEMA`.
    """
    part, names = arrays.part, arrays.kept
    world, each = part.world, part.world.paths_per_seed
    ok = arrays.status == 0
    pnl = np.where(ok, arrays.metrics[names.index("net_pnl")], np.nan)
    sharpe = np.where(ok, arrays.metrics[names.index("sharpe")], np.nan)
    known = ok.sum(axis=0)
    mean, deviation = _moments(pnl, known)
    cash = world.execution.cash
    if arrays.time_blocks is not None:
        kind, blocks = "time", np.arange(arrays.time_blocks.shape[2])
        outcome = arrays.time_blocks[0].astype(np.float64) / cash
        outcome[~ok[0]] = np.nan
        paths = np.repeat(ok[:1].T, len(blocks), axis=1)
    else:
        of_path = np.repeat(part.seeds % np.uint64(OUTCOME_BLOCKS), each)
        kind, blocks = "seeds", np.unique(of_path)
        member = (of_path == blocks[:, None]).astype(np.float64)
        paths = (member @ ok).T
        sums = (member @ np.where(ok, pnl, 0.0)).T
        outcome = np.divide(sums, paths * cash, out=np.full(sums.shape, np.nan), where=paths > 0)
    sets = len(part.sets)
    sharpe_mean, _ = _moments(sharpe, np.isfinite(sharpe).sum(axis=0))
    columns: dict[str, Any] = {
        "trial": _trials(world.trial_id, part.sets),
        "family": world.strategy.name,
        "code": world.code_hash,
        "data": part.data,
        "series": part.series,
        "world": world.id,
        "set_id": part.sets.ids.tolist(),
        "parameters": part.sets.as_json,
        "study": part.study,
        "asked_by": part.asked_by,
        "status": "finished",
        "engine_version": ENGINE_VERSION,
        "tried_at": datetime.datetime.now(datetime.UTC),
        "seeds": len(part.seeds),
        "first_seed": int(part.seeds[0]),
        "last_seed": int(part.seeds[-1]),
        "paths": part.paths,
        "failed": part.paths - known,
        "mean_net_pnl": mean,
        "std_net_pnl": deviation,
        "mean_sharpe": sharpe_mean,
        "blocks_of": kind,
        "block": np.tile(blocks.astype(np.uint8), (sets, 1)),
        "outcome": outcome.astype(np.float32),
        "block_paths": paths.astype(np.uint32),
        "market": [_market(prepared)] * sets,
    }
    return pl.DataFrame(
        [_column(name, columns[name], dtype, sets) for name, dtype in SCHEMA.items()]
    )


def _market(prepared: Prepared) -> list[float] | None:
    """Return of the price in each stretch of time of a history, of several symbols the mean."""
    source, ends = prepared.world.source, prepared.block_ends
    if ends is None or not isinstance(source, Historical):
        return None
    first = len(source.bars[0]) - prepared.world.steps
    found = []
    for bars in source.bars:
        prices = np.concatenate([[bars.open[first]], bars.close[first + ends]])
        found.append(np.diff(prices) / np.abs(prices[:-1]))
    return [float(value) for value in np.mean(found, axis=0)]


def _column(name: str, values: Any, dtype: pl.DataType, sets: int) -> pl.Series:
    """Make a column of one value per set, or of one that all sets share.

    Without expressions: each costs as much as simulating hundreds of bars.
    """
    if isinstance(values, np.ndarray):
        column = pl.Series(
            name, np.ascontiguousarray(values).reshape(-1), nan_to_null=values.ndim == 1
        )
        return (column if values.ndim == 1 else column.reshape(values.shape)).cast(dtype)
    if isinstance(values, list):
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(name, [values], dtype=dtype).new_from_index(0, sets)


@lru_cache(maxsize=4)
def _trials(world: str, sets: ParameterSets) -> list[str]:
    """Return the trial of each set; the parts of a job share their sets."""
    return [
        hashlib.sha256(f"{world}{set_id}".encode()).hexdigest()[:16] for set_id in sets.ids.tolist()
    ]


def _moments(
    values: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over paths, shape (sets,); NaN where undefined."""
    nothing = np.full(values.shape[1], np.nan)
    mean = np.divide(np.nansum(values, axis=0), count, out=nothing.copy(), where=count > 0)
    squares = np.nansum((values - mean) ** 2, axis=0)
    variance = np.divide(squares, count - 1, out=nothing, where=count > 1)
    return mean, np.sqrt(variance)

"""The ledger's rows of a part: one per parameter set, with its outcome on fixed blocks."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.compiled.version import ENGINE_VERSION
from engine.jobs.ledger import OUTCOME_BLOCKS, SCHEMA
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays
from engine.jobs.space import MODEL_PREFIX, ParameterSets
from engine.sources import Historical

__all__ = ["trial_rows"]


def trial_rows(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Return the ledger's rows of a part: one per parameter set.

    Returns
    -------
    polars.DataFrame
        Columns of `engine.jobs.ledger.SCHEMA`.
    """
    part, names = arrays.part, prepared.metric_names
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
    same: dict[str, Any] = {
        "family": world.strategy.name,
        "code": world.strategy.code_hash()[:16],
        "data": part.data,
        "series": part.series,
        "world": world.id,
        "study": part.study,
        "asked_by": part.asked_by,
        "status": "finished",
        "engine_version": ENGINE_VERSION,
        "tried_at": datetime.datetime.now(datetime.UTC),
        "seeds": len(part.seeds),
        "first_seed": int(part.seeds[0]),
        "last_seed": int(part.seeds[-1]),
        "paths": part.paths,
        "blocks_of": kind,
    }
    ids = part.sets.ids.tolist()
    own = {
        "trial": pl.Series([_trial_id(world.trial_id, set_id) for set_id in ids]),
        "set_id": pl.Series(ids),
        "parameters": pl.Series(_parameters(part.sets)),
        "failed": pl.Series(part.paths - known),
        "mean_net_pnl": pl.Series(mean, nan_to_null=True),
        "std_net_pnl": pl.Series(deviation, nan_to_null=True),
        "mean_sharpe": pl.Series(
            _moments(sharpe, np.isfinite(sharpe).sum(axis=0))[0], nan_to_null=True
        ),
        "block": _lists(np.tile(blocks.astype(np.uint8), (len(ids), 1))),
        "outcome": _lists(outcome.astype(np.float32)),
        "block_paths": _lists(paths.astype(np.uint32)),
        "market": pl.Series([_market(prepared)] * len(ids), dtype=SCHEMA["market"]),
    }
    return pl.DataFrame(own).select(
        (pl.col(name) if name in own else pl.lit(same[name])).cast(kind).alias(name)
        for name, kind in SCHEMA.items()
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


def _lists(values: NDArray[Any]) -> pl.Series:
    """Rows of an array as lists."""
    return pl.Series(np.ascontiguousarray(values).reshape(-1)).reshape(values.shape).arr.to_list()


def _trial_id(world: str, set_id: str) -> str:
    return hashlib.sha256(f"{world}{set_id}".encode()).hexdigest()[:16]


def _parameters(sets: ParameterSets) -> list[str]:
    """Each parameter set as JSON."""
    names = [*(MODEL_PREFIX + name for name in sets.swept), *sets.strategy.parameters]
    declared = list(sets.strategy.parameters.values())
    return [
        json.dumps(
            dict(
                zip(
                    names,
                    [*own, *(p.decode(code) for p, code in zip(declared, codes, strict=True))],
                    strict=True,
                )
            )
        )
        for own, codes in zip(sets.of_source.tolist(), sets.of_strategy.tolist(), strict=True)
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

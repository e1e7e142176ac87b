"""The tables that a part writes: one row per simulation, and equity curves beside them.

A row is identified by ``world``, ``set_id``, ``seed`` and ``path`` (its number within the seed).
It holds every parameter of the strategy and the swept ones of the source (``model.NAME``) as a
column each, ``status`` (``ok`` or ``failed``), ``error`` (text or null), and one float column per
metric that the study keeps (null where undefined or failed). What a study calls it, its
``parameter_set`` and ``simulation`` number, is added when the study's results are opened.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PATH_NOT_FINITE, RAISED, PartArrays
from engine.jobs.space import MODEL_PREFIX, ParameterSets
from engine.strategies.parameters import Choice, Int, Parameter

__all__ = [
    "cell_keys",
    "equity_frame",
    "error_at",
    "simulations_frame",
    "status_text",
]


def simulations_frame(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Rows of a part: all its sets on a path before the next path."""
    status = arrays.status.ravel()
    metrics = arrays.metrics.reshape(-1, len(status))
    failed = np.flatnonzero(status)
    if len(failed):
        metrics[:, failed] = np.nan
    paths, sets = arrays.status.shape
    of_row = pl.Series(np.tile(np.arange(sets, dtype=np.uint32), paths))
    columns = [
        *cell_keys(arrays, of_row),
        *(column.gather(of_row) for column in _parameters(arrays.part.sets)),
        *_outcome(arrays, prepared, status, failed),
    ]
    # Undefined values are NaN inside the kernels and null outside.
    kept = arrays.part.holds
    for name, values in zip(arrays.kept, metrics, strict=True):
        if name in kept.metrics or name in kept.own_metrics:
            stored = values.astype(kept.record.precision, copy=False)
            columns.append(pl.Series(name, stored, nan_to_null=True))
    return pl.DataFrame(columns)


def equity_frame(arrays: PartArrays) -> pl.DataFrame:
    """Make the equity table of a part: keys and one fixed-size list of float32 per simulation.

    Single precision is a tenth of a cent at 10,000 and a cent at 100,000, enough for a curve to
    look at, at half the size; metrics come from the full precision.
    """
    assert arrays.equity is not None
    paths, sets = arrays.status.shape
    of_row = pl.Series(np.tile(np.arange(sets, dtype=np.uint32), paths))
    flat = pl.Series("equity", arrays.equity.reshape(-1))
    curves = flat.reshape((-1, arrays.part.holds.record.equity))
    return pl.DataFrame([*cell_keys(arrays, of_row), curves])


def cell_keys(arrays: PartArrays, of_row: pl.Series) -> list[pl.Series]:
    """Columns that identify the rows of a part; `of_row` is the set of each row."""
    part = arrays.part
    paths, sets = arrays.status.shape
    path = np.arange(paths)
    each = part.world.paths_per_seed
    return [
        pl.Series("world", [part.world.id], dtype=pl.String).new_from_index(0, paths * sets),
        pl.Series("set_id", part.sets.ids.tolist(), dtype=pl.String).gather(of_row),
        pl.Series("seed", np.repeat(part.seeds[path // each], sets)),
        pl.Series("path", np.repeat((path % each).astype(np.int32), sets)),
    ]


def _parameters(sets: ParameterSets) -> list[pl.Series]:
    """Make a column per parameter, a value per set; the declaration decides its type."""
    columns = [
        pl.Series(MODEL_PREFIX + name, sets.of_source[:, position])
        for position, name in enumerate(sets.swept)
    ]
    for position, (name, declared) in enumerate(sets.strategy.parameters.items()):
        columns.append(_parameter(name, declared, sets.of_strategy[:, position]))
    return columns


def _parameter(name: str, declared: Parameter, values: NDArray[np.float64]) -> pl.Series:
    if isinstance(declared, Choice) and declared.words:
        words = pl.Series(name, declared.choices, dtype=pl.String)
        return words.gather(pl.Series(values.astype(np.uint32)))
    column = pl.Series(name, values, nan_to_null=True)
    return column.cast(pl.Int64) if isinstance(declared, Int) else column


def _outcome(
    arrays: PartArrays, prepared: Prepared, status: NDArray[np.int8], failed: NDArray[np.int64]
) -> list[pl.Series]:
    sets = arrays.status.shape[1]
    words = pl.Series("status", ["ok"]).new_from_index(0, len(status))
    error = pl.Series("error", [None], dtype=pl.String).new_from_index(0, len(status))
    if len(failed):
        texts = [
            arrays.errors.get((int(row) // sets, int(row) % sets))
            or status_text(prepared, int(status[row]))
            for row in failed
        ]
        words = words.scatter(failed, ["failed"] * len(failed))
        error = error.scatter(failed, texts)
    return [words, error]


def status_text(prepared: Prepared, code: int) -> str:
    """Say what a status code means."""
    if code == PATH_NOT_FINITE:
        return "the path has a price that is not finite"
    if code == RAISED:
        return "the simulation raised an exception"
    return str(prepared.engine.status_text(code))


def error_at(arrays: PartArrays, place: tuple[int, int], prepared: Prepared) -> str:
    """Say why the simulation of a path and a set failed."""
    return arrays.errors.get(place) or status_text(prepared, int(arrays.status[place]))

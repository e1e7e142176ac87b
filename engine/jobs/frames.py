"""The tables of results: one row per simulation (`engine.jobs.columns`), and equity curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from engine.jobs.columns import KEYS, OUTCOME, Column
from engine.jobs.job import Job
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PATH_NOT_FINITE, RAISED, PartArrays

__all__ = ["equity_frame", "result_frame"]


def result_frame(arrays: PartArrays, prepared: Prepared) -> pl.DataFrame:
    """Rows of a part, in the order of their simulation ids."""
    spec, job = arrays.spec, arrays.spec.job
    keys = _keys(arrays, job)
    sets = keys["parameter_set"].to_numpy()
    parameters = [_parameter(job, name).gather(sets) for name in job.space.names]
    status = arrays.status.ravel()
    metrics = arrays.metrics.reshape(-1, len(status))
    failed = np.flatnonzero(status)
    if len(failed):
        metrics[:, failed] = np.nan
    fixed: dict[str, Any] = {
        **{"study": job.study, "fingerprint": job.fingerprint, "block": spec.block},
        **keys.to_dict(),
        **_outcome(arrays, prepared, status, failed),
    }
    columns = [
        *(_series(column, fixed[column.name], len(status)) for column in KEYS),
        *parameters,
        *(_series(column, fixed[column.name], len(status)) for column in OUTCOME),
    ]
    # Undefined values are NaN inside the kernels and null outside.
    for name, values in zip(prepared.metric_names, metrics, strict=True):
        columns.append(pl.Series(name, values, nan_to_null=True))
    return pl.DataFrame(columns)


def equity_frame(arrays: PartArrays) -> pl.DataFrame:
    """Make the equity table of a part: keys and one fixed-size list of float32 per simulation.

    Single precision is a tenth of a cent at 10,000 and a cent at 100,000, enough for a curve to
    look at, at half the size; metrics come from the full precision.
    """
    assert arrays.equity is not None
    job = arrays.spec.job
    keys = _keys(arrays, job)
    samples = job.record.equity
    flat = pl.Series("equity", arrays.equity.reshape(-1))
    curves = flat.reshape((-1, samples))
    study = pl.Series("study", [job.study]).new_from_index(0, len(keys))
    return pl.DataFrame([study, *keys.select("simulation", "parameter_set", "seed"), curves])


def _series(column: Column, values: Any, rows: int) -> pl.Series:
    """Make a declared column of its values, or of one value for all rows."""
    if isinstance(values, pl.Series):
        return values.alias(column.name).cast(column.dtype)
    return pl.Series(column.name, [values], dtype=column.dtype).new_from_index(0, rows)


def _keys(arrays: PartArrays, job: Job) -> pl.DataFrame:
    spec = arrays.spec
    paths = np.arange(*spec.paths)
    sets = np.arange(*spec.sets, dtype=np.int32)
    path = np.repeat(paths, len(sets))
    parameter_set = np.tile(sets, len(paths))
    return pl.DataFrame(
        {
            "simulation": path * len(job.space) + parameter_set,
            "parameter_set": parameter_set,
            "seed": job.seeds[path // job.paths_per_seed],
            "path": (path % job.paths_per_seed).astype(np.int32),
        }
    )


def _parameter(job: Job, name: str) -> pl.Series:
    values: list[Any] = job.space.column(name)
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and len(kinds) == 2:
        values = [None if value is None else float(value) for value in values]
    elif len(kinds) > 1:
        values = [None if value is None else str(value) for value in values]
    dtype = pl.Float64 if not kinds else None
    return pl.Series(name, values, dtype=dtype)


def _outcome(
    arrays: PartArrays, prepared: Prepared, status: np.ndarray, failed: np.ndarray
) -> dict[str, pl.Series]:
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
    return {"status": words, "error": error}


def status_text(prepared: Prepared, code: int) -> str:
    """Say what a status code means."""
    if code == PATH_NOT_FINITE:
        return "the path has a price that is not finite"
    if code == RAISED:
        return "the simulation raised an exception"
    return str(prepared.engine.status_text(code))

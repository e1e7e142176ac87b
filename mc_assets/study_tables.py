"""Statistics of studies as Parquet tables, one file per study."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import polars as pl

# Its names load the simulation engine when first used, which reading tables does not.
import engine

__all__ = [
    "read_statistics",
    "statistics_table",
    "statistics_version",
    "write_nightly_statistics",
    "write_statistics",
]

# Key of the Parquet metadata that says which rows a table was made from.
_VERSION = "data_version"


def write_statistics(data: Path, study: str) -> pl.DataFrame:
    """Estimate a study's statistics from its results and write them; return the table.

    A study's own parameters differ from the next one's, so the table carries them as one JSON
    text beside ``parameter_set``.

    Raises
    ------
    Refusal
        If the study has no results.
    StudyFailed
        If more of its simulations failed than it allows.
    """
    results = engine.load_results(data, study)
    results.check_failures()
    return _write(statistics_table(results), _path(data, study), results.data_version)


def write_nightly_statistics(
    data: Path, study: str, as_of: datetime.date, results: engine.Results
) -> pl.DataFrame:
    """Write the statistics of a study run as of a date; return the table."""
    table = statistics_table(results).select(pl.lit(as_of).alias("as_of"), pl.all())
    return _write(
        table, data / "nightly_statistics" / study / f"{as_of}.parquet", results.data_version
    )


def statistics_table(results: engine.Results) -> pl.DataFrame:
    """Estimate a study's statistics, its parameters as one JSON text."""
    table = engine.study_statistics(results)
    names = results.parameters
    parameters = pl.struct(names).struct.json_encode() if names else pl.lit("{}")
    return table.select(
        *("study", "world", "parameter_set", "set_id"),
        parameters.alias("parameters"),
        *("statistic", "estimate", "std_error", "ci_low", "ci_high", "n"),
    )


def read_statistics(data: Path, study: str) -> pl.DataFrame:
    """Read a study's statistics.

    Raises
    ------
    ValueError
        If they were not written yet.
    """
    path = _path(data, study)
    if not path.exists():
        raise ValueError(f"statistics of {study}: found no {path}, allowed after `mc run {study}`")
    return pl.read_parquet(path)


def statistics_version(data: Path, study: str) -> str | None:
    """Return the `Results.data_version` that a study's statistics were made from."""
    try:
        return pl.read_parquet_metadata(_path(data, study)).get(_VERSION)
    except (OSError, pl.exceptions.PolarsError):
        return None


def _write(table: pl.DataFrame, path: Path, version: str) -> pl.DataFrame:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    table.write_parquet(temporary, compression="zstd", metadata={_VERSION: version})
    os.replace(temporary, path)
    return table


def _path(data: Path, study: str) -> Path:
    return data / "statistics" / f"{study}.parquet"

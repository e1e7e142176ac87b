"""Statistics of studies as Parquet tables, one file per study."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from engine.results import Results

__all__ = [
    "read_statistics",
    "statistics_table",
    "statistics_written",
    "write_nightly_statistics",
    "write_statistics",
]


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
    from engine.results import read_results

    results = read_results(data, study)
    results.check_failures()
    return _write(statistics_table(results), _path(data, study))


def write_nightly_statistics(
    data: Path, study: str, as_of: datetime.date, results: Results
) -> pl.DataFrame:
    """Write the statistics of a study run as of a date; return the table."""
    table = statistics_table(results).select(pl.lit(as_of).alias("as_of"), pl.all())
    return _write(table, data / "nightly_statistics" / study / f"{as_of}.parquet")


def statistics_table(results: Results) -> pl.DataFrame:
    """Estimate a study's statistics, its parameters as one JSON text."""
    table = results.statistics()
    names = results.parameters
    parameters = pl.struct(names).struct.json_encode() if names else pl.lit("{}")
    return table.select(
        *("study", "fingerprint", "parameter_set"),
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


def statistics_written(data: Path, study: str) -> int:
    """Return when a study's statistics were written, in nanoseconds since 1970; 0 if never."""
    path = _path(data, study)
    return path.stat().st_mtime_ns if path.exists() else 0


def _write(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    table.write_parquet(temporary, compression="zstd")
    os.replace(temporary, path)
    return table


def _path(data: Path, study: str) -> Path:
    return data / "statistics" / f"{study}.parquet"

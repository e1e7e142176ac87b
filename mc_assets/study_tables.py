"""Statistics of studies as Parquet tables, one file per study."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from engine.studies import load_results, study_statistics

__all__ = ["read_statistics", "write_statistics"]


def write_statistics(data: Path, study: str) -> pl.DataFrame:
    """Estimate a study's statistics from its results and write them; return the table.

    A study's own parameters differ from the next one's, so the table carries them as one JSON
    text beside ``parameter_set``; the warehouse's `parameter_sets` view has them spelt out.

    Raises
    ------
    ValueError
        If the study has no results.
    """
    results = load_results(data, study)
    table = study_statistics(results)
    names = results.parameters
    table = table.with_columns(
        pl.struct(names).struct.json_encode().alias("parameters")
        if names
        else pl.lit("{}").alias("parameters")
    ).select(
        *("study", "fingerprint", "parameter_set", "parameters", "statistic"),
        *("estimate", "std_error", "ci_low", "ci_high", "n"),
    )
    path = _path(data, study)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    table.write_parquet(temporary, compression="zstd")
    os.replace(temporary, path)
    return table


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


def _path(data: Path, study: str) -> Path:
    return data / "statistics" / f"{study}.parquet"

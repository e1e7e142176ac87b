"""Statistics and lineage of studies as Parquet tables, one file per study."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from engine.files import DamagedFile, read_footer, read_parquet, write_whole
from engine.files.writing import parquet_bytes

if TYPE_CHECKING:
    from engine.jobs import JobSummary
    from engine.results import Results

__all__ = [
    "LINEAGE_SCHEMA",
    "lineage_table",
    "overfitting_version",
    "read_error_budget",
    "read_statistics",
    "read_warnings",
    "statistics_table",
    "statistics_version",
    "write_nightly_statistics",
    "write_overfitting",
    "write_statistics",
    "written_overfitting_version",
    "written_statistics_version",
]

# Key of the Parquet metadata that says which rows a table was made from.
_VERSION = "data_version"

# Of the columns of statistics and errors: tables of other columns are made anew.
_FORM = "2"

#: Columns of a study's lineage.
LINEAGE_SCHEMA: Final = {
    "study": pl.String,
    "world": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "last_bar": pl.String,
    "history_hash": pl.String,
    "data_hash": pl.String,
    "model": pl.String,
    "as_of": pl.Date,
    "calibration_hash": pl.String,
    "calibration_history_hash": pl.String,
}


def write_statistics(data: Path, study: str) -> pl.DataFrame:
    """Estimate a study's statistics from its results and write them; return the table.

    A study's own parameters differ from the next one's, so the table carries them as one JSON
    text beside ``parameter_set``. The study's lineage, its warnings, what its P&L came from, the
    kinds of their errors and what the search for its best set cost are written beside them.

    Raises
    ------
    Refusal
        If the study has no results.
    StudyFailed
        If more of its simulations failed than it allows.
    """
    from engine.jobs.rare_events import SCHEMA
    from engine.results import read_results
    from engine.results.attribution import study_attributions
    from engine.results.error_budget import Paths, study_tables

    results = read_results(data, study)
    results.check_failures()
    _write(
        lineage_table(results.summary), data / "lineage" / f"{study}.parquet", results.data_version
    )
    _write(results.warnings(), data / "study_warnings" / f"{study}.parquet", results.data_version)
    parts = study_attributions(results)
    _write(parts, data / "attribution" / f"{study}.parquet", results.data_version)
    rare = pl.DataFrame(schema=SCHEMA) if results.rare is None else results.rare
    _write(rare, data / "rare_events" / f"{study}.parquet", results.data_version)
    write_overfitting(data, results)
    version = statistics_version(results)
    statistics, budget = study_tables(results, Paths(results.seeds, results.resampled))
    _write(budget, _budget_path(data, study), version)
    return _write(statistics_table(results, statistics), _path(data, study), version)


def statistics_version(results: Results) -> str:
    """Say what statistics follow from: rows, if it is known what they drew, and what is asked."""
    drawn = "" if results.resampled is None else " resampled"
    rare = "" if results.rare is None else f" {' '.join(results.rare['event'].unique().sort())}"
    rows = f"{results.data_version}{drawn}{rare}"
    return " ".join([_FORM, rows, *results.summary.statistics])


def write_overfitting(data: Path, results: Results) -> None:
    """Write what the search for a study's best set cost, by the trials that count now."""
    from engine.jobs.ledger import count_trials

    version = overfitting_version(results, count_trials(data))
    _write(results.overfitting(data), _overfitting_path(data, results.name), version)


def overfitting_version(results: Results, trials: Mapping[tuple[str, str], int]) -> str:
    """Say what the table of a study follows from: its rows, and how much was tried on its data.

    `trials` are those of `engine.jobs.ledger.count_trials`.
    """
    summary = results.summary
    counted = trials.get((summary.strategy, summary.lineage.data), 0)
    return f"{results.data_version} {counted}"


def write_nightly_statistics(
    data: Path, study: str, as_of: datetime.date, results: Results
) -> pl.DataFrame:
    """Write the statistics of a study run as of a date; return the table."""
    table = statistics_table(results).select(pl.lit(as_of).alias("as_of"), pl.all())
    return _write(
        table, data / "nightly_statistics" / study / f"{as_of}.parquet", results.data_version
    )


def statistics_table(results: Results, table: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return a study's statistics, its parameters as one JSON text; estimate them if not given."""
    from engine.results.statistics import COLUMNS

    if table is None:
        table = results.statistics()
    # Parameters stand between the keys and the statistic, some under another name.
    columns = table.columns[table.columns.index("set_id") + 1 : table.columns.index("statistic")]
    named = [
        pl.col(column).alias(name) for column, name in zip(columns, results.parameters, strict=True)
    ]
    parameters = pl.struct(named).struct.json_encode() if named else pl.lit("{}")
    return table.select(
        *("study", "world", "parameter_set", "set_id"),
        parameters.alias("parameters"),
        *COLUMNS,
    )


def lineage_table(summary: JobSummary) -> pl.DataFrame:
    """Name the bars and the calibration that a study's results were made of, by their hashes.

    Returns
    -------
    polars.DataFrame
        One row per symbol, or a single one without a symbol where no bars were needed.
    """
    calibration = summary.lineage.calibration
    made_of = {
        "model": calibration and calibration.model,
        "as_of": calibration and datetime.date.fromisoformat(calibration.as_of),
        "calibration_hash": calibration and calibration.calibration_hash,
        "calibration_history_hash": calibration and calibration.history_hash,
    }
    study = {"study": summary.study, "world": summary.world}
    bars = [asdict(entry) for entry in summary.lineage.bars] or [{}]
    return pl.DataFrame([study | entry | made_of for entry in bars], schema=LINEAGE_SCHEMA)


def read_statistics(data: Path, study: str) -> pl.DataFrame:
    """Read a study's statistics.

    Raises
    ------
    ValueError
        If they were not written yet, or are not what was written.
    """
    path = _path(data, study)
    if not path.exists():
        raise ValueError(f"statistics of {study}: none are written; `mc report {study}` does it")
    return read_parquet(data, path)


def read_error_budget(data: Path, study: str) -> pl.DataFrame:
    """Read the errors of a study's statistics by kind, which were written with them.

    Raises
    ------
    DamagedFile
        If they are not there, or not what was written.
    """
    return read_parquet(data, _budget_path(data, study))


def read_warnings(data: Path, study: str) -> pl.DataFrame:
    """Read a study's warnings, which were written with its statistics.

    Raises
    ------
    DamagedFile
        If they are not there, or not what was written.
    """
    return read_parquet(data, data / "study_warnings" / f"{study}.parquet")


def written_statistics_version(data: Path, study: str) -> str | None:
    """Return the `statistics_version` of a study's tables.

    None where they are not all of one version, or one of them, the lineage, the warnings, the
    attribution or the rare events are missing or damaged.
    """
    try:
        for table in ("lineage", "study_warnings", "attribution", "rare_events"):
            read_footer(data, data / table / f"{study}.parquet", _VERSION)
    except DamagedFile:
        return None
    first = _version(data, _path(data, study))
    return first if first == _version(data, _budget_path(data, study)) else None


def written_overfitting_version(data: Path, study: str) -> str | None:
    """Return the `overfitting_version` that a study's table was made from."""
    return _version(data, _overfitting_path(data, study))


def _version(data: Path, path: Path) -> str | None:
    """Return the version of a table; None where it is missing or damaged."""
    try:
        return read_footer(data, path, _VERSION)
    except DamagedFile:
        return None


def _write(table: pl.DataFrame, path: Path, version: str) -> pl.DataFrame:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, parquet_bytes(table, footer={_VERSION: version}))
    return table


def _budget_path(data: Path, study: str) -> Path:
    return data / "error_budget" / f"{study}.parquet"


def _overfitting_path(data: Path, study: str) -> Path:
    return data / "overfitting" / f"{study}.parquet"


def _path(data: Path, study: str) -> Path:
    return data / "statistics" / f"{study}.parquet"

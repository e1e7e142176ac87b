"""The columns of a result row, declared once: name, type and what each holds.

A row is the columns of `KEYS`, a column per parameter (source parameters as ``model.NAME``), the
columns of `OUTCOME`, and a column per metric. The frames that are written, the columns that
Dagster shows and the table in ``studies/README.md`` all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from engine.execution.metric_groups import all_metrics

__all__ = ["KEYS", "KEY_COLUMNS", "OUTCOME", "Column", "fixed_columns"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        As in Parquet and SQL.
    dtype : polars.DataType
        Type of its values.
    description : str
        What it holds, in half a sentence.
    """

    name: str
    dtype: pl.DataType
    description: str


#: Columns before the parameters.
KEYS = (
    Column("study", pl.String(), "name of the study"),
    Column("simulation", pl.Int64(), "its number; `mc replay STUDY NUMBER` runs it again"),
    Column("parameter_set", pl.Int32(), "number of the parameter set, whose values follow"),
    Column("world", pl.String(), "hash of what decides a path and what happens on it"),
    Column("set_id", pl.String(), "hash of the parameter set, the same in every study"),
    Column("seed", pl.UInt64(), "seed of the path: all parameter sets see the same paths"),
    Column("path", pl.Int32(), "number of the path within its seed"),
)

#: Columns between the parameters and the metrics.
OUTCOME = (
    Column("status", pl.String(), "`ok` or `failed`"),
    Column("error", pl.String(), "why it failed, else null"),
)

#: Names of the columns that are neither parameters nor metrics.
KEY_COLUMNS = tuple(column.name for column in (*KEYS, *OUTCOME))


def fixed_columns() -> tuple[Column, ...]:
    """Columns that rows have, in order: all but their parameters and metrics of their study's own.

    A study keeps the metrics that it records; they are null where they are undefined and where the
    simulation failed.
    """
    metrics = (Column(name, pl.Float64(), text) for name, text in all_metrics().items())
    return (*KEYS, *OUTCOME, *metrics)

"""Reading the outcomes of simulations: of parameter sets as they are stored, else row by row."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.results.outcomes import IDLE_NEEDS, Outcomes
from engine.results.rows import Rows
from engine.results.stored_columns import StoredColumns
from engine.statistics.layout import Layout

__all__ = ["held_at_once", "read_in_columns", "read_outcomes", "steps_of_sets"]

Floats = NDArray[np.float64]

# Numbers of simulations that are held at once; working on them takes three times their memory.
_MOST_NUMBERS: Final = 4_000_000

# Keys that are the same in all rows of a parameter set, beside its parameters.
_KEYS: Final = ("study", "world", "parameter_set", "set_id")


def steps_of_sets(rows: Rows, keys: list[str], columns: int) -> list[range | None]:
    """Cut parameter sets into steps whose simulations are held at once.

    Every set is estimated from its own simulations alone, so that steps change numbers by rounding
    at most, and memory does not grow with the number of sets.

    Parameters
    ----------
    rows : Rows
        Of one study.
    keys : list of str
        What is grouped by: only parameter sets are cut.
    columns : int
        How many are read.

    Returns
    -------
    list of range or None
        Numbers of parameter sets for `read_outcomes`; None for all of them at once.
    """
    summary = rows.summary
    sets = summary.parameter_sets
    most = held_at_once(columns)
    if "parameter_set" not in keys or summary.simulations <= most or sets < 2:
        return [None]
    size = max(1, most * sets // summary.simulations)
    return [range(first, min(first + size, sets)) for first in range(0, sets, size)]


def held_at_once(columns: int) -> int:
    """Return of how many simulations so many columns are held at once."""
    # Beside the columns: unit, number of the simulation, and what says whether it is idle.
    return _MOST_NUMBERS // (columns + 4)


def read_in_columns(rows: Rows, keys: list[str], columns: list[str]) -> bool:
    """Tell whether outcomes of parameter sets are taken as they are stored, not row by row."""
    if rows.stored is None or "parameter_set" not in keys:
        return False
    return rows.stored.holds(columns) and {*keys} <= {*_KEYS, *rows.parameters}


def read_outcomes(
    rows: Rows,
    keys: list[str],
    columns: list[str],
    unit: pl.Expr | int | None = None,
    sets: range | None = None,
    paths: range | None = None,
) -> Outcomes | None:
    """Read the successful simulations of every combination of `keys`; None if there are none.

    Groups of parameter sets come by number, others as they first appear. Sums depend on their
    order: rows come by number of the simulation, however the parts were cut.

    Parameters
    ----------
    rows : Rows
        Of one study.
    keys : list of str
        Columns to group by.
    columns : list of str
        Metrics to read. What says whether a path is idle (`IDLE_NEEDS`) is read beside them where
        the rows have it.
    unit : polars.Expr or int, optional
        A number per independent unit, or how many paths in a row make one; by default as many as
        depend on each other in the study.
    sets : range, optional
        Only these parameter sets, by number (`steps_of_sets`).
    paths : range, optional
        Only these paths, counted over all seeds; where `read_in_columns`.
    """
    if not isinstance(unit, pl.Expr) and read_in_columns(rows, keys, columns):
        stored = rows.stored
        assert stored is not None
        beside = [name for name in IDLE_NEEDS if stored.holds([name])]
        wanted = sorted({*columns, *beside})
        return _stored(rows, stored, keys, wanted, unit or rows.paths_per_unit, sets, paths)
    assert paths is None
    if not isinstance(unit, pl.Expr):
        unit = rows.unit(unit)
    unit = unit.alias("_unit")
    rows = rows.with_recorded(columns)
    columns = sorted({*columns} | ({*IDLE_NEEDS} & {*rows.columns}))
    # Renamed, since a key may be a metric as well.
    values = [pl.col(name).cast(pl.Float64).fill_null(np.nan).alias(f"_{name}") for name in columns]
    kept = rows.lazy.filter(pl.col("status") == "ok")
    if sets is not None:
        kept = kept.filter(pl.col("parameter_set").is_between(sets.start, sets.stop - 1))
    if "parameter_set" in keys:
        whole = _whole_grid(rows, kept, keys, columns, [unit, *values], sets)
        if whole is not None:
            return whole
    frame = kept.select(*dict.fromkeys([*keys, "simulation"]), unit, *values).collect(
        engine="auto" if sets is None else "streaming"
    )
    frame = frame.sort("simulation")
    if frame.is_empty():
        return None
    # One column is enough to tell parameter sets apart.
    by = ["parameter_set"] if "parameter_set" in keys else keys
    groups = frame.select(keys).unique(subset=by, keep="first", maintain_order=True)
    if by != keys:
        groups = groups.sort("parameter_set")
    numbered = groups.select(by).with_row_index("_group")
    frame = frame.join(numbered, on=by, how="left", nulls_equal=True, maintain_order="left")
    frame = frame.sort("_group", maintain_order=True)
    layout = Layout.of(frame["_group"].to_numpy(), frame["_unit"].to_numpy())
    found = {name: layout.arrange(frame[f"_{name}"].to_numpy()) for name in columns}
    return _outcomes(rows, groups, found, layout)


def _stored(
    rows: Rows,
    stored: StoredColumns,
    keys: list[str],
    columns: list[str],
    paths_per_unit: int,
    some: range | None,
    paths: range | None,
) -> Outcomes | None:
    """Take the columns of parameter sets as they are stored, without looking for their rows."""
    every = range(rows.summary.parameter_sets)
    found = stored.read(columns, every if some is None else some, paths)
    if not len(found.rows):
        return None
    groups = stored.keys(keys)
    there = np.isin(groups["parameter_set"].to_numpy(), found.sets)
    if not there.all():
        groups = groups[np.flatnonzero(there)]
    numbered = np.repeat(np.arange(len(found.sets)), found.rows)
    layout = Layout.of(numbered, found.paths // paths_per_unit)
    return _outcomes(rows, groups[keys], found.columns, layout)


def _whole_grid(
    rows: Rows,
    kept: pl.LazyFrame,
    keys: list[str],
    columns: list[str],
    values: list[pl.Expr],
    some: range | None,
) -> Outcomes | None:
    """Put the rows of every set on every path where they belong, without sorting a million rows.

    None where simulations are missing or failed, so that places are not known beforehand.
    """
    every = rows.summary.parameter_sets
    own = range(every) if some is None else some
    frame = kept.select("parameter_set", "simulation", *values).collect(
        engine="auto" if some is None else "streaming"
    )
    path = frame["simulation"].to_numpy() // every
    paths = int(path.max(initial=-1)) + 1
    if not paths or len(frame) != len(own) * paths:
        return None
    place = (frame["parameter_set"].to_numpy().astype(np.int64) - own.start) * paths + path

    def placed(column: pl.Series) -> NDArray[Any]:
        values = column.to_numpy()
        found = np.empty_like(values)
        found[place] = values
        return found

    first = kept.filter(pl.col("simulation") < every).select(keys)
    groups = first.collect(engine="auto" if some is None else "streaming")
    groups = groups.sort("parameter_set").select(keys)
    layout = Layout.of(np.repeat(np.arange(len(own)), paths), placed(frame["_unit"]))
    # Units need not come in the order of the paths. What is placed is let go.
    found = {name: layout.arrange(placed(frame.drop_in_place(f"_{name}"))) for name in columns}
    return _outcomes(rows, groups, found, layout)


def _outcomes(
    rows: Rows, groups: pl.DataFrame, columns: dict[str, Floats], layout: Layout
) -> Outcomes:
    summary = rows.summary
    return Outcomes(
        groups,
        columns,
        # The rows are sorted now.
        Layout(layout.keys, layout.units, layout.rows, layout.cells, None, layout.cell_rows),
        summary.returns,
        summary.steps / summary.bars_per_year,
    )

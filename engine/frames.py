"""Frames that a user gives: plain arrays of their columns, and whether these were known in time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.local_time import latest_closes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_known", "instants_in", "numbers_in", "polars_frame"]


def polars_frame(frame: Any) -> pl.DataFrame:
    """Return a frame of Polars or pandas as one of Polars.

    An index of instants, or one with a name, becomes a column; without a name, ``timestamp``.

    Raises
    ------
    Refusal
        If it is neither.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    if type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "reset_index"):
        index = frame.index
        if index.name is not None or index.dtype.kind == "M":
            frame = frame.rename_axis(index.name or "timestamp").reset_index()
        made: pl.DataFrame = pl.from_pandas(frame)
        return made
    raise Refusal("frame", f"a {type(frame).__name__}", "a DataFrame of Polars or pandas")


def instants_in(frame: pl.DataFrame, name: str, field: str) -> NDArray[np.int64]:
    """Return a column of dates or instants as microseconds since 1970-01-01 UTC.

    Raises
    ------
    Refusal
        If it holds something else, or nothing in a row.
    """
    import polars as pl

    column = frame[name]
    if not (column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime)):
        raise Refusal(field, f"values of type {column.dtype}", "dates or instants")
    if column.has_nulls():
        raise Refusal(field, "no instant in a row", "one in every row")
    return column.dt.epoch("us").to_numpy().astype(np.int64)


def numbers_in(frame: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, null as NaN.

    Raises
    ------
    Refusal
        If it holds something else.
    """
    import polars as pl

    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise Refusal(f"columns.{name}", f"values of type {column.dtype}", "numbers")
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def check_known(
    symbol: str,
    frame: pl.DataFrame,
    known_at: str,
    timestamps: NDArray[np.int64],
    calendar: BarCalendar,
) -> None:
    """Check that no value of a bar became known after its close.

    Parameters
    ----------
    symbol : str
        Of the bars, for the error.
    frame : polars.DataFrame
        A row per bar: the column `known_at` of instants, and columns of values. Where there is no
        value, there need be no instant.
    known_at : str
        Name of that column.
    timestamps : ndarray of int64, shape (bars,)
        Opening instants of the bars, microseconds since 1970-01-01 UTC.
    calendar : BarCalendar
        Exchange and timeframe, which say when a bar has closed.

    Raises
    ------
    Refusal
        If one did: names the first.
    """
    names = [name for name in frame.columns if name != known_at]
    there = np.zeros(len(frame), dtype=bool)
    for name in names:
        there |= ~np.isnan(numbers_in(frame, name))
    rows = np.flatnonzero(there)
    known = instants_in(frame[rows.tolist()], known_at, f"{symbol} {known_at}")
    late = known > latest_closes(timestamps[rows], calendar)
    if late.any():
        first = int(late.argmax())
        row = int(rows[first])
        known_text, bar_text = _instant(int(known[first])), _instant(int(timestamps[row]))
        raise Refusal(
            f"{symbol} {known_at}",
            f"{known_text} for the bar of {bar_text} ({int(late.sum()):,} such bars), whose close "
            "was before",
            "values that were known at the close of their bar",
            hint="`bars.with_columns(..., known_at=...)`, or a column `timestamp` in a file, gives "
            "each bar the last value that was known",
        )


def _instant(microseconds: int) -> str:
    moment = datetime.fromtimestamp(microseconds / 1e6, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

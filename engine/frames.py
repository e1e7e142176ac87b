"""Frames that a user gives: plain arrays of their columns, and whether these were known in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.local_time import latest_closes

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "as_instants",
    "as_numbers",
    "canonical_frame",
    "check_known",
    "instants_in",
    "is_frame",
    "numbers_in",
    "polars_frame",
]


def is_frame(given: object) -> bool:
    """Return whether something is a table of Polars, pandas, Arrow or what speaks to Arrow."""
    frames = ("DataFrame", "LazyFrame", "Table", "RecordBatch")
    return hasattr(given, "__arrow_c_stream__") or (
        _library(given) in ("pandas", "polars", "pyarrow") and type(given).__name__ in frames
    )


def polars_frame(frame: Any) -> pl.DataFrame:
    """Return a table as a frame of Polars.

    Of pandas the index becomes a column, unless it merely counts: by its name, else ``timestamp``;
    a Series is a column of closes. Columns in two levels, as yfinance names them, become
    ``Field|SYMBOL``.

    Raises
    ------
    Refusal
        If it is no table.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    if not is_frame(frame):
        raise Refusal(
            "frame",
            f"a {type(frame).__name__}",
            "a DataFrame of pandas or Polars, or an Arrow table",
        )
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if _library(frame) == "pandas" and type(frame).__name__ == "Series":
        frame = frame.to_frame("close")
    try:
        made: object = (
            pl.from_pandas(_flat(frame)) if _library(frame) == "pandas" else pl.from_arrow(frame)
        )
    except (ValueError, TypeError, NotImplementedError, pl.exceptions.PolarsError) as error:
        # Of a type that Arrow does not know, or with two columns of one name.
        told = str(error).partition("\n")[0]
        allowed = "columns of numbers, text and instants, each name once"
        raise Refusal("frame", told, allowed) from None
    if isinstance(made, pl.Series) and made.dtype == pl.Struct:
        return made.struct.unnest()
    if not isinstance(made, pl.DataFrame):
        raise Refusal("frame", f"one column of {type(frame).__name__}", "a table of several")
    return made


def canonical_frame(
    frame: pl.DataFrame,
    symbol: str | None,
    calendar: BarCalendar | None,
    layout: Mapping[str, Any],
    own: Sequence[str],
) -> tuple[pl.DataFrame, str | None, BarCalendar]:
    """Return a table in the canonical columns of bars, guessing which of its columns is which.

    A table that has them already, with dates or instants, is taken as it is: ``timestamp`` is the
    instant at which a bar opens, UTC where it has no zone.

    Parameters
    ----------
    frame : polars.DataFrame
        A row per bar.
    symbol : str, optional
        Whose rows or columns are meant.
    calendar : BarCalendar, optional
        Exchange and timeframe; by default New York's, and the most frequent distance of two rows.
    layout : mapping
        What is not to be guessed: keys of `engine.tables.raw_table.Layout`.
    own : sequence of str
        Further columns to keep.

    Returns
    -------
    frame : polars.DataFrame
        ``timestamp open high low close volume`` and `own`; ``symbol`` where it had one.
    symbol : str or None
        The one that was named or found.
    calendar : BarCalendar
    """
    from engine.tables.bar_rows import bar_rows, guess_timeframe, symbols_in

    absent = [name for name in own if name not in frame.columns]
    if absent:
        raise Refusal("columns", f"no {', '.join(absent)}", ", ".join(frame.columns))
    if not layout and _is_canonical(frame):
        if calendar is None:
            stamps = instants_in(frame, "timestamp", "columns.timestamp")
            calendar = BarCalendar(timeframe=guess_timeframe(stamps))
        return frame, symbol, calendar
    if symbol is None:
        names = symbols_in(frame, layout)
        if len(names) > 1:
            raise Refusal("symbol", f"{', '.join(names[:5])} in the frame", "exactly one")
        symbol = names[0] if names else None
    exchange = calendar.exchange if calendar else BarCalendar().exchange
    made, timeframe = bar_rows(
        frame, symbol or "", calendar.timeframe if calendar else None, exchange, layout, tuple(own)
    )
    return made, symbol, calendar or BarCalendar(exchange, timeframe)


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
        raise Refusal(field, "a row has no instant", hint="fill it in, or leave that row out")
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


def as_numbers(symbol: str, name: str, values: Any) -> NDArray[np.float64]:
    """Return the values of a column that is given beside bars.

    Raises
    ------
    Refusal
        If they are no numbers.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"{symbol} {name}", f"values that are no numbers ({error})", "numbers"
        ) from None


def as_instants(given: Any) -> NDArray[np.int64]:
    """Return instants as microseconds since 1970-01-01 UTC, whatever their unit.

    Raises
    ------
    Refusal
        If they are neither whole numbers nor stamps.
    """
    if hasattr(given, "tz_convert") and getattr(given, "tz", None) is not None:
        given = given.tz_convert(None)
    stamps = np.asarray(given)
    if stamps.dtype.kind == "M":
        return stamps.astype("datetime64[us]").astype(np.int64)
    if stamps.size and stamps.dtype.kind not in "iu":
        raise Refusal("known_at", f"values of type {stamps.dtype}", "microseconds or datetime64")
    return stamps.astype(np.int64)


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


def _library(given: object) -> str:
    return type(given).__module__.partition(".")[0]


def _flat(frame: Any) -> Any:
    """Return a frame of pandas whose columns have names of text, the index among them."""
    if frame.columns.nlevels == 2:
        fields = next((n for n in (0, 1) if "close" in _lower(frame, n)), 0)
        names = [f"{pair[fields]}|{pair[1 - fields]}" for pair in frame.columns]
        frame = frame.set_axis(names, axis="columns")
    frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
    index = frame.index
    if type(index).__name__ == "PeriodIndex":
        frame = frame.set_axis(index.to_timestamp(), axis="index")
    if index.nlevels > 1:
        return frame.reset_index()
    if index.name is None and type(index).__name__ == "RangeIndex":
        return frame
    return frame.rename_axis(index.name or "timestamp").reset_index()


def _lower(frame: Any, level: int) -> set[str]:
    return {str(name).lower() for name in frame.columns.get_level_values(level)}


def _is_canonical(frame: pl.DataFrame) -> bool:
    """Return whether a table has the canonical columns, with stamps that need no reading."""
    import polars as pl

    wanted = ("timestamp", "open", "high", "low", "close", "volume")
    if any(name not in frame.columns for name in wanted):
        return False
    stamps = frame["timestamp"].dtype
    dated = stamps == pl.Date or isinstance(stamps, pl.Datetime)
    return dated and all(frame[name].dtype.is_numeric() for name in wanted[1:])


def _instant(microseconds: int) -> str:
    moment = datetime.fromtimestamp(microseconds / 1e6, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

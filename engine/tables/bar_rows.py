"""Bars of a table that a user gives: every row is one, or the first that is none is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal, shorten
from engine.tables.column_spellings import sole_owner
from engine.tables.columns import PRICES
from engine.tables.judging import judge_rows
from engine.tables.numbers import parse_numbers
from engine.tables.raw_table import Layout, RawTable
from engine.tables.rows import mapped_columns, read_rows, resolve_layout, stamp_cells
from engine.tables.sessions import sessions_of
from engine.tables.timestamps import detect_format, parse_stamps

__all__ = ["bar_rows", "guess_timeframe", "symbols_in", "told_layout"]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
# Days between bars of a week and of a month, with room for holidays.
_WEEK: Final = (5.0, 10.0)
_MONTH: Final = (25.0, 35.0)

# What is wrong with a row, by the reason of `judge_rows`; {} is the cell.
_WORDS: Final = {
    "bad_row": "more cells than columns",
    "bad_timestamp": "{}, which is no date or instant",
    "text_cell": "text where a number belongs",
    "missing_price": "a price that is missing",
    "non_finite": "a number that is not finite",
    "ohlc_order": "an open or close outside low and high",
    "negative_volume": "a volume below 0",
    "future": "{}, which is in the future",
    "repeated_timestamp": "{}, which stands in an earlier row, too",
}


def bar_rows(
    frame: pl.DataFrame,
    symbol: str,
    timeframe: str | None,
    exchange: str,
    layout: Mapping[str, Any],
    own: tuple[str, ...] = (),
) -> tuple[pl.DataFrame, str]:
    """Read a table as bars, guessing what `layout` leaves open as providers of files do.

    Parameters
    ----------
    frame : polars.DataFrame
        A row per bar, in any order.
    symbol : str
        Chooses the rows, or columns, of a table of several symbols.
    timeframe : str or None
        Length of a bar; by default the most frequent distance of two rows.
    exchange : str
        Its clock is that of stamps without a zone; its sessions say when a daily bar opens.
    layout : mapping
        What is not to be guessed: keys of `Layout`.
    own : tuple of str
        Further columns to keep.

    Returns
    -------
    bars : polars.DataFrame
        ``timestamp`` (Datetime, UTC), ``open high low close volume`` (Float64) and `own`, by time.
    timeframe : str

    Raises
    ------
    Refusal
        If a column of stamps or prices cannot be found, or a row that has a price is no bar.
    """
    told = told_layout(layout)
    raw = RawTable(symbol, timeframe or "1d", frame, "frame", layout=told)
    mapped = mapped_columns(raw)
    if timeframe is None:
        cells = stamp_cells(frame, mapped)
        stamps = parse_stamps(cells, detect_format(cells))["wall"].drop_nulls()
        timeframe = guess_timeframe(stamps.to_numpy())
        raw = RawTable(symbol, timeframe, frame, "frame", layout=told)
    sessions = sessions_of(exchange)
    raw = resolve_layout(raw, sessions)
    rows = judge_rows(read_rows(raw, sessions), datetime.now(UTC))
    # Notes above and below the table of an export are no rows of it, and days without any price
    # are days without a bar.
    priceless = pl.all_horizontal(pl.col(name).is_null() for name in PRICES)
    absent = (pl.col("reason") == "note") | ((pl.col("reason") == "missing_price") & priceless)
    bad = rows.filter(pl.col("reason").is_not_null() & ~absent)
    if not bad.is_empty():
        raise _refusal(raw, bad)
    bars = rows.select(
        timestamp=pl.col("instant").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        open="open",
        # Adjusted prices may exceed their high or low by rounding.
        high=pl.max_horizontal(PRICES),
        low=pl.min_horizontal(PRICES),
        close="close",
        volume="volume",
    )
    kept = [_own_column(raw, name) for name in own]
    bars = bars.with_columns(kept).filter(rows["reason"].is_null())
    return bars.sort("timestamp"), timeframe


def guess_timeframe(stamps: NDArray[np.int64]) -> str:
    """Return the timeframe whose bars lie as far apart as most rows do.

    Parameters
    ----------
    stamps : ndarray of int64, shape (rows,)
        In any order, microseconds.

    Examples
    --------
    >>> guess_timeframe(np.array([0, 300_000_000, 600_000_000]))
    '5m'
    >>> guess_timeframe(np.array([0, 86_400_000_000, 345_600_000_000]))
    '1d'
    """
    steps, counts = np.unique(np.diff(np.unique(stamps)), return_counts=True)
    if not steps.size:
        return "1d"
    step = int(steps[counts.argmax()])
    minutes = step // _MINUTE
    if step < _DAY and step % _MINUTE == 0 and minutes:
        return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
    days = step / _DAY
    if _WEEK[0] <= days <= _WEEK[1]:
        return "1w"
    return "1mo" if _MONTH[0] <= days <= _MONTH[1] else "1d"


def symbols_in(
    frame: pl.DataFrame, layout: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return the symbols that a table names, sorted; none where it names none.

    `layout` is as of `told_layout`.
    """
    names = [name for name in frame.columns if not name.startswith("_")]
    owners = {name.partition("|")[2] for name in names if "|" in name} - {""}
    if owners:
        return tuple(sorted(owners))
    raw = RawTable("", "1d", frame, "frame", layout=told_layout(layout))
    column = mapped_columns(raw).columns.get("symbol")
    if column is None:
        owner = sole_owner(names)
        return (owner,) if owner else ()
    found = frame[column].cast(pl.String).str.strip_chars().unique().drop_nulls().sort()
    return tuple(found.to_list())


def told_layout(layout: Mapping[str, Any]) -> Layout:
    """Return what a user says of a table's layout, checked.

    Raises
    ------
    Refusal
        If a key is unknown, or its value not allowed.
    """
    return Layout.of(layout, "layout")


def _own_column(raw: RawTable, name: str) -> pl.Series:
    column = raw.frame[name]
    if column.dtype != pl.String:
        return column  # numbers, or instants at which they became known
    values, is_text = parse_numbers(column, raw.layout.decimal or ".")
    if is_text.any():
        raise Refusal(f"columns.{name}", f"{column.filter(is_text)[0]!r}", "numbers")
    return values.alias(name)


def _refusal(raw: RawTable, bad: pl.DataFrame) -> Refusal:
    """Name the first row that is no bar, and how many like it there are."""
    first = bad.row(0, named=True)
    reason = first["reason"]
    cell: Any = stamp_cells(raw.frame, mapped_columns(raw))[first["row"]]
    alike = int((bad["reason"] == reason).sum())
    more = f" ({alike:,} such rows)" if alike > 1 else ""
    line = raw.frame["_line"][first["row"]] if "_line" in raw.frame.columns else None
    place = f"row {first['row']}" if line is None else f"line {line}"
    return Refusal(
        f"{raw.symbol or 'frame'} {place}",
        shorten(f"{_WORDS.get(reason, reason).format(repr(str(cell)))}{more}"),
        "a bar in every row",
        hint="mend these rows or leave them out",
    )

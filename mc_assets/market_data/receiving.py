"""Store what a provider sent, year by year, without bars that are not complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from engine.tables.rows import resolve_layout
from engine.tables.sessions import sessions_of
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.ends import bar_ends
from mc_assets.market_data.normalise import row_keys
from mc_assets.market_data.quality.year import expected_range
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.short_answers import AnswerCheck, refusal, refused_years
from mc_assets.providers import FetchError, RawTable

__all__ = ["Range", "Received", "Stored", "microseconds", "reached_in", "received", "store_years"]

_MINUTE: Final = 60_000_000
# Providers may send the bar of the coming session; it is not an error.
_AHEAD: Final = 2 * 24 * 60 * _MINUTE
_NEVER: Final = 2**62
Range = tuple[datetime, datetime]


class Received(NamedTuple):
    """A fetched table with the keys and instants of its rows.

    Parameters
    ----------
    table : RawTable
        Layout settled, under the project's own name of the symbol.
    keys, opens : polars.Series
        As of `row_keys`.
    future : polars.Series of Boolean
        Rows that cannot be there yet.
    complete : bool
        The table is the whole truth of its range: a file.
    """

    table: RawTable
    keys: pl.Series
    opens: pl.Series
    future: pl.Series
    complete: bool


def received(
    series: SeriesConfig, table: RawTable, moment: datetime, *, complete: bool
) -> Received:
    """Determine keys and instants of the rows of a fetched table.

    Bars of network providers that are not complete yet are dropped; the next run fetches them.
    """
    sessions = sessions_of(series.exchange)
    if not table.frame.is_empty():
        table = resolve_layout(table, sessions)
    table = replace(table, symbol=series.symbol)
    keys, opens = row_keys(table, sessions)
    present = microseconds(moment)
    future = opens > present + (0 if complete else _AHEAD)
    if not complete:
        ended = (bar_ends(opens, series.timeframe, sessions) <= present) | future
        table = replace(table, frame=table.frame.filter(ended))
        keys, opens, future = keys.filter(ended), opens.filter(ended), future.filter(ended)
    return Received(table, keys, opens, future, complete)


def reached_in(rows: Received) -> int | None:
    """Open instant of the last row, up to which an interrupted fetch is complete.

    None if it is unknown: no rows, unsorted rows, or timestamps in the future.
    """
    if rows.opens.len() == rows.opens.null_count() or rows.future.any():
        return None
    return int(rows.opens[-1]) if rows.opens.is_sorted() else None


@dataclass(frozen=True)
class Stored:
    """Outcome of storing one answer.

    Parameters
    ----------
    stored_years : list of RawResult
        Years that were stored completely.
    refused : dict
        Year to the error if the answer would withdraw too many stored bars.
    """

    stored_years: list[RawResult] = field(default_factory=list)
    refused: dict[int, FetchError] = field(default_factory=dict)


def store_years(
    series: SeriesConfig,
    rows: Received,
    span: Range,
    years: list[int],
    root: Path,
    moment: datetime,
    reached: int | None,
    *,
    accept_withdrawn: bool = False,
) -> Stored:
    """Store a fetched range year by year.

    A row with an unreadable timestamp is stored with the row before it, and a row from the
    future with the last year, so that both reach a quarantine.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    rows : Received
        The fetched rows.
    span : tuple of datetime
        Range that was asked for, UTC, half open.
    years : list of int
        Years that the range touches, in order.
    root : Path
        The data root.
    moment : datetime
        Present time.
    reached : int or None
        Instant up to which the rows are complete, microseconds, if the fetch was interrupted.
    accept_withdrawn : bool
        Withdraw all stored bars that are missing in the answer.
    """
    store = RawStore(root)
    slices = list(_slices(span, years, reached))
    refused = []
    if not accept_withdrawn:
        check = AnswerCheck(series, rows.table, store, moment)
        held = set(store.years(series.symbol, series.timeframe))
        found = [
            check.withdrawal(part.year, (part.first, part.came))
            for part in slices
            if part.year in held
            and not store.holds(part.year, *_rows_of(series, rows, part, moment))
        ]
        refused = refused_years(series, found, moment)
    kept = {item.year for item in refused}
    left_out = _left_out(series, rows, moment)
    stored_years = []
    for part in slices:
        if part.year in kept:
            continue
        table, keys = _rows_of(series, rows, part, moment)
        # A file is complete, so rows from the future that it no longer holds are withdrawn too.
        asked = (part.first, _NEVER if rows.complete else part.came)
        stored = store.append(
            table,
            part.year,
            keys,
            asked,
            complete=rows.complete or accept_withdrawn,
            reached=None if part.whole else reached,
            left_out=left_out.get(part.year, 0),
        )
        if part.whole:
            stored_years.append(stored)
    failed = dict.fromkeys(sorted(kept), refusal(series, refused)) if kept else {}
    return Stored(stored_years, failed)


class _Slice(NamedTuple):
    """One year of a range in microseconds, half open; `came` is the end of the data received."""

    year: int
    first: int
    last: int
    came: int

    @property
    def whole(self) -> bool:
        return self.came == self.last


def _slices(span: Range, years: list[int], reached: int | None) -> Iterator[_Slice]:
    """Split a range into years, up to the one in which an interrupted fetch ended."""
    start, end = (microseconds(at) for at in span)
    for year in years:
        first = max(start, microseconds(datetime(year, 1, 1, tzinfo=UTC)))
        last = min(end, microseconds(datetime(year + 1, 1, 1, tzinfo=UTC)))
        came = last if reached is None else min(last, reached + 1)
        if came <= first:
            return
        yield _Slice(year, first, last, came)


def _rows_of(
    series: SeriesConfig, rows: Received, part: _Slice, moment: datetime
) -> tuple[RawTable, pl.Series]:
    """Rows that belong to one year, and their keys."""
    inside = (rows.opens >= part.first) & (rows.opens < part.last)
    if part.year == min(series.end or moment.date(), moment.date()).year:
        inside |= rows.future
    inside = inside.fill_null(value=False)
    table = replace(rows.table, frame=rows.table.frame.filter(inside))
    return table, rows.keys.filter(inside)


def _left_out(series: SeriesConfig, rows: Received, moment: datetime) -> dict[int, int]:
    """Count rows of a file before the series' start and after its end, by the nearest year.

    Rows that a network provider sends beyond the requested range are not counted.
    """
    if not rows.complete:
        return {}
    start, _ = expected_range(series, series.start.year, moment)
    counts = Counter({series.start.year: int((rows.opens < microseconds(start)).sum())})
    if series.end is not None:
        _, end = expected_range(series, series.end.year, moment)
        counts[series.end.year] += int(((rows.opens >= microseconds(end)) & ~rows.future).sum())
    return counts


def microseconds(moment: datetime) -> int:
    """Whole seconds of an instant, as microseconds since 1970-01-01 UTC."""
    return int(moment.timestamp()) * 1_000_000

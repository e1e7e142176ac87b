"""Keep what a provider sent: what is not over yet is left out, the rest cut into years."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from engine.calendar import TIMEFRAMES
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.normalise import resolve_layout, row_keys
from mc_assets.market_data.quality.year import expected_range
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.sessions import sessions_of
from mc_assets.providers import RawTable

__all__ = ["Range", "Received", "microseconds", "reached_in", "received", "store_years"]

_MINUTE: Final = 60_000_000
# A network's bar of the coming session is no mistake.
_AHEAD: Final = 2 * 24 * 60 * _MINUTE
_NEVER: Final = 2**62
Range = tuple[datetime, datetime]


class Received(NamedTuple):
    """A fetched table, and what its rows are about.

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
    """Say what the rows of a fetched table are about.

    A network's bar that has not ended is left for the next night.
    """
    sessions = sessions_of(series.exchange)
    if not table.frame.is_empty():
        table = resolve_layout(table, sessions)
    table = replace(table, symbol=series.symbol)
    keys, opens = row_keys(table, sessions)
    present = microseconds(moment)
    future = opens > present + (0 if complete else _AHEAD)
    if not complete:
        ended = (_bar_ends(opens, series) <= present) | future
        table = replace(table, frame=table.frame.filter(ended))
        keys, opens, future = keys.filter(ended), opens.filter(ended), future.filter(ended)
    return Received(table, keys, opens, future, complete)


def reached_in(rows: Received) -> int | None:
    """Open instant of the last row, up to which a fetch that broke off is whole.

    None where that cannot be told: no rows, rows out of order, or stamps from the future.
    """
    if rows.opens.len() == rows.opens.null_count() or rows.future.any():
        return None
    return int(rows.opens[-1]) if rows.opens.is_sorted() else None


def store_years(
    series: SeriesConfig,
    rows: Received,
    span: Range,
    years: list[int],
    root: Path,
    moment: datetime,
    reached: int | None,
) -> list[RawResult]:
    """Cut what was fetched to its range and keep it, year by year.

    A row whose stamp cannot be read stays with the row before it, so that it reaches the
    quarantine of that year, and so does one from the future with the last year.

    Returns
    -------
    list of RawResult
        The years that came to their end: all of them, unless the fetch broke off at `reached`.
    """
    table, keys, opens, future, complete = rows
    start, end = (microseconds(at) for at in span)
    store = RawStore(root)
    left_out = _left_out(series, rows, moment)
    results = []
    for year in years:
        first = max(start, microseconds(datetime(year, 1, 1, tzinfo=UTC)))
        last = min(end, microseconds(datetime(year + 1, 1, 1, tzinfo=UTC)))
        came = last if reached is None else min(last, reached + 1)
        if came <= first:
            break
        inside = (opens >= first) & (opens < last)
        if year == min(series.end or moment.date(), moment.date()).year:
            inside |= future
        inside = inside.fill_null(value=False)
        part = replace(table, frame=table.frame.filter(inside))
        cut = keys.filter(inside)
        # A file is read to its end: of what is later, a row from the future may be gone.
        asked = (first, _NEVER if complete else came)
        whole = came == last
        stored = store.append(
            part,
            year,
            cut,
            asked,
            complete=complete,
            reached=None if whole else reached,
            left_out=left_out.get(year, 0),
        )
        if whole:
            results.append(stored)
    return results


def _left_out(series: SeriesConfig, rows: Received, moment: datetime) -> dict[int, int]:
    """Count a file's rows before the series' start and after its end, with the year next to them.

    What a network sends around the range that it was asked for is nothing that a user gave.
    """
    if not rows.complete:
        return {}
    start, _ = expected_range(series, series.start.year, moment)
    counts = Counter({series.start.year: int((rows.opens < microseconds(start)).sum())})
    if series.end is not None:
        _, end = expected_range(series, series.end.year, moment)
        counts[series.end.year] += int(((rows.opens >= microseconds(end)) & ~rows.future).sum())
    return counts


def _bar_ends(opens: pl.Series, series: SeriesConfig) -> pl.Series:
    """Instants at which bars end, microseconds; of a day, its session's close."""
    minutes = TIMEFRAMES[series.timeframe]
    if minutes is not None:
        return opens + int(minutes * _MINUTE)
    sessions = sessions_of(series.exchange)
    values = opens.fill_null(0).to_numpy()
    place = np.maximum(np.searchsorted(sessions.opens, values, side="right") - 1, 0)
    length = 7 * 24 * 60 * _MINUTE if series.timeframe == "1w" else 0
    closes = np.maximum(sessions.closes[place], values)
    return pl.Series(values + length if length else closes)


def microseconds(moment: datetime) -> int:
    """Whole seconds of an instant, as microseconds since 1970-01-01 UTC."""
    return int(moment.timestamp()) * 1_000_000

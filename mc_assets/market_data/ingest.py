"""The steps an asset takes: fetch a series' year, normalise it, store it, say what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.canonical import BARS_SCHEMA, QUARANTINE_SCHEMA
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.normalise import normalise, resolve_layout, row_keys
from mc_assets.market_data.quality.findings import QualityFinding, quality_rows
from mc_assets.market_data.quality.year import check_bars, expected_range
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.revisions import live_rows, revisions
from mc_assets.market_data.sessions import sessions_of
from mc_assets.providers import FetchError, MarketDataError, RawTable, make_provider

__all__ = [
    "NormalisedResult",
    "ingest_raw",
    "normalise_year",
    "series_years",
]

_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class NormalisedResult:
    """What normalising one series' year left behind.

    Parameters
    ----------
    symbol, timeframe : str
        The series.
    year : int
        The year.
    rows : int
        Canonical bars stored.
    quarantined : int
        Rows that could not be bars.
    first, last : str or None
        Open instants of the first and last bar, ISO 8601.
    data_hash : str
        `bars_hash` of the year.
    path : str
        The Parquet file.
    changed : bool
        Whether any file changed.
    checks : list of QualityFinding
        One per check, passed or not.
    """

    symbol: str
    timeframe: str
    year: int
    rows: int
    quarantined: int
    first: str | None
    last: str | None
    data_hash: str
    path: str
    changed: bool
    checks: list[QualityFinding]

    @property
    def errors(self) -> list[QualityFinding]:
        """Findings that must stop what is computed from these bars."""
        return [item for item in self.checks if item.severity == "error" and item.count]


def series_years(config: MarketDataConfig, key: str, now: datetime | None = None) -> list[int]:
    """Years that a series covers: from its start to its end, or to this year."""
    series = config[key]
    last = series.end.year if series.end is not None else (now or datetime.now(UTC)).year
    return list(range(series.start.year, last + 1))


def ingest_raw(
    config: MarketDataConfig, key: str, year: int, root: Path, now: datetime | None = None
) -> RawResult:
    """Fetch one year of one series and keep what the provider sent.

    Parameters
    ----------
    config : MarketDataConfig
        The series file.
    key : str
        ``SYMBOL@TIMEFRAME``.
    year : int
        The year, UTC.
    root : Path
        The data root.
    now : datetime, optional
        Nothing later is asked for.

    Raises
    ------
    FetchError
        If the provider could not deliver; what is stored stays.
    MarketDataError
        If the table's columns cannot be understood.
    """
    series = config[key]
    start, end = expected_range(series, year, now or datetime.now(UTC))
    provider = make_provider(series.provider, series.options, config.folder, where=key)
    fetched = provider.fetch(
        [series.symbol], series.timeframe, start, end, adjustment=series.adjustment
    )
    if series.symbol in fetched.failures:
        raise fetched.failures[series.symbol]
    if series.symbol not in fetched.tables:
        raise FetchError(f"{series.provider} {key}: found no answer, allowed a table")
    complete = not provider.capabilities.network
    table = fetched.tables[series.symbol]
    stored = store_raw(series, table, start, end, root, complete=complete)
    for result in stored:
        if result.year == year:
            return result
    raise FetchError(f"{series.provider} {key} {year}: found no range, allowed a year with days")


def store_raw(
    series: SeriesConfig,
    table: RawTable,
    start: datetime,
    end: datetime,
    root: Path,
    *,
    complete: bool,
) -> list[RawResult]:
    """Cut a fetched table to a range and keep it, year by year.

    A row whose stamp cannot be read stays with the row before it, so that it reaches the
    quarantine of that year.

    Parameters
    ----------
    series : SeriesConfig
        The series the table belongs to.
    table : RawTable
        What the provider sent.
    start, end : datetime
        Range that was asked for, UTC, half open.
    root : Path
        The data root.
    complete : bool
        See `RawStore.append`.
    """
    covered = (_microseconds(start), _microseconds(end))
    store = RawStore(root)
    years = range(start.year, datetime.fromtimestamp(covered[1] / 1e6 - 1, UTC).year + 1)
    if not table.frame.is_empty():
        table = resolve_layout(table, sessions_of(series.exchange))
    keys, days = row_keys(table, sessions_of(series.exchange))
    results = []
    for year in years:
        first = max(covered[0], _microseconds(datetime(year, 1, 1, tzinfo=UTC)))
        last = min(covered[1], _microseconds(datetime(year + 1, 1, 1, tzinfo=UTC)))
        inside = ((days >= first) & (days < last)).fill_null(value=False)
        part = replace(table, frame=table.frame.filter(inside))
        results.append(
            store.append(part, year, keys.filter(inside), (first, last), complete=complete)
        )
    return results


def normalise_year(
    config: MarketDataConfig, key: str, year: int, root: Path, now: datetime | None = None
) -> NormalisedResult:
    """Make canonical bars of a series' year from its raw copy, check and store them.

    Parameters
    ----------
    config : MarketDataConfig
        The series file.
    key : str
        ``SYMBOL@TIMEFRAME``.
    year : int
        The year.
    root : Path
        The data root.
    now : datetime, optional
        A bar that opens later is from the future; no bar is missing after it.

    Returns
    -------
    NormalisedResult
        Rows, quarantine and findings. Nothing is raised for bad rows: they are in the
        quarantine, and the finding says how severe that is.

    Raises
    ------
    MarketDataError
        If the year has no raw copy.
    """
    series = config[key]
    moment = now or datetime.now(UTC)
    tables = RawStore(root).read(series.symbol, series.timeframe, year)
    if not tables:
        raise MarketDataError(f"raw_bars: found nothing of {key} in {year}, allowed a fetched year")
    pieces = [
        normalise(
            live_rows(table),
            exchange=series.exchange,
            repair=series.repair,
            quality=series.quality,
            now=moment,
        )
        for table in tables
        if not table.frame.is_empty()
    ]
    bars = pl.concat([pl.DataFrame(schema=dict(BARS_SCHEMA)), *(piece.bars for piece in pieces)])
    bars = bars.sort("timestamp")
    quarantine = pl.concat(
        [pl.DataFrame(schema=dict(QUARANTINE_SCHEMA)), *(piece.quarantine for piece in pieces)]
    )
    start, end = expected_range(series, year, moment)
    history = revisions(tables, bars, sessions_of(series.exchange))
    checks = check_bars(bars, quarantine, series, start=start, end=end, history=history)
    store = BarStore(root)
    changed = store.write(
        series.symbol,
        series.timeframe,
        year,
        bars=bars,
        quarantine=quarantine,
        quality=quality_rows(checks, series.symbol, series.timeframe, year),
    )
    manifest = store.year_manifest(series.symbol, series.timeframe, year)
    return NormalisedResult(
        series.symbol,
        series.timeframe,
        year,
        bars.height,
        quarantine.height,
        manifest["first"],
        manifest["last"],
        manifest["hash"],
        str(store.path(series.symbol, series.timeframe, year)),
        changed,
        checks,
    )


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000

"""From a stored raw year to stored bars: normalise, check, write, say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine.files import DamagedFile
from engine.tables.rows import read_rows
from engine.tables.sessions import sessions_of
from mc_assets.market_data.adjustments import adjust, read_factors, with_ends
from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.canonical import BARS_SCHEMA, QUARANTINE_SCHEMA
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.normalise import normalise
from mc_assets.market_data.quality.agreement import DISAGREEMENT, compare_bars
from mc_assets.market_data.quality.findings import QualityFinding, quality_rows
from mc_assets.market_data.quality.year import check_bars, expected_range
from mc_assets.market_data.raw_store import RawStore
from mc_assets.market_data.repair import repairs
from mc_assets.market_data.revisions import live_rows, revisions
from mc_assets.market_data.short_answers import check_table
from mc_assets.providers import MarketDataError
from mc_assets.providers.paths import filled_path

__all__ = ["NormalisedResult", "compare_year", "normalise_year"]


@dataclass(frozen=True)
class NormalisedResult:
    """Outcome of normalising one year of a series.

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


def normalise_year(
    config: MarketDataConfig,
    key: str,
    year: int,
    root: Path,
    now: datetime | None = None,
    *,
    accept_withdrawn: bool = False,
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
    accept_withdrawn : bool
        Replace the stored factor table by one that lacks many of its rows.

    Returns
    -------
    NormalisedResult
        Rows, quarantine and findings. Nothing is raised for bad rows: they are in the
        quarantine, and the finding says how severe that is.

    Raises
    ------
    MarketDataError
        If the year has no raw copy, or its factor table cannot be read or lacks too many of the
        stored rows; what is stored stays.
    DamagedFile
        If the raw copy is not what was written.
    """
    series = config[key]
    moment = now or datetime.now(UTC)
    raw_store = RawStore(root)
    stored = raw_store.read(series.symbol, series.timeframe, year)
    if not stored:
        raise MarketDataError("raw_bars", f"nothing of {key} in {year}", "a fetched year")
    tables = [table for table in stored if not table.frame.is_empty()]
    pieces = [
        normalise(
            live_rows(table),
            exchange=series.exchange,
            repair=series.repair,
            quality=series.quality,
            now=moment,
            columns=series.columns,
        )
        for table in tables
    ]
    empty = pl.DataFrame(schema={**BARS_SCHEMA, **dict.fromkeys(series.columns, pl.Float64)})
    bars = pl.concat([empty, *(piece.bars for piece in pieces)])
    if len(pieces) > 1:
        bars = bars.sort("timestamp")
    quarantine = pl.concat(
        [pl.DataFrame(schema=dict(QUARANTINE_SCHEMA)), *(piece.quarantine for piece in pieces)]
    )
    start, end = expected_range(series, year, moment)
    sessions = sessions_of(series.exchange)
    history = revisions(tables, bars, sessions)
    if series.repair:
        mended = [repairs(read_rows(live_rows(table), sessions)) for table in tables]
        history = pl.concat([history, *mended])
    store = BarStore(root)
    adjusted = None
    if series.factors is not None:
        path = filled_path(series.factors, config.folder, field="factors", symbol=series.symbol)
        factors = read_factors(path)
        known = _whole(lambda: store.factors(series.symbol, series.timeframe))
        if known is not None and not accept_withdrawn:
            check_table(series, "factors", known, factors, ["date"])
        ends = with_ends(factors, series.exchange)
        store.write_factors(series.symbol, series.timeframe, ends)
        adjusted = adjust(bars, factors, adjustment="split", exchange=series.exchange)
    checks = check_bars(
        bars, quarantine, series, start=start, end=end, history=history, adjusted=adjusted
    )
    checks.append(_disagreement(config, series, bars, year, store))
    changed = store.write(
        series.symbol,
        series.timeframe,
        year,
        bars=bars,
        quarantine=quarantine,
        quality=quality_rows(checks, series.symbol, series.timeframe, year),
        reached=raw_store.reached(series.symbol, series.timeframe, year),
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


def compare_year(
    config: MarketDataConfig, key: str, year: int, root: Path
) -> QualityFinding | None:
    """Compare a stored year with its comparison series again, after that series changed.

    Parameters
    ----------
    config, key, year, root
        As in `normalise_year`.

    Returns
    -------
    QualityFinding or None
        ``provider_disagreement``, now also in the quality table; None where the year is not
        stored yet: it is compared when it is normalised.

    Raises
    ------
    DamagedFile
        If the stored year is not what was written.
    """
    series, store = config[key], BarStore(root)
    if year not in store.years(series.symbol, series.timeframe):
        return None
    bars = store.read_year(series.symbol, series.timeframe, year)
    found = _disagreement(config, series, bars, year, store)
    store.replace_quality(
        series.symbol,
        series.timeframe,
        year,
        DISAGREEMENT,
        quality_rows([found], series.symbol, series.timeframe, year),
    )
    return found


def _disagreement(
    config: MarketDataConfig, series: SeriesConfig, bars: pl.DataFrame, year: int, store: BarStore
) -> QualityFinding:
    """Compare with the same year of the other series, if that is stored."""
    other = bars.clear()
    name = series.compared_key
    if name is not None:
        compared = config[name]
        if year in store.years(compared.symbol, compared.timeframe):
            # A damaged year is compared when it is made again.
            stored = _whole(lambda: store.read_year(compared.symbol, compared.timeframe, year))
            other = bars.clear() if stored is None else stored
    return compare_bars(bars, other, series.quality, name or "")


def _whole(read: Callable[[], pl.DataFrame | None]) -> pl.DataFrame | None:
    """Read a table that is replaced or compared again anyway: None where it is damaged."""
    try:
        return read()
    except DamagedFile:
        return None

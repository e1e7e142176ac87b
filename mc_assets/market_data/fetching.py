"""Fetch what is missing or may have changed, and keep what the provider sent."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.calendar import TIMEFRAMES
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.normalise import resolve_layout, row_keys
from mc_assets.market_data.quality.year import expected_range
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.sessions import sessions_of
from mc_assets.providers import FetchError, MarketDataError, Provider, RawTable, make_provider

__all__ = ["Ingested", "due_years", "ingest_many", "ingest_raw", "series_years"]

_MINUTE: Final = 60_000_000
# A network's bar of the coming session is no mistake.
_AHEAD: Final = 2 * 24 * 60 * _MINUTE
_NEVER: Final = 2**62
Range = tuple[datetime, datetime]


@dataclass(frozen=True)
class Ingested:
    """What came of fetching several years of several series.

    Parameters
    ----------
    results : dict
        (key, year) to what was stored.
    failures : dict
        (key, year) to why nothing was; what had been stored before stays.
    """

    results: dict[tuple[str, int], RawResult] = field(default_factory=dict)
    failures: dict[tuple[str, int], MarketDataError] = field(default_factory=dict)


def series_years(config: MarketDataConfig, key: str, now: datetime | None = None) -> list[int]:
    """Years that a series covers: from its start to its end, or to this year."""
    series = config[key]
    last = series.end.year if series.end is not None else (now or datetime.now(UTC)).year
    return list(range(series.start.year, last + 1))


def due_years(
    config: MarketDataConfig, key: str, root: Path, now: datetime | None = None
) -> list[int]:
    """Years of a series that a nightly run has to look at.

    Of files all years, for any of them may have been edited. Of a network provider the years
    never fetched, and those that the overlap window before the last stored bar touches.
    """
    series = config[key]
    years = series_years(config, key, now)
    if not _provider(config, series).capabilities.network:
        return years
    since = _window_start(series, root, now or datetime.now(UTC))
    stored = set(RawStore(root).years(series.symbol, series.timeframe))
    return [year for year in years if year not in stored or since is None or year >= since.year]


def ingest_raw(
    config: MarketDataConfig,
    key: str,
    year: int,
    root: Path,
    now: datetime | None = None,
    *,
    refetch: bool = False,
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
    refetch : bool
        Ask a network provider for the whole year even where most of it is stored.

    Raises
    ------
    FetchError
        If the provider could not deliver; what is stored stays.
    MarketDataError
        If the provider is misconfigured, or the table's columns cannot be understood.
    """
    done = ingest_many(config, [(key, year)], root, now, refetch=refetch)
    for error in done.failures.values():
        raise error
    return done.results[key, year]


def ingest_many(
    config: MarketDataConfig,
    wanted: Sequence[tuple[str, int]],
    root: Path,
    now: datetime | None = None,
    *,
    refetch: bool = False,
) -> Ingested:
    """Fetch several years of several series with as few requests as the providers allow.

    Parameters
    ----------
    config : MarketDataConfig
        The series file.
    wanted : sequence of (str, int)
        Keys and years, in any order.
    root : Path
        The data root.
    now : datetime, optional
        Nothing later is asked for.
    refetch : bool
        Ask network providers for whole years even where most of them is stored.

    Returns
    -------
    Ingested
        One result or failure per key and year: a series that fails loses no other.

    Notes
    -----
    Years of a series that follow each other become one range, series of one provider with one
    range one request. Of a stored year a network provider is only asked for what follows the
    last stored bar, and the overlap window before it (`SeriesConfig.overlap`).
    """
    moment = now or datetime.now(UTC)
    done = Ingested()
    groups: dict[tuple[str, ...], list[tuple[SeriesConfig, list[int], Range]]] = defaultdict(list)
    years_of_key: dict[str, set[int]] = defaultdict(set)
    for key, year in wanted:
        years_of_key[key].add(year)
    for key, years in years_of_key.items():
        series = config[key]
        try:
            network = _provider(config, series).capabilities.network
            since = _window_start(series, root, moment) if network and not refetch else None
        except MarketDataError as error:
            done.failures.update(dict.fromkeys([(key, year) for year in years], error))
            continue
        for together, span in _ranges(series, sorted(years), since, moment, root):
            name = (
                series.provider, json.dumps(series.options, sort_keys=True, default=str),
                series.timeframe, str(series.adjustment), str(span),
            )  # fmt: skip
            groups[name].append((series, together, span))
    for members in groups.values():
        _fetch_group(config, members, root, moment, done)
    return done


def _fetch_group(
    config: MarketDataConfig,
    members: list[tuple[SeriesConfig, list[int], Range]],
    root: Path,
    moment: datetime,
    done: Ingested,
) -> None:
    """Ask once for all series of a group, and store each by itself."""
    first, _, (start, end) = members[0]
    provider = _provider(config, first)
    adjustment = first.adjustment or provider.capabilities.adjustments[0]
    symbols = list(dict.fromkeys(series.asked for series, _, _ in members))
    try:
        fetched = provider.fetch(symbols, first.timeframe, start, end, adjustment=adjustment)
    except Exception as error:
        for series, years, _ in members:
            failed = _failure(error, series, provider)
            done.failures.update(dict.fromkeys([(series.key, year) for year in years], failed))
        return
    network = provider.capabilities.network
    for series, years, _ in members:
        try:
            if series.asked in fetched.failures:
                raise fetched.failures[series.asked]
            if series.asked not in fetched.tables:
                raise FetchError(
                    f"{series.provider} {series.key}: found no answer, allowed a table"
                )
            table = fetched.tables[series.asked]
            stored = _store(series, table, (start, end), years, root, moment, complete=not network)
            done.results.update({(series.key, result.year): result for result in stored})
        except Exception as error:
            failed = _failure(error, series, provider)
            done.failures.update(dict.fromkeys([(series.key, year) for year in years], failed))


def _failure(error: Exception, series: SeriesConfig, provider: Provider) -> MarketDataError:
    """Say what went wrong; of what nobody foresaw, so that it loses no other series.

    An unforeseen text may quote a request, so the values of the provider's keys are cut out.
    """
    if isinstance(error, MarketDataError):
        return error
    from mc_assets.providers.network import masked

    keys = [os.environ.get(name, "").strip() for name in provider.capabilities.environment]
    text = masked(" ".join(str(error).split()), keys)[:300]
    return FetchError(
        f"{series.provider} {series.key}: found an unforeseen failure "
        f"({type(error).__name__}: {text or 'no message'}), allowed a table"
    )


def _store(
    series: SeriesConfig,
    table: RawTable,
    span: Range,
    years: list[int],
    root: Path,
    moment: datetime,
    *,
    complete: bool,
) -> list[RawResult]:
    """Cut a fetched table to its range and keep it, year by year.

    A row whose stamp cannot be read stays with the row before it, so that it reaches the
    quarantine of that year, and so does one from the future with the last year. A network's bar
    that has not ended is left for the next night.
    """
    sessions = sessions_of(series.exchange)
    if not table.frame.is_empty():
        table = resolve_layout(table, sessions)
    # From here on the project's own name of it.
    table = replace(table, symbol=series.symbol)
    keys, opens = row_keys(table, sessions)
    start, end = (_microseconds(at) for at in span)
    present = _microseconds(moment)
    future = opens > present + (0 if complete else _AHEAD)
    if not complete:
        ended = (_bar_ends(opens, series) <= present) | future
        table = replace(table, frame=table.frame.filter(ended))
        keys, opens, future = keys.filter(ended), opens.filter(ended), future.filter(ended)
    store = RawStore(root)
    results = []
    for year in years:
        first = max(start, _microseconds(datetime(year, 1, 1, tzinfo=UTC)))
        last = min(end, _microseconds(datetime(year + 1, 1, 1, tzinfo=UTC)))
        inside = (opens >= first) & (opens < last)
        if year == min(series.end or moment.date(), moment.date()).year:
            inside |= future
        inside = inside.fill_null(value=False)
        part = replace(table, frame=table.frame.filter(inside))
        cut = keys.filter(inside)
        # A file is read to its end: of what is later, a row from the future may be gone.
        asked = (first, _NEVER if complete else last)
        results.append(store.append(part, year, cut, asked, complete=complete))
    return results


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


def _ranges(
    series: SeriesConfig, years: list[int], since: datetime | None, moment: datetime, root: Path
) -> list[tuple[list[int], Range]]:
    """Join years that follow each other; of stored years keep what the window leaves."""
    stored = set(RawStore(root).years(series.symbol, series.timeframe))
    joined: list[tuple[list[int], Range]] = []
    for year in years:
        start, end = expected_range(series, year, moment)
        if since is not None and year in stored and since < end:
            start = max(start, since)
        if joined and joined[-1][1][1] == start:
            before, (begin, _) = joined.pop()
            joined.append(([*before, year], (begin, end)))
        else:
            joined.append(([year], (start, end)))
    return joined


def _window_start(series: SeriesConfig, root: Path, moment: datetime) -> datetime | None:
    """Start of the overlap window: so many days before the last stored bar."""
    last = RawStore(root).last(series.symbol, series.timeframe, _microseconds(moment))
    if last is None:
        return None
    since = datetime.fromtimestamp(last / 1e6, UTC) - timedelta(days=series.overlap)
    return since.replace(hour=0, minute=0, second=0, microsecond=0)


def _provider(config: MarketDataConfig, series: SeriesConfig) -> Provider:
    provider = make_provider(series.provider, series.options, config.folder, where=series.key)
    can = provider.capabilities
    if series.timeframe not in can.timeframes:
        raise MarketDataError(
            f"{series.key}: timeframe: found {series.timeframe!r}, allowed with "
            f"{series.provider} {', '.join(can.timeframes)}"
        )
    if series.adjustment is not None and series.adjustment not in can.adjustments:
        raise MarketDataError(
            f"{series.key}: adjustment: found {series.adjustment!r}, allowed with "
            f"{series.provider} {', '.join(can.adjustments)}"
        )
    return provider


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000

"""Fetch what is missing or may have changed, and keep what the provider sent."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.quality.year import expected_range
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.receiving import (
    Range,
    microseconds,
    reached_in,
    received,
    store_years,
)
from mc_assets.providers import FetchError, MarketDataError, Provider, make_provider
from mc_assets.providers.masking import masked

__all__ = ["Ingested", "due_years", "ingest_many", "ingest_raw", "series_years"]


@dataclass(frozen=True)
class Ingested:
    """Outcome of fetching several years of several series.

    Parameters
    ----------
    stored_years : dict
        (key, year) to what was stored.
    failures : dict
        (key, year) to the error if the year could not be fetched completely. Data stored before
        and data received before the failure are kept.
    """

    stored_years: dict[tuple[str, int], RawResult] = field(default_factory=dict)
    failures: dict[tuple[str, int], MarketDataError] = field(default_factory=dict)


def series_years(config: MarketDataConfig, key: str, now: datetime | None = None) -> list[int]:
    """Years that a series covers: from its start to its end, or to this year."""
    series = config[key]
    last = series.end.year if series.end is not None else (now or datetime.now(UTC)).year
    return list(range(series.start.year, last + 1))


def due_years(
    config: MarketDataConfig, key: str, root: Path, now: datetime | None = None
) -> list[int]:
    """Years of a series that a nightly run must fetch.

    For files: all years, because any of them may have been edited. For network providers: years
    not fetched yet or not completely, those touched by the overlap window before the last
    stored bar, those of which a file is damaged, and those stored before the series came to keep
    one of its columns.
    """
    series = config[key]
    years = series_years(config, key, now)
    if not _provider(config, series).capabilities.network:
        return years
    since = _window_start(series, root, now or datetime.now(UTC))
    store = RawStore(root)
    whole = {
        year
        for year in store.years(series.symbol, series.timeframe)
        if store.reached(series.symbol, series.timeframe, year) is None
    }
    bars = BarStore(root)
    whole -= {year for year, _ in bars.damages(series.symbol, series.timeframe)}
    whole -= bars.years_without(series.symbol, series.timeframe, series.columns)
    return [year for year in years if year not in whole or since is None or year >= since.year]


def ingest_raw(
    config: MarketDataConfig,
    key: str,
    year: int,
    root: Path,
    now: datetime | None = None,
    *,
    refetch: bool = False,
    accept_withdrawn: bool = False,
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
    accept_withdrawn : bool
        As of `ingest_many`.

    Raises
    ------
    FetchError
        If the provider could not deliver, or its answer would withdraw too many stored bars;
        what is stored stays.
    MarketDataError
        If the provider is misconfigured, or the table's columns cannot be understood.
    """
    done = ingest_many(
        config, [(key, year)], root, now, refetch=refetch, accept_withdrawn=accept_withdrawn
    )
    for error in done.failures.values():
        raise error
    return done.stored_years[key, year]


def ingest_many(
    config: MarketDataConfig,
    wanted: Sequence[tuple[str, int]],
    root: Path,
    now: datetime | None = None,
    *,
    refetch: bool = False,
    accept_withdrawn: bool = False,
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
    accept_withdrawn : bool
        Withdraw all stored bars that an answer lacks. By default a fetch that lacks more than the
        series' ``quality.withdrawn_bars``, or more than half of a finished year, fails and leaves
        those years unchanged.

    Returns
    -------
    Ingested
        One result or failure per key and year: a series that fails loses no other.

    Notes
    -----
    Consecutive years of a series become one range; series of one provider with the same range
    become one request. For a stored year, a network provider is asked only for data after the
    last stored bar and for the overlap window before it (`SeriesConfig.overlap`). After a fetch
    that broke off, the last bar received takes the place of the last stored bar.
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
            asked_from = _windows(series, root, moment) if network and not refetch else {}
        except MarketDataError as error:
            done.failures.update(dict.fromkeys([(key, year) for year in years], error))
            continue
        for together, span in _ranges(series, sorted(years), asked_from, moment):
            name = (
                series.provider, json.dumps(series.options, sort_keys=True, default=str),
                series.timeframe, str(series.adjustment), str(span),
            )  # fmt: skip
            groups[name].append((series, together, span))
    for members in groups.values():
        _fetch_group(config, members, root, moment, done, accept_withdrawn)
    return done


def _fetch_group(
    config: MarketDataConfig,
    members: list[tuple[SeriesConfig, list[int], Range]],
    root: Path,
    moment: datetime,
    done: Ingested,
    accept_withdrawn: bool,
) -> None:
    """Send one request for all series of a group and store each series separately."""
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
            broken = fetched.failures.get(series.asked)
            table = (fetched.partial if broken else fetched.tables).get(series.asked)
            if table is None:
                raise broken or FetchError(
                    f"{series.provider} {series.key}", "no answer", "a table"
                )
            rows = received(series, table, moment, complete=not network)
            reached = reached_in(rows) if broken else None
            if broken and (reached is None or reached < microseconds(start)):
                raise broken
            stored = store_years(
                series, rows, (start, end), years, root, moment, reached,
                accept_withdrawn=accept_withdrawn,
            )  # fmt: skip
            done.stored_years.update(
                {(series.key, item.year): item for item in stored.stored_years}
            )
            done.failures.update({(series.key, y): error for y, error in stored.refused.items()})
            if broken and reached is not None:
                raise FetchError(
                    "",
                    f"{broken}; bars up to {_instant(reached):%Y-%m-%d %H:%MZ} are kept, the next "
                    "run asks from there",
                )
        except Exception as error:
            failed = _failure(error, series, provider)
            told = done.stored_years.keys() | done.failures.keys()
            left = [(series.key, year) for year in years if (series.key, year) not in told]
            done.failures.update(dict.fromkeys(left, failed))


def _failure(error: Exception, series: SeriesConfig, provider: Provider) -> MarketDataError:
    """Wrap an exception, so that other series are still fetched.

    Messages may quote a request, so the provider's keys are masked.
    """
    if isinstance(error, MarketDataError):
        said = masked(str(error), _keys(provider))
        return error if said == str(error) else FetchError("", said)
    text = " ".join(masked(str(error), _keys(provider)).split())[:300]
    return FetchError(
        f"{series.provider} {series.key}",
        f"an unforeseen failure ({type(error).__name__}: {text or 'no message'})",
        "a table",
    )


def _keys(provider: Provider) -> list[str]:
    """Values of the provider's keys, to be masked in messages."""
    names = [name for key in provider.capabilities.keys for name in key]
    return [os.environ.get(name, "").strip() for name in names]


def _ranges(
    series: SeriesConfig, years: list[int], asked_from: dict[int, datetime], moment: datetime
) -> list[tuple[list[int], Range]]:
    """Join consecutive years to ranges; stored years are limited to their window."""
    joined: list[tuple[list[int], Range]] = []
    for year in years:
        start, end = expected_range(series, year, moment)
        if year in asked_from and asked_from[year] < end:
            start = max(start, asked_from[year])
        if joined and joined[-1][1][1] == start:
            before, (begin, _) = joined.pop()
            joined.append(([*before, year], (begin, end)))
        else:
            joined.append(([year], (start, end)))
    return joined


def _windows(series: SeriesConfig, root: Path, moment: datetime) -> dict[int, datetime]:
    """Instant from which each stored year is fetched again."""
    store = RawStore(root)
    since = _window_start(series, root, moment)
    windows = {}
    for year in store.years(series.symbol, series.timeframe):
        reached = store.reached(series.symbol, series.timeframe, year)
        if reached is not None:
            windows[year] = _overlapping(series, reached)
        elif since is not None:
            windows[year] = since
    return windows


def _window_start(series: SeriesConfig, root: Path, moment: datetime) -> datetime | None:
    """Start of the overlap window before the last stored bar."""
    last = RawStore(root).last(series.symbol, series.timeframe, microseconds(moment))
    return None if last is None else _overlapping(series, last)


def _overlapping(series: SeriesConfig, instant: int) -> datetime:
    """Midnight, `overlap` days before an instant."""
    since = _instant(instant) - timedelta(days=series.overlap)
    return since.replace(hour=0, minute=0, second=0, microsecond=0)


def _provider(config: MarketDataConfig, series: SeriesConfig) -> Provider:
    return make_provider(series.provider, series.options, config.folder, where=series.key)


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)

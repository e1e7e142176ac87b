"""Bars: which series there are, bringing them up to date, and what is wrong with them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from mc_assets.answers.steps import StepCallback, run_steps
from mc_assets.project import Project

if TYPE_CHECKING:
    from mc_assets.market_data.quality_report import QualityReport

__all__ = ["SeriesQuality", "check_quality", "ingest_bars", "list_series", "stored_bars"]


@dataclass(frozen=True)
class SeriesQuality:
    """What the checks found in a stored series.

    Parameters
    ----------
    report : QualityReport
        The series, its size, and a finding per check.
    """

    report: QualityReport

    def to_json(self) -> dict[str, Any]:
        """Return the series, its size and a row per check."""
        found = self.report
        return {
            "series": found.key,
            "bars": found.bar_count,
            "quarantined": found.quarantined,
            "left_out": found.left_out,
            "first": found.first,
            "last": found.last,
            "passed": found.passed,
            "checks": found.table(),
        }


def list_series(project: Project) -> pl.DataFrame:
    """List the configured series and what is stored of each.

    Returns
    -------
    polars.DataFrame
        One row per series: ``series``, ``symbol``, ``timeframe``, ``provider``, ``start``,
        ``bars``, ``first`` and ``last`` (UTC days, null where nothing is stored).
    """
    from mc_assets.market_data import BarStore, load_series

    config = load_series(project.series)
    stored = BarStore(project.data).manifest()
    rows: list[dict[str, object]] = []
    for key in config.keys:
        series = config[key]
        own = stored.filter(symbol=series.symbol, timeframe=series.timeframe)
        rows.append(
            {
                "series": key,
                "symbol": series.symbol,
                "timeframe": series.timeframe,
                "provider": series.provider,
                "start": series.start,
                "bars": int(own["rows"].sum()),
                "first": _day(own["first"].min()),
                "last": _day(own["last"].max()),
            }
        )
    kinds: dict[str, Any] = dict.fromkeys(("series", "symbol", "timeframe", "provider"), pl.String)
    kinds |= {"start": pl.Date, "bars": pl.Int64, "first": pl.Date, "last": pl.Date}
    return pl.DataFrame(rows, schema=kinds)


def ingest_bars(
    project: Project,
    series: Sequence[str] = (),
    *,
    refetch: bool = False,
    accept_withdrawn: bool = False,
    progress: StepCallback | None = None,
) -> dict[str, dict[str, float]]:
    """Fetch, normalise and check bars; only what is new is fetched. Series of ticks come along.

    Parameters
    ----------
    project : Project
        Where the series file and the bars lie.
    series : sequence of str
        Symbols or series such as ``SP500@1d``, or ``BTCUSDT@binance`` of ticks; by default all.
    refetch : bool
        Ask for every year again, and store every day of ticks again.
    accept_withdrawn : bool
        Withdraw stored bars that an answer lacks, however many they are.
    progress : callable, optional
        Called before and after each step.

    Returns
    -------
    dict
        Numbers of each step by its title.

    Raises
    ------
    MarketDataError
        If a series is unknown.
    PipelineError
        If one could not be fetched, or has an error of quality; the others are stored.
    """
    from mc_assets.market_data import MarketDataError, load_series
    from mc_assets.market_data.config import some
    from mc_assets.steps import bar_steps
    from mc_assets.tick_steps import tick_steps

    config = load_series(project.series)
    of_bars = {name for entry in config.series for name in (entry.key, entry.symbol)}
    of_ticks = {name for entry in config.ticks for name in (entry.key, entry.symbol)}
    for name in series:
        if name not in of_bars | of_ticks:
            every = [*config.keys, *(entry.key for entry in config.ticks)]
            raise MarketDataError("symbol", repr(name), some(every))
    # A symbol may have bars and ticks.
    named = [name for name in series if name in of_bars]
    bars = series_keys(project, named) if named or not series else []
    steps = bar_steps(project, bars, refetch=refetch, accept_withdrawn=accept_withdrawn)
    own = [
        entry.key for entry in config.ticks if not series or {entry.key, entry.symbol} & set(series)
    ]
    return run_steps(project, chain(steps, tick_steps(project, own, again=refetch)), progress)


def check_quality(
    project: Project, symbol: str, *, against: str | None = None
) -> list[SeriesQuality]:
    """Check stored bars: prices, gaps, stale runs, outliers, quarantine, restatements.

    Parameters
    ----------
    project : Project
        Where the bars lie.
    symbol : str
        Symbol, or series such as ``SP500@1d``; a symbol means all its series.
    against : str, optional
        Another stored series to compare with; by default the one the series file names.

    Raises
    ------
    ValueError
        If a series is unknown, or not stored.
    """
    from mc_assets.market_data import BarStore, load_series
    from mc_assets.market_data.quality_report import quality_report

    config = load_series(project.series)
    store = BarStore(project.data)
    found = []
    for series in config.find(symbol):
        key = against or series.compared_key
        other = config.find(key)[0] if key else None
        # Only a comparison that was asked for must be possible already.
        possible = against or (other and store.years(other.symbol, other.timeframe))
        report = quality_report(series, project.data, against=other if possible else None)
        found.append(SeriesQuality(report))
    return found


def series_keys(project: Project, names: Sequence[str]) -> list[str]:
    """Return the keys of named series, or of all.

    Raises
    ------
    ValueError
        If one is unknown.
    """
    from mc_assets.market_data import load_series

    config = load_series(project.series)
    return [entry.key for name in names or config.keys for entry in config.find(name)]


def _day(instant: object) -> datetime.date | None:
    return None if instant is None else datetime.datetime.fromisoformat(str(instant)).date()


def stored_bars(
    project: Project,
    series: str,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
) -> pl.DataFrame:
    """Read the stored bars of a series, oldest first.

    Parameters
    ----------
    project : Project
        Where they lie.
    series : str
        Such as ``SP500@1d``.
    start, end : date, optional
        UTC days, half open.

    Raises
    ------
    Refusal
        If there is no such series, or nothing is stored of it.
    """
    from engine.errors import Refusal
    from mc_assets.market_data import BarStore, load_series

    keys = load_series(project.series).keys
    if series not in keys:
        raise Refusal("series", repr(series), ", ".join(keys))
    symbol, _, timeframe = series.rpartition("@")
    return BarStore(project.data).read(symbol, timeframe, start, end)

"""Report of all checks over a stored series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.quality import QualityFinding, check_bars, compare_bars
from mc_assets.market_data.quality.year import HISTORY_CHECKS, expected_range
from mc_assets.market_data.raw_store import RawStore

__all__ = ["QualityReport", "quality_report"]


@dataclass(frozen=True)
class QualityReport:
    """Findings on one series.

    Parameters
    ----------
    key : str
        ``SYMBOL@TIMEFRAME``.
    bar_count, quarantined : int
        Rows stored.
    left_out : int
        Rows of files before the series' start or after its end.
    first, last : datetime
        Open instants of the first and last bar.
    findings : list of QualityFinding
        One per check, passed or not.
    """

    key: str
    bar_count: int
    quarantined: int
    left_out: int
    first: datetime
    last: datetime
    findings: list[QualityFinding]

    @property
    def passed(self) -> bool:
        """Whether no check of severity ``error`` found anything."""
        return not any(item.severity == "error" and item.count for item in self.findings)

    def table(self) -> pl.DataFrame:
        """One row per check: severity, how many places, the first of them."""
        return pl.DataFrame(
            [
                {
                    "check": item.check,
                    "severity": item.severity,
                    "found": item.count,
                    "first": item.message,
                }
                for item in self.findings
            ],
            schema={
                "check": pl.String,
                "severity": pl.String,
                "found": pl.Int64,
                "first": pl.String,
            },
        )


def quality_report(
    series: SeriesConfig,
    root: Path,
    *,
    against: SeriesConfig | None = None,
    now: datetime | None = None,
) -> QualityReport:
    """Check a whole stored series, across years.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    root : Path
        The data root.
    against : SeriesConfig, optional
        Another stored series of the same instrument, to compare with.
    now : datetime, optional
        No bar is missing after it.

    Raises
    ------
    MarketDataError
        If the series, or the one to compare with, is not stored.
    """
    store = BarStore(root)
    bars = store.read(series.symbol, series.timeframe)
    quarantine = store.quarantine(series.symbol, series.timeframe)
    moment = now or datetime.now(UTC)
    last_year = series.end.year if series.end is not None else moment.year
    start, _ = expected_range(series, series.start.year, moment)
    _, end = expected_range(series, last_year, moment)
    history = store.quality(series.symbol, series.timeframe).filter(
        pl.col("check").is_in(HISTORY_CHECKS)
    )
    adjusted = None
    if series.factors is not None:
        adjusted = store.adjusted(series.symbol, series.timeframe, "split", series.exchange)
    findings = check_bars(
        bars,
        quarantine,
        series,
        start=start,
        end=end,
        history=history.select("check", "timestamp", "value", "message"),
        adjusted=adjusted,
    )
    if against is not None:
        other = store.read(against.symbol, against.timeframe)
        findings.append(compare_bars(bars, other, series.quality, against.key))
    stamps = bars["timestamp"]
    first, last = (stamps[0], stamps[-1]) if len(stamps) else (start, start)
    left_out = RawStore(root).left_out(series.symbol, series.timeframe)
    return QualityReport(
        series.key, bars.height, quarantine.height, left_out, first, last, findings
    )

"""All checks of one series' year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np
import polars as pl

from engine.tables.sessions import sessions_of
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.quality.calendar import calendar_findings
from mc_assets.market_data.quality.findings import QualityFinding, finding
from mc_assets.market_data.quality.values import value_findings
from mc_assets.market_data.severities import QualityConfig

__all__ = ["HISTORY_CHECKS", "check_bars", "expected_range"]

ROW_CHECKS: Final = (
    "text_cell",
    "bad_timestamp",
    "bad_row",
    "note",
    "non_finite",
    "missing_price",
    "ohlc_order",
    "negative_volume",
    "future",
    "repeated_timestamp",
    "bad_contract",
)
HISTORY_CHECKS: Final = ("restated", "withdrawn", "repaired")


def check_bars(
    bars: pl.DataFrame,
    quarantine: pl.DataFrame,
    series: SeriesConfig,
    *,
    start: datetime,
    end: datetime,
    history: pl.DataFrame | None = None,
    adjusted: pl.DataFrame | None = None,
) -> list[QualityFinding]:
    """Run every check.

    Parameters
    ----------
    bars, quarantine : polars.DataFrame
        What `normalise` returned.
    series : SeriesConfig
        Exchange, severities and thresholds.
    start, end : datetime
        Range in which bars are expected, UTC, half open.
    history : polars.DataFrame, optional
        ``check`` (a name of `HISTORY_CHECKS`), ``timestamp``, ``value`` and ``message`` of
        rows whose provider changed its mind, or that were repaired.
    adjusted : polars.DataFrame, optional
        The same bars adjusted for splits, where a factor table is known: moves are judged in
        them.

    Returns
    -------
    list of QualityFinding
        One per check, passed or not, in a fixed order.
    """
    quality = series.quality
    refused = quarantine.partition_by("reason", as_dict=True)
    findings = [_quarantined(check, refused.get((check,)), quality) for check in ROW_CHECKS]
    findings += calendar_findings(
        bars,
        timeframe=series.timeframe,
        sessions=sessions_of(series.exchange),
        quality=quality,
        start=_microseconds(start),
        end=_microseconds(end),
    )
    findings += value_findings(bars if adjusted is None else adjusted, quality)
    changes = {}
    if history is not None:
        changes = history.partition_by("check", as_dict=True, include_key=False)
    return findings + [finding(check, quality, changes.get((check,))) for check in HISTORY_CHECKS]


def expected_range(series: SeriesConfig, year: int, now: datetime) -> tuple[datetime, datetime]:
    """Part of `year` in which the series should have bars, UTC, half open.

    It starts with the session of the configured start, which may open the evening before, and
    ends with that of the configured end, or `now`.
    """
    start = max(datetime(year, 1, 1, tzinfo=UTC), _day_start(series, series.start))
    end = min(datetime(year + 1, 1, 1, tzinfo=UTC), now)
    if series.end is not None:
        end = min(end, _day_start(series, series.end + timedelta(days=1)))
    return start, max(start, end)


def _day_start(series: SeriesConfig, day: date) -> datetime:
    """UTC midnight of a day, or the open of its session if that is earlier."""
    midnight = datetime.combine(day, time(), UTC)
    days = np.array([(day - date(1970, 1, 1)).days], dtype=np.int64)
    opening = int(sessions_of(series.exchange).open_of(days)[0])
    return min(midnight, datetime.fromtimestamp(opening / 1e6, UTC))


def _quarantined(
    check: str, refused: pl.DataFrame | None, quality: QualityConfig
) -> QualityFinding:
    if refused is None:
        return finding(check, quality)
    rows = refused.select("timestamp", value=pl.col("line").cast(pl.Float64), message="message")
    return finding(check, quality, rows)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000

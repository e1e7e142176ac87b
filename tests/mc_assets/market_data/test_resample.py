"""Longer bars from shorter ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import MarketDataError, bars_from_file
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.market_data.resample import resample


def minutes(start: datetime, count: int) -> pl.DataFrame:
    """Canonical minute bars whose close counts up from 1."""
    rows = [
        {
            "symbol": "X",
            "timestamp": start + timedelta(minutes=k),
            "open": k + 0.5,
            "high": k + 2.0,
            "low": k + 0.25,
            "close": k + 1.0,
            "volume": 2.0,
            "vwap": k + 1.0,
            "trade_count": 3.0,
            "source": "test",
            "adjustment": "raw",
        }
        for k in range(count)
    ]
    return pl.DataFrame(rows, schema=dict(BARS_SCHEMA))


def test_a_session_of_minutes_is_one_day() -> None:
    opening = datetime(2020, 7, 1, 13, 30, tzinfo=UTC)
    early = minutes(opening - timedelta(minutes=30), 420)  # thirty minutes before the open
    day = resample(early, timeframe="1m", to="1d")
    assert day.height == 1
    row = day.row(0, named=True)
    assert row["timestamp"] == opening
    assert (row["open"], row["high"], row["low"], row["close"]) == (30.5, 421.0, 30.25, 420.0)
    assert (row["volume"], row["trade_count"]) == (780.0, 1170.0)
    assert row["vwap"] == pytest.approx(225.5)


def test_hours_start_at_the_open_and_the_last_is_short() -> None:
    opening = datetime(2020, 7, 1, 13, 30, tzinfo=UTC)
    hours = resample(minutes(opening, 390), timeframe="1m", to="1h")
    assert hours["timestamp"].dt.minute().to_list() == [30] * 7
    assert hours["volume"].to_list() == [120.0] * 6 + [60.0]


def test_minutes_to_hours_to_days_is_minutes_to_days() -> None:
    bars = minutes(datetime(2020, 7, 1, 13, 30, tzinfo=UTC), 390)
    hours = resample(bars, timeframe="1m", to="1h")
    assert resample(hours, timeframe="1h", to="1d").equals(resample(bars, timeframe="1m", to="1d"))


def test_a_futures_session_starts_the_evening_before(reference: Path) -> None:
    path = reference / "data/minute/lean_es_z13_1min_trades.csv"
    bars = bars_from_file(path, "ESZ13", timeframe="1m", exchange="CMES").bars
    days = resample(bars, timeframe="1m", to="1d", exchange="CMES")
    assert days["timestamp"].dt.hour().unique().to_list() == [22]  # 17:00 in Chicago
    assert days.height == 5
    tuesday = bars.filter(
        pl.col("timestamp").is_between(
            datetime(2013, 10, 7, 22, tzinfo=UTC),
            datetime(2013, 10, 8, 22, tzinfo=UTC),
            closed="left",
        )
    )
    row = days.row(1, named=True)
    assert row["open"] == tuesday["open"][0]
    assert row["high"] == tuesday["high"].max()
    assert row["low"] == tuesday["low"].min()
    assert row["close"] == tuesday["close"][-1]
    assert row["volume"] == tuesday["volume"].sum()


def test_a_week_opens_with_its_first_session() -> None:
    # Monday 2020-09-07 was Labor Day.
    days = minutes(datetime(2020, 9, 8, 13, 30, tzinfo=UTC), 1)
    friday = minutes(datetime(2020, 9, 11, 13, 30, tzinfo=UTC), 1)
    weeks = resample(pl.concat([days, friday]), timeframe="1d", to="1w")
    assert weeks["timestamp"].to_list() == [datetime(2020, 9, 8, 13, 30, tzinfo=UTC)]


def test_a_month_opens_with_its_first_session_and_sums_its_days() -> None:
    first = minutes(datetime(2020, 8, 31, 13, 30, tzinfo=UTC), 1)
    second = minutes(datetime(2020, 9, 1, 13, 30, tzinfo=UTC), 1)
    third = minutes(datetime(2020, 9, 30, 13, 30, tzinfo=UTC), 1)
    months = resample(pl.concat([first, second, third]), timeframe="1d", to="1mo")
    assert months["timestamp"].dt.strftime("%m-%d %H:%M").to_list() == [
        "08-03 13:30",
        "09-01 13:30",
    ]
    assert months["volume"].to_list() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("to", "count"), [("2m", 195), ("10m", 39), ("90m", 5), ("2h", 4), ("4h", 2), ("240m", 2)]
)
def test_any_whole_multiple_begins_at_the_open(to: str, count: int) -> None:
    opening = datetime(2020, 7, 1, 13, 30, tzinfo=UTC)
    bars = resample(minutes(opening, 390), timeframe="1m", to=to)
    assert bars.height == count
    assert bars["timestamp"][0] == opening
    assert bars["volume"].sum() == 780.0


def test_bars_of_hours_run_over_midnight_within_a_session() -> None:
    # 17:00 in Chicago on Sunday to 16:00 on Monday.
    opening = datetime(2020, 7, 5, 22, 0, tzinfo=UTC)
    bars = minutes(opening, 23 * 60)
    hours = resample(bars, timeframe="1m", to="4h", exchange="CMES")
    assert hours["timestamp"].dt.strftime("%d %H").to_list() == [
        "05 22", "06 02", "06 06", "06 10", "06 14", "06 18"
    ]  # fmt: skip
    assert hours["volume"].to_list() == [480.0] * 5 + [360.0]
    assert resample(bars, timeframe="1m", to="1d", exchange="CMES")["timestamp"][0] == opening
    weeks = resample(bars, timeframe="1m", to="1w", exchange="CMES")
    assert weeks["timestamp"].to_list() == [opening]


def test_a_day_of_currencies_gathers_sunday_evening_into_monday() -> None:
    # 17:00 in New York: summer time, so 21:00Z on Sunday.
    opening = datetime(2020, 7, 5, 21, 0, tzinfo=UTC)
    days = resample(minutes(opening, 48 * 60), timeframe="1m", to="1d", exchange="24/5")
    assert days["timestamp"].to_list() == [opening, opening + timedelta(days=1)]
    assert days["volume"].to_list() == [2880.0, 2880.0]


def test_weeks_of_days_at_an_hour_of_their_own_keep_the_hour() -> None:
    # Midnight in Singapore: Monday begins on Sunday at 16:00Z.
    days = [minutes(datetime(2020, 7, 5 + k, 16, tzinfo=UTC), 1) for k in range(14)]
    weeks = resample(pl.concat(days), timeframe="1d", to="1w", exchange="24/7")
    assert weeks["timestamp"].dt.strftime("%d %H").to_list() == ["05 16", "12 16"]
    assert weeks["volume"].to_list() == [14.0, 14.0]


def test_a_volume_that_is_nowhere_given_stays_unknown() -> None:
    bars = minutes(datetime(2020, 7, 1, 13, 30, tzinfo=UTC), 60)
    half = bars.with_columns(volume=pl.when(pl.int_range(pl.len()) < 30).then("volume"))
    assert resample(half, timeframe="1m", to="30m")["volume"].to_list() == [60.0, None]


@pytest.mark.parametrize("to", ["1m", "2d", "30m", "7s"])
def test_a_shorter_or_unknown_timeframe_is_refused(to: str) -> None:
    bars = minutes(datetime(2020, 7, 1, 13, 30, tzinfo=UTC), 3)
    with pytest.raises(MarketDataError, match=f"to: found '{to}', allowed"):
        resample(bars, timeframe="1h", to=to)

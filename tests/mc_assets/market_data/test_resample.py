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


@pytest.mark.parametrize("to", ["1m", "2h", "30m"])
def test_a_shorter_or_unknown_timeframe_is_refused(to: str) -> None:
    bars = minutes(datetime(2020, 7, 1, 13, 30, tzinfo=UTC), 3)
    with pytest.raises(MarketDataError, match=f"to: found '{to}', allowed"):
        resample(bars, timeframe="1h", to=to)

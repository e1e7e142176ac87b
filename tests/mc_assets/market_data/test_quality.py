"""Each check finds its own fault, and says where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from engine.tables.sessions import sessions_of
from mc_assets.market_data import BARS_SCHEMA, QUARANTINE_SCHEMA, QualityFinding, SeriesConfig
from mc_assets.market_data.quality import check_bars, compare_bars
from mc_assets.market_data.severities import QualityConfig

NOTHING = pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))
START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)


def daily(exchange: str = "XNYS") -> pl.DataFrame:
    """A faultless 2020 of daily bars whose close wanders within a percent."""
    sessions = sessions_of(exchange)
    opens = [int(at) for at in sessions.opens if START.timestamp() <= at / 1e6 < END.timestamp()]
    rows = []
    for place, instant in enumerate(opens):
        close = 100.0 + (place * 37 % 11) / 10
        rows.append(
            {
                "symbol": "X",
                "timestamp": instant,
                "open": close - 0.1,
                "high": close + 0.2,
                "low": close - 0.2,
                "close": close,
                "volume": 1000.0,
                "source": "test",
                "adjustment": "raw",
            }
        )
    frame = pl.DataFrame(rows, schema={**BARS_SCHEMA, "timestamp": pl.Int64})
    stamp = pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(timestamp=stamp)


def series(**fields: object) -> SeriesConfig:
    entry = {"symbol": "X", "provider": "csv", "start": "2020-01-01", "end": "2020-12-31"}
    return SeriesConfig.model_validate({**entry, **fields})


def run(bars: pl.DataFrame, **fields: object) -> dict[str, QualityFinding]:
    found = check_bars(bars, NOTHING, series(**fields), start=START, end=END)
    return {item.check: item for item in found}


def changed(bars: pl.DataFrame, rows: slice, **values: float) -> pl.DataFrame:
    numbers = pl.int_range(pl.len())
    inside = (numbers >= rows.start) & (numbers < rows.stop)
    return bars.with_columns(
        pl.when(inside).then(pl.lit(value)).otherwise(name).alias(name)
        for name, value in values.items()
    )


def test_faultless_bars_pass_every_check() -> None:
    assert all(item.count == 0 for item in run(daily()).values())


def test_a_missing_session_is_a_gap_and_a_holiday_is_none() -> None:
    bars = daily().filter(pl.col("timestamp").dt.date() != datetime(2020, 6, 10).date())
    found = run(bars)["gap"]
    assert found.count == 1
    assert found.message == (
        "found 1 missing 1d bar between 2020-06-09 13:30Z and 2020-06-11 13:30Z"
    )


def test_sessions_before_the_first_and_after_the_last_bar_are_gaps() -> None:
    found = run(daily().slice(2, 248))["gap"]
    assert (found.count, found.rows.height) == (5, 2)
    assert "2 sessions without bars before the first bar" in found.rows["message"][0]
    assert "3 sessions without bars after the last bar" in found.rows["message"][1]


def test_a_year_without_bars_is_one_finding() -> None:
    found = run(daily().clear())["no_bars"]
    assert found.count == 1
    assert "allowed bars in 253 sessions" in found.message


def test_minutes_know_early_closes() -> None:
    # The day after Thanksgiving closes at 13:00 New York time: 210 minutes.
    opening = datetime(2020, 11, 27, 14, 30, tzinfo=UTC)
    row = daily().head(1).drop("timestamp")
    stamps = [opening + timedelta(minutes=k) for k in range(211) if k != 100]
    frame = pl.DataFrame({"timestamp": stamps}).cast({"timestamp": BARS_SCHEMA["timestamp"]})
    bars = frame.join(row, how="cross").select(*BARS_SCHEMA)
    day = (datetime(2020, 11, 27, tzinfo=UTC), datetime(2020, 11, 28, tzinfo=UTC))
    found = check_bars(bars, NOTHING, series(timeframe="1m"), start=day[0], end=day[1])
    by_name = {item.check: item for item in found}
    assert by_name["gap"].count == 1
    assert by_name["off_session"].count == 1
    assert by_name["off_session"].rows["timestamp"][0] == opening + timedelta(minutes=210)


def test_a_bar_on_a_holiday_is_off_session() -> None:
    holiday = (
        daily()
        .head(1)
        .with_columns(
            timestamp=pl.lit(datetime(2020, 7, 3, 13, 30, tzinfo=UTC)).cast(
                BARS_SCHEMA["timestamp"]
            )
        )
    )
    found = run(pl.concat([daily(), holiday]).sort("timestamp"))["off_session"]
    assert found.count == 1
    assert "2020-07-03 13:30Z" in found.message


def test_a_run_of_one_price_is_stale() -> None:
    bars = changed(daily(), slice(50, 56), open=100.0, high=100.0, low=100.0, close=100.0)
    found = run(bars)["stale"]
    assert found.count == 1
    assert "found the price 100.0 for 6 bars" in found.message
    shorter = changed(daily(), slice(50, 54), open=100.0, high=100.0, low=100.0, close=100.0)
    assert run(shorter)["stale"].count == 0


def test_a_day_in_cents_is_a_unit_error_and_no_outlier() -> None:
    bars = changed(daily(), slice(50, 51), open=1e4, high=1e4, low=1e4, close=1e4)
    found = run(bars)
    assert (found["unit_error"].count, found["unit_error"].severity) == (1, "error")
    assert found["outlier"].count == 0


def test_a_high_in_cents_is_a_unit_error() -> None:
    assert run(changed(daily(), slice(50, 51), high=1e4))["unit_error"].count == 1


def test_a_halved_price_that_stays_is_a_split() -> None:
    halves = [pl.col(name) / 2 for name in ("open", "high", "low", "close")]
    bars = pl.concat([daily().head(100), daily().slice(100).with_columns(halves)])
    found = run(bars)
    assert found["unadjusted_split"].count == 1
    assert found["unadjusted_split"].rows["timestamp"][0] == bars["timestamp"][100]
    assert found["outlier"].count == 0


def test_a_wild_day_is_an_outlier_on_the_way_there_and_back() -> None:
    bars = changed(daily(), slice(100, 101), open=130.0, high=131.0, low=129.0, close=130.0)
    assert run(bars)["outlier"].count == 2


def test_no_volume_on_one_day_is_found_and_no_volume_at_all_is_not() -> None:
    assert run(changed(daily(), slice(9, 10), volume=0.0))["zero_volume"].count == 1
    assert run(changed(daily(), slice(0, 300), volume=0.0))["zero_volume"].count == 0


def test_a_severity_is_configurable_per_series() -> None:
    bars = changed(daily(), slice(9, 10), volume=0.0)
    found = run(bars, quality={"severities": {"zero_volume": "ignore"}})["zero_volume"]
    assert (found.count, found.severity, found.passed) == (1, "ignore", True)


def test_two_sources_disagree_where_they_overlap() -> None:
    other = changed(daily(), slice(20, 21), close=100.05).slice(10, 100)
    other = other.filter(pl.int_range(pl.len()) != 30)
    found = compare_bars(daily(), other, QualityConfig())
    assert found.count == 2
    assert "the other source has 100.05" in found.rows["message"][0]
    assert "the other source has no bar" in found.rows["message"][1]


@pytest.mark.parametrize("exchange", ["XNYS", "CMES", "24/7"])
def test_every_session_of_an_exchange_has_its_number(exchange: str) -> None:
    bars = daily(exchange)
    found = check_bars(bars, NOTHING, series(exchange=exchange), start=START, end=END)
    assert sum(item.count for item in found) == 0

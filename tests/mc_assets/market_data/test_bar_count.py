"""Bars of a year beside those that its exchange's calendar has."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import EXCHANGES, BarCalendar
from engine.tables.sessions import sessions_of
from mc_assets.market_data import BARS_SCHEMA, QUARANTINE_SCHEMA, QualityFinding, SeriesConfig
from mc_assets.market_data.quality import check_bars
from mc_assets.market_data.quality.calendar import bar_ordinals
from mc_assets.market_data.resample import resample
from tests.engine.session_stamps import MINUTE, bars_of_sessions, instant, opens_of

NOTHING = pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))


def frame_of(stamps: np.ndarray) -> pl.DataFrame:
    close = 100.0 + (np.arange(len(stamps)) * 37 % 11) / 10
    columns = {
        "symbol": "X",
        "timestamp": pl.Series(stamps).cast(pl.Datetime("us", "UTC")),
        **{"open": close - 0.1, "high": close + 0.2, "low": close - 0.2, "close": close},
        **{"volume": 1000.0, "vwap": None, "trade_count": None},
        **{"source": "test", "adjustment": "raw"},
    }
    return pl.DataFrame(columns).select(pl.col(n).cast(kind) for n, kind in BARS_SCHEMA.items())


def bar_count(
    stamps: np.ndarray, exchange: str, timeframe: str, last: str = "2019-12-31"
) -> QualityFinding:
    entry = {"symbol": "X", "provider": "csv", "start": "2019-01-01", "end": last}
    series = SeriesConfig.model_validate(entry | {"exchange": exchange, "timeframe": timeframe})
    start = datetime(2019, 1, 1, tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    found = check_bars(frame_of(stamps), NOTHING, series, start=start, end=end)
    return next(item for item in found if item.check == "bar_count")


YEAR = ("2019-01-01", "2019-12-30")


@pytest.mark.parametrize("exchange", sorted(EXCHANGES))
@pytest.mark.parametrize("minutes", [30, 60])
def test_every_bar_of_every_session_is_the_calendars_count(exchange: str, minutes: int) -> None:
    timeframe = "1h" if minutes == 60 else "30m"
    assert bar_count(bars_of_sessions(exchange, *YEAR, minutes), exchange, timeframe).count == 0
    assert bar_count(opens_of(exchange, *YEAR), exchange, "1d").count == 0


def test_a_few_missing_bars_are_gaps_alone() -> None:
    opens = opens_of("XNYS", *YEAR)
    assert bar_count(np.delete(opens, [30, 60, 90]), "XNYS", "1d").count == 0


@pytest.mark.parametrize(("every", "share"), [(2, "50%"), (3, "33%")])
def test_quiet_minutes_are_one_finding_that_says_what_follows(every: int, share: str) -> None:
    found = bar_count(bars_of_sessions("XNYS", *YEAR, 5)[::every], "XNYS", "5m")
    assert found.count == 1
    assert found.severity == "warn"
    assert (
        f"5m bars where XNYS has 19,470 ({share}); annual figures follow the bars that exist"
        in (found.message)
    )
    assert found.rows["value"][0] == pytest.approx(1 / every, abs=1e-4)


def test_extended_hours_are_more_bars_than_the_calendar_has() -> None:
    opens = opens_of("XNYS", *YEAR)
    hours = (opens[:, None] - 330 * MINUTE + 60 * MINUTE * np.arange(16)).ravel()
    found = bar_count(hours, "XNYS", "1h")
    assert found.count == 1
    assert found.rows["value"][0] == pytest.approx(16 / 7, rel=0.01)


def test_weeks_and_months_are_counted_by_the_weeks_and_months_that_have_sessions() -> None:
    weeks = instant("2018-12-31T14:30") + np.arange(52) * 7 * 1440 * MINUTE
    assert bar_count(weeks[1:], "XNYS", "1w").count == 0
    assert bar_count(weeks[1::2], "XNYS", "1w").count == 1


def test_a_session_that_is_not_over_is_not_counted() -> None:
    begun = instant("2019-01-02T14:30") + np.arange(4) * 60 * MINUTE
    assert bar_count(begun, "XNYS", "1h", last="2019-01-02").count == 0
    two = np.concatenate([bars_of_sessions("XNYS", "2019-01-02", "2019-01-03", 60)])
    assert bar_count(two, "XNYS", "1h", last="2019-01-04").count == 0


@settings(deadline=None)
@given(
    exchange=st.sampled_from(["XNYS", "XTSE", "XLON", "XETR", "XJSE", "XTKS", "XHKG"]),
    minutes=st.sampled_from([10, 30, 60, 90, 240]),
    start=st.integers(0, 200),
)
def test_longer_bars_are_those_of_the_calendar_with_consecutive_numbers(
    exchange: str, minutes: int, start: int
) -> None:
    days = opens_of(exchange, "2025-01-01", "2025-12-31").astype("datetime64[us]")
    first, last = str(days[start])[:10], str(days[start + 3])[:10]
    fives = frame_of(bars_of_sessions(exchange, first, last, 5))
    timeframe = f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
    longer = resample(fives, timeframe="5m", to=timeframe, exchange=exchange)
    stamps = longer["timestamp"].dt.epoch("us").to_numpy()
    assert stamps.tolist() == bars_of_sessions(exchange, first, last, minutes).tolist()
    ordinals, inside = bar_ordinals(stamps, timeframe, sessions_of(exchange))
    assert inside.all()
    assert set(np.diff(ordinals).tolist()) <= {1}
    most = BarCalendar(exchange, timeframe).bars_per_session
    assert len(stamps) <= most * len(set(longer["timestamp"].dt.date()))

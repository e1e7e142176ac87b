"""Nights follow the calendars of exchanges: holidays, half days, clock changes, every day."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import EXCHANGES
from mc_assets.automation.nights import (
    Night,
    last_session,
    missed_nights,
    next_night,
    saturdays,
    upcoming_nights,
)
from mc_assets.automation.settings import NightlySettings
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig

UTC = datetime.UTC
DELAY = datetime.timedelta(minutes=30)


def _series(symbol: str, exchange: str, end: str | None = None) -> SeriesConfig:
    return SeriesConfig.model_validate(
        {
            **{"symbol": symbol, "provider": "csv", "exchange": exchange, "start": "2020-01-01"},
            **{"end": end, "options": {"path": "x"}},
        }
    )


def _days(nights: list[Night]) -> list[str]:
    return [str(night.session) for night in nights]


def _missed(exchange: str, now: str, after: str | None) -> list[Night]:
    day = datetime.date.fromisoformat(after) if after else None
    return missed_nights(exchange, datetime.datetime.fromisoformat(now), after=day, delay=DELAY)


def test_a_holiday_has_no_night_and_a_half_day_an_early_one() -> None:
    # Thanksgiving is on the 26th; the 27th closes at 13:00 in New York.
    nights = _missed("XNYS", "2026-11-28T00:00:00+00:00", "2026-11-24")
    assert _days(nights) == ["2026-11-25", "2026-11-27"]
    assert nights[1].due == datetime.datetime(2026, 11, 27, 18, 30, tzinfo=UTC)
    assert _days(_missed("XNYS", "2026-11-27T18:29:59+00:00", "2026-11-24")) == ["2026-11-25"]


def test_nights_follow_the_clocks_of_the_exchange_through_a_change_of_time() -> None:
    before, after = _missed("XNYS", "2026-11-03T00:00:00+00:00", "2026-10-29")
    assert [before.due.hour, after.due.hour] == [20, 21]
    assert [one.local(one.due)[11:] for one in (before, after)] == ["16:30 EDT", "16:30 EST"]


def test_a_market_that_never_closes_has_a_night_every_day() -> None:
    nights = _missed("24/7", "2026-11-30T00:30:00+00:00", "2026-11-26")
    assert _days(nights) == ["2026-11-27", "2026-11-28", "2026-11-29"]
    assert nights[-1].due == datetime.datetime(2026, 11, 30, 0, 30, tzinfo=UTC)


def test_tokyo_has_its_night_while_new_york_sleeps() -> None:
    (night,) = _missed("XTKS", "2026-11-27T07:00:00+00:00", "2026-11-26")
    assert night.local(night.due) == "2026-11-27 16:00 JST"


def test_the_first_night_is_that_of_the_newest_session_alone() -> None:
    assert _days(_missed("XNYS", "2026-11-28T00:00:00+00:00", None)) == ["2026-11-27"]


def test_what_is_half_a_day_is_said() -> None:
    night, remark = next_night("XNYS", datetime.datetime(2026, 12, 24, tzinfo=UTC), DELAY)
    assert (str(night.session), remark) == ("2026-12-24", "half day")
    night, remark = next_night("XNYS", datetime.datetime(2026, 12, 23, tzinfo=UTC), DELAY)
    assert (str(night.session), remark) == ("2026-12-23", "")


@settings(database=None, deadline=None)
@given(
    exchange=st.sampled_from(sorted(EXCHANGES)),
    moments=st.lists(st.integers(0, 60 * 24 * 60), min_size=1, max_size=12),
)
def test_whenever_the_chain_looks_each_session_is_found_once_in_order(
    exchange: str, moments: list[int]
) -> None:
    begin = datetime.datetime(2026, 1, 5, tzinfo=UTC)
    after = datetime.date(2026, 1, 5)
    found: list[datetime.date] = []
    for moment in sorted(moments):
        now = begin + datetime.timedelta(minutes=moment)
        nights = missed_nights(exchange, now, after=after, delay=DELAY)
        assert all(night.due <= now for night in nights)
        found += [night.session for night in nights]
        after = found[-1] if found else after
    at_once = missed_nights(exchange, now, after=datetime.date(2026, 1, 5), delay=DELAY)
    assert found == [night.session for night in at_once]
    assert found == sorted(set(found))


def test_an_evening_bar_in_chicago_belongs_to_the_session_of_the_next_day() -> None:
    crude = _series("CL", "CMES")
    assert last_session(crude, "2026-03-01T23:00:00+00:00") == datetime.date(2026, 3, 2)
    assert last_session(_series("A", "XNYS"), "2026-11-27T14:30:00") == datetime.date(2026, 11, 27)
    assert last_session(_series("EURUSD", "24/5"), "2026-11-29T22:00:00") == datetime.date(
        2026, 11, 30
    )
    assert last_session(crude, None) is None


def test_saturdays_are_those_of_the_first_exchange() -> None:
    config = MarketDataConfig(folder=Path(), series=(_series("A", "XNYS"),))
    at = datetime.time(10)
    early = datetime.datetime(2026, 11, 28, 14, 59, tzinfo=UTC)
    last, following = saturdays(config, early, at)
    assert (str(last.session), str(following.session)) == ("2026-11-21", "2026-11-28")
    last, _ = saturdays(config, early + datetime.timedelta(minutes=1), at)
    assert str(last.session) == "2026-11-28"
    assert last.due == early + datetime.timedelta(minutes=1)


@pytest.mark.parametrize("saturday", [datetime.time(10), None])
def test_what_comes_next_is_listed_by_its_time(saturday: datetime.time | None) -> None:
    series = (_series("A", "XNYS"), _series("OLD", "XLON", "2025-06-30"), _series("BTC", "24/7"))
    config = MarketDataConfig(folder=Path(), series=series)
    now = datetime.datetime(2026, 11, 27, 19, tzinfo=UTC)
    found = upcoming_nights(config, now, NightlySettings(saturday=saturday))
    weekly = ["saturday 2026-11-28"] if saturday else []
    assert [night.key for night in found] == ["24/7 2026-11-27", *weekly, "XNYS 2026-11-30"]

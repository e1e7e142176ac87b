"""Trading hours follow the clocks of their zone and the holidays of their exchange."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.execution.instruments import Instrument
from engine.execution.session import Session


def at(*stamps: str) -> NDArray[np.int64]:
    return np.array(stamps, dtype="datetime64[us]").astype(np.int64)


def held(session: object, *stamps: str) -> list[bool]:
    return Session.model_validate(session).holds(at(*stamps)).tolist()


NEW_YORK = {"zone": "America/New_York", "open": "09:30", "close": "16:00"}


@pytest.mark.parametrize("session", [NEW_YORK, {"exchange": "XNYS"}])
def test_hours_move_with_summer_time(session: object) -> None:
    winter = ("2024-01-16T14:29", "2024-01-16T14:30", "2024-01-16T20:59", "2024-01-16T21:00")
    summer = ("2024-07-16T13:29", "2024-07-16T13:30", "2024-07-16T19:59", "2024-07-16T20:00")
    assert held(session, *winter) == held(session, *summer) == [False, True, True, False]


def test_a_pair_of_times_is_in_utc_and_may_pass_midnight() -> None:
    assert held(("22:00", "12:30"), "2024-07-16T21:59", "2024-07-16T22:00") == [False, True]
    assert held(("22:00", "12:30"), "2024-07-16T12:29", "2024-07-16T12:30") == [True, False]


def test_a_session_of_a_zone_may_pass_midnight() -> None:
    chicago = {"zone": "America/Chicago", "open": "17:00", "close": "16:00"}
    stamps = ("2024-07-15T20:59", "2024-07-15T21:00", "2024-07-15T21:59", "2024-07-15T22:00")
    assert held(chicago, *stamps) == [True, False, False, True]


def test_an_exchange_knows_holidays_early_closes_and_lunch() -> None:
    # The day after Thanksgiving closes at 13:00; Thanksgiving has no session.
    stamps = ("2024-11-28T15:00", "2024-11-29T17:59", "2024-11-29T18:00")
    assert held({"exchange": "XNYS"}, *stamps) == [False, True, False]
    # Hong Kong rests from 12:00 to 13:00.
    stamps = ("2024-07-16T03:59", "2024-07-16T04:00", "2024-07-16T04:59", "2024-07-16T05:00")
    assert held({"exchange": "XHKG"}, *stamps) == [True, False, False, True]


def test_currencies_rest_from_friday_to_sunday_evening_in_new_york() -> None:
    stamps = ("2024-01-05T21:59", "2024-01-05T22:00", "2024-01-07T21:59", "2024-01-07T22:00")
    assert held({"exchange": "24/5"}, *stamps) == [True, False, False, True]
    stamps = ("2024-07-05T20:59", "2024-07-05T21:00", "2024-07-07T20:59", "2024-07-07T21:00")
    assert held({"exchange": "24/5"}, *stamps) == [True, False, False, True]
    assert held({"exchange": "24/7"}, *stamps) == [True] * 4


TEN = ("XNYS", "XNAS", "XTSE", "XLON", "XPAR", "XETR", "XJSE", "XTKS", "XHKG", "CMES")


@cache
def trading_minutes(exchange: str) -> np.ndarray:
    import exchange_calendars as xc

    calendar = xc.get_calendar(exchange, start="2014-12-01", end="2025-02-01")
    return np.asarray(calendar.minutes.tz_convert(None), dtype="datetime64[us]").astype(np.int64)


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(exchange=st.sampled_from(TEN), week=st.integers(0, 520))
def test_every_minute_of_any_fortnight_of_ten_years_agrees_with_the_calendar(
    exchange: str, week: int
) -> None:
    first = at("2015-01-01")[0] + week * 7 * 86_400_000_000
    stamps = np.arange(first, first + 14 * 86_400_000_000, 60_000_000)
    found = stamps[Session(exchange=exchange).holds(stamps)]
    minutes = trading_minutes(exchange)
    edges = np.searchsorted(minutes, [stamps[0], stamps[-1] + 1])
    assert np.array_equal(found, minutes[slice(*edges)])


@pytest.mark.parametrize(
    "session",
    [
        ("9:30", "16:00"),
        {"open": "09:30"},
        {"zone": "America/New_York"},
        {"exchange": "NYSE"},
        {"exchange": "XNYS", "open": "09:30", "close": "16:00"},
        {"zone": "Mars/Olympus", "open": "09:30", "close": "16:00"},
        {"zone": "../../etc/passwd", "open": "09:30", "close": "16:00"},
        {},
    ],
)
def test_what_is_no_session_is_refused(session: object) -> None:
    with pytest.raises(ValueError, match="session"):
        Instrument.model_validate({"session": session})

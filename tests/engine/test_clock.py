"""Years, sessions and the time between bars follow from timestamps, whatever bars there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.calendar import EXCHANGES, BarCalendar
from engine.clock import bar_years, session_bars, time_between, trading_time, years_of
from engine.local_time import latest_closes, session_days
from tests.engine.session_stamps import DAY, MINUTE, YEAR, bars_of_sessions, instant, opens_of

WEEKDAYS = 5 * 365.25 / 7


# --- the nominal year of a model's path, against exchange_calendars -------------------------


@settings(deadline=None)
@given(
    exchange=st.sampled_from(sorted(EXCHANGES)),
    minutes=st.sampled_from([5, 10, 30, 60, 90, 240]),
    year=st.integers(2015, 2025),
)
def test_bars_per_session_and_year_are_those_of_the_exchange(
    exchange: str, minutes: int, year: int
) -> None:
    if exchange == "XTKS":
        year = 2025  # the session is half an hour longer since November 2024
    stamps = bars_of_sessions(exchange, f"{year}-01-01", f"{year}-12-31", minutes)
    timeframe = f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
    calendar = BarCalendar(exchange, timeframe)
    assert session_bars(stamps, calendar) == calendar.bars_per_session
    # Half days, and holidays that fall on weekends in some years: up to 2 %.
    assert len(stamps) == pytest.approx(calendar.bars_per_year, rel=0.02)
    bars_per_year = len(stamps) / years_of(stamps, calendar)
    assert bars_per_year == pytest.approx(calendar.bars_per_year, rel=0.02)


@settings(deadline=None)
@given(
    exchange=st.sampled_from(sorted(EXCHANGES)),
    start=st.integers(0, 2500),
    count=st.integers(1, 600),
)
def test_daily_bars_of_any_stretch_of_sessions_have_the_years_of_their_dates(
    exchange: str, start: int, count: int
) -> None:
    opens = opens_of(exchange, "2010-01-01", "2024-12-31")[start : start + count]
    years = years_of(opens, BarCalendar(exchange, "1d"))
    # A weekend and a day at each edge are in doubt.
    assert years * 365.25 == pytest.approx((opens[-1] - opens[0]) / DAY + 1.0, abs=3.0)
    assert time_between(opens, count / years)[1:].sum() * years / count == pytest.approx(
        (opens[-1] - opens[0]) / YEAR
    )


@pytest.mark.parametrize(
    ("exchange", "timeframe", "bars"),
    [
        ("XNYS", "1h", 7), ("XNYS", "30m", 13), ("XNYS", "1m", 390), ("XNYS", "4h", 2),
        ("XHKG", "1h", 6), ("XTKS", "1h", 6), ("XTKS", "1m", 330), ("XLON", "1h", 9),
        ("CMES", "1h", 23), ("24/7", "4h", 6), ("24/5", "1h", 24),
    ],
)  # fmt: skip
def test_a_session_has_the_bars_that_begin_in_its_parts(
    exchange: str, timeframe: str, bars: int
) -> None:
    assert BarCalendar(exchange, timeframe).bars_per_session == bars


@pytest.mark.parametrize("exchange", sorted(EXCHANGES))
def test_a_year_has_as_many_weeks_whatever_the_exchange(exchange: str) -> None:
    assert BarCalendar(exchange, "1w").bars_per_year == pytest.approx(365.25 / 7)


# --- the years of a series ------------------------------------------------------------------


def test_the_years_of_a_week_a_day_and_half_a_day_are_their_share_of_a_week() -> None:
    week = bars_of_sessions("XNYS", "2019-03-04", "2019-03-08", 1)
    calendar = BarCalendar("XNYS", "1m")
    assert years_of(week, calendar) == pytest.approx(7 / 365.25)
    assert years_of(week[:390], calendar) == pytest.approx(1 / WEEKDAYS)
    assert years_of(week[:195], calendar) == pytest.approx(0.5 / WEEKDAYS)
    # From noon on Monday to noon on Tuesday.
    assert years_of(week[150:540], calendar) == pytest.approx(1 / WEEKDAYS)


def test_a_weekend_belongs_to_the_week_before_it() -> None:
    calendar = BarCalendar("XNYS", "1d")
    friday, monday = instant("2019-03-08T14:30"), instant("2019-03-11T13:30")
    assert years_of(np.array([friday]), calendar) == pytest.approx(1 / WEEKDAYS)
    assert years_of(np.array([friday, monday]), calendar) == pytest.approx(2 / WEEKDAYS)


@pytest.mark.parametrize("hour", ["00:00", "05:00", "14:30"])
def test_daily_bars_may_be_stamped_with_midnight(hour: str) -> None:
    week = np.array([instant(f"2019-03-{day:02d}T{hour}") for day in range(4, 9)])
    assert years_of(week, BarCalendar("XNYS", "1d")) == pytest.approx(7 / 365.25)


def test_the_week_of_currencies_begins_on_sunday_evening() -> None:
    week = opens_of("24/5", "2019-03-04", "2019-03-08")
    assert week[0] == instant("2019-03-03T22:00")
    assert years_of(week, BarCalendar("24/5", "1d")) == pytest.approx(7 / 365.25)
    hours = bars_of_sessions("24/5", "2019-03-04", "2019-03-08", 60)
    assert years_of(hours, BarCalendar("24/5", "1h")) == pytest.approx(7 / 365.25)


def test_bars_outside_every_session_take_the_time_that_they_take() -> None:
    early = instant("2019-03-04T09:00") + np.arange(60) * MINUTE
    assert years_of(early, BarCalendar("XNYS", "1m")) == pytest.approx(
        60 / BarCalendar("XNYS", "1m").bars_per_year
    )
    # Five minutes inside a session do not stand for 335 minutes of bars.
    most = instant("2019-03-04T09:00") + np.arange(335) * MINUTE
    assert len(most) / years_of(most, BarCalendar("XNYS", "1m")) <= 365.25 * 1440 + 1e-6


@pytest.mark.parametrize(
    ("timeframe", "most"), [("1d", 365.25), ("1w", 365.25 / 7), ("1mo", 365.25 / 28)]
)
def test_no_year_has_more_bars_than_fit_in_it(timeframe: str, most: float) -> None:
    counted = np.arange(400, dtype=np.int64)  # numbers in place of instants
    assert 400 / years_of(counted, BarCalendar("XNYS", timeframe)) == pytest.approx(most)


def test_no_bars_have_the_calendars_bars_per_year() -> None:
    nothing = np.empty(0)
    bars = Bars("X", np.empty(0, dtype=np.int64), *[nothing] * 5)
    assert bars.bars_per_year == 252.0


# --- the time between bars ------------------------------------------------------------------


def test_a_weekend_is_three_days_and_a_year_of_bars_adds_up_to_its_days() -> None:
    opens = opens_of("XNYS", "2019-01-01", "2019-12-31")
    bars_per_year = 252 / years_of(opens, BarCalendar())
    elapsed = time_between(opens, bars_per_year) / bars_per_year * 365.25
    assert elapsed[0] == pytest.approx(365.25 / bars_per_year)
    assert np.round(elapsed[1:6], 6).tolist() == [1.0, 1.0, 3.0, 1.0, 1.0]
    assert elapsed[1:].sum() == pytest.approx(363.0)


def test_trading_time_is_one_session_a_day_over_weekends_and_holidays() -> None:
    opens = opens_of("XNYS", "2019-01-01", "2019-12-31")
    found = trading_time(opens, BarCalendar())
    assert set(found.bar_counts.tolist()) == {1.0}
    assert found.dt == 1 / 252
    months = opens.astype("datetime64[us]").astype("datetime64[M]").astype(int) % 12
    hole = trading_time(opens[months != 2], BarCalendar())
    assert hole.bar_counts.max() == 22.0


def test_daily_bars_that_lack_every_second_day_are_two_days_apart() -> None:
    opens = opens_of("XNYS", "2019-01-01", "2019-12-31")[::2]
    found = trading_time(opens, BarCalendar())
    assert np.median(found.bar_counts) == 2.0
    assert (found.bar_counts * found.dt).sum() == pytest.approx(
        (opens[-1] - opens[0]) / YEAR, abs=0.003
    )


def test_a_lunch_break_is_no_trading_time() -> None:
    day = bars_of_sessions("XHKG", "2019-03-04", "2019-03-05", 1)
    found = trading_time(day, BarCalendar("XHKG", "1m"))
    assert set(found.bar_counts.tolist()) == {1.0}
    assert np.flatnonzero(~found.inside).tolist() == [329]
    late = np.delete(day, [150, 151])  # the first two minutes of the afternoon
    assert trading_time(late, BarCalendar("XHKG", "1m")).bar_counts[149] == 3.0


@pytest.mark.parametrize(
    ("timeframe", "gap"), [("1w", 7 * DAY), ("1mo", 31 * DAY)], ids=["weeks", "months"]
)
def test_missing_weeks_and_months_are_counted(timeframe: str, gap: int) -> None:
    begin = instant("2019-01-01")
    stamps = begin + np.array([0, 1, 3]) * gap
    assert trading_time(stamps, BarCalendar("XNYS", timeframe)).bar_counts.tolist() == [1.0, 2.0]


def test_a_series_that_matches_its_calendar_has_the_bars_of_simulated_paths() -> None:
    calendar = BarCalendar("XNYS", "1h")
    stamps = bars_of_sessions("XNYS", "2015-01-01", "2019-12-31", 60)
    assert bar_years(len(stamps) / years_of(stamps, calendar), calendar) == calendar.dt
    half = stamps[::2]
    assert 1.0 / bar_years(len(half) / years_of(half, calendar), calendar) == pytest.approx(
        len(half) / 5.0, rel=0.002
    )


def test_the_day_of_a_session_is_that_on_which_it_closes() -> None:
    sunday = np.array([instant("2019-03-03T23:00")])  # 17:00 in Chicago, 18:00 in New York
    monday = [int(np.datetime64("2019-03-04", "D").astype(np.int64))]
    assert session_days(sunday, "CMES").tolist() == monday
    assert session_days(sunday, "24/5").tolist() == monday
    assert session_days(sunday, "24/7").tolist() == [monday[0] - 1]


# Days of 24/5 begin there at midnight UTC, here in the evening of New York.
@pytest.mark.parametrize("exchange", sorted(EXCHANGES.keys() - {"24/5"}))
@pytest.mark.parametrize("stamped", ["open", "midnight"])
def test_a_daily_bar_has_closed_by_its_latest_close_and_before_the_next_opens(
    exchange: str, stamped: str
) -> None:
    import exchange_calendars

    sessions = exchange_calendars.get_calendar(exchange, start="2021-12-01", end="2023-02-01")
    days = sessions.schedule.loc["2022-01-01":"2022-12-31"]
    # Microseconds; the index of days is their midnights.
    opens, closes = (
        days[name].astype("datetime64[us, UTC]").astype("int64") for name in ("open", "close")
    )
    stamps = opens if stamped == "open" else days.index.astype("datetime64[us]").astype("int64")
    found = latest_closes(stamps.to_numpy(), BarCalendar(exchange, "1d"))
    # There a session of it ends where the next begins, an hour after its trading.
    pause = 60 * MINUTE if exchange == "CMES" else 0
    assert (found + pause >= closes.to_numpy()).all()
    assert (found[:-1] <= opens.to_numpy()[1:]).all()


def test_weeks_and_months_close_with_their_last_weekday() -> None:
    stamps = np.array([instant("2024-01-02T14:30"), instant("2024-02-26T14:30")])
    weeks = latest_closes(stamps, BarCalendar("XNYS", "1w"))
    assert weeks.tolist() == [instant("2024-01-05T21:00"), instant("2024-03-01T21:00")]
    months = latest_closes(stamps[:1], BarCalendar("XNYS", "1mo"))
    assert months.tolist() == [instant("2024-01-31T21:00")]

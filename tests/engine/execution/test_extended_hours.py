"""A session of an exchange ends with its regular close, whatever bars lie behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.execution import Execution
from engine.execution.schedule import sessions_of_bars
from engine.execution.session import Session
from engine.strategies import Backtest, Strategy, backtest
from tests.engine.session_stamps import MINUTE, instant

ALL_DAY = {"open": "04:00", "close": "20:00", "zone": "America/New_York"}


def span(first: str, last: str, minutes: int = 30) -> np.ndarray:
    return np.arange(instant(first), instant(last), minutes * MINUTE)


def series(*parts: np.ndarray, timeframe: str = "30m") -> Bars:
    stamps = np.concatenate(parts)
    prices = [np.full(len(stamps), 100.0)] * 4
    return Bars("X", stamps, *prices, np.full(len(stamps), 1e6), BarCalendar("XNYS", timeframe))


class Three(Strategy):
    """At the first close an order for the day, one for the close, and one to be held."""

    def on_bar(self, bar, order, account):
        if bar.index == 0:
            order.limit(1, 50.0, tif="day")
            order.market_on_close(2)
            order.market(4)


def ends(bars: Bars, strategy: type[Strategy] = Three, **execution: Any) -> list[tuple[str, str]]:
    found = backtest(strategy, bars, execution={"cash": 1e5, **execution}).orders
    found = found.filter(pl.col("event") != "submitted")
    times = found["time"].dt.convert_time_zone("America/New_York").dt.strftime("%a %H:%M")
    return list(zip(found["event"], times, strict=True))


# Tuesday and Wednesday with bars until 18:00; the same with one print at 16:00; and the day after
# Thanksgiving with bars until 15:00.
EVENING = (
    span("2024-01-16T14:30", "2024-01-16T23:00"),
    span("2024-01-17T14:30", "2024-01-17T23:00"),
)
PRINT = (span("2024-01-16T14:30", "2024-01-16T21:30"), span("2024-01-17T14:30", "2024-01-17T21:00"))
HALF_DAY = (
    span("2024-11-29T14:30", "2024-11-29T20:00"),
    span("2024-12-02T14:30", "2024-12-02T21:00"),
)


@pytest.mark.parametrize(
    ("days", "last"), [(EVENING, "Tue 15:30"), (PRINT, "Tue 15:30"), (HALF_DAY, "Fri 12:30")]
)
def test_bars_behind_the_regular_close_change_nothing_that_ends_with_it(
    days: tuple[np.ndarray, ...], last: str
) -> None:
    whole, first = series(*days), f"{last[:3]} 10:00"
    over = 1 + [int(at) for at in whole.timestamps].index(
        int(sessions_of_bars(whole.timestamps, "XNYS").closes[0]) - 30 * MINUTE
    )
    of_all = [("filled", first), ("filled", last), ("expired", last)]
    flat = [("filled", first), ("rejected: halted", last), ("filled", last), ("expired", last)]
    for cut in (over, over + 1, len(whole)):
        assert ends(whole[:cut]) == of_all
        assert ends(whole[:cut], flat_at="close") == flat
    assert ends(whole[: over - 1]) == ends(whole[: over - 1], flat_at="close") == of_all[:1]


class AfterHours(Strategy):
    """At 16:30 of the first day."""

    def on_bar(self, bar, order, account):
        if bar.index == 13:
            order.limit(1, 50.0, tif="day")
            order.market_on_close(1)
            order.market_on_open(1)
            order.market(1)


def test_what_is_placed_behind_the_close_is_for_the_next_session() -> None:
    early = span("2024-01-17T09:00", "2024-01-17T14:30")
    with_morning = series(EVENING[0], early, EVENING[1])
    assert ends(with_morning, AfterHours) == [
        ("filled", "Tue 16:30"),
        ("filled", "Wed 09:30"),
        ("filled", "Wed 15:30"),
        ("expired", "Wed 15:30"),
    ]


def test_an_order_for_an_open_waits_for_the_regular_one_by_day_and_in_the_morning() -> None:
    class ForTheOpen(Strategy):
        def on_bar(self, bar, order, account):
            if bar.index in (2, 12, 20):
                order.market_on_open(1)

    early = span("2024-01-17T09:00", "2024-01-17T14:30")
    days = series(EVENING[0], early, EVENING[1])
    assert ends(days, ForTheOpen) == [("filled", "Wed 09:30")] * 3


def test_hours_of_an_instrument_of_its_own_trade_extended_hours() -> None:
    days = series(span("2024-01-16T09:00", "2024-01-17T01:00"), EVENING[1])
    found = ends(days, instrument={"session": ALL_DAY})
    assert found == [("filled", "Tue 04:30"), ("filled", "Tue 19:30"), ("expired", "Tue 19:30")]


def test_the_beginning_of_any_series_with_extended_hours_is_that_of_the_whole() -> None:
    class AllSorts(Strategy):
        def on_bar(self, bar, order, account):
            kind = bar.index % 5
            if kind == 0:
                order.limit(1, 50.0, tif="day")
            elif kind == 1:
                order.market_on_close(1)
            elif kind == 2:
                order.market_on_open(-1)
            elif kind == 3:
                order.market(1)

    # Five days around a half day from 04:00 to 20:00, of which a third of the bars is missing
    # but for those before the regular closes.
    stamps = span("2024-11-26T09:00", "2024-12-03T01:00")
    hour = (stamps // MINUTE - 300) % 1440
    kept = (hour >= 240) & (hour < 1200)
    kept &= (np.random.default_rng(3).random(len(stamps)) < 0.67) | (hour == 930) | (hour == 750)
    bars = series(stamps[kept])

    def made(cut: int) -> Backtest:
        return backtest(AllSorts, bars[:cut], execution={"cash": 1e5, "flat_at": "close"})

    whole = made(len(bars))
    for cut in range(3, len(bars), 7):
        assert made(cut).orders.equals(whole.orders.filter(pl.col("bar") < cut))


def test_where_no_calendar_is_known_weekdays_have_regular_hours() -> None:
    # The calendar of Tokyo begins in 1997; 1996-12-27 was a Friday.
    stamps = np.array([instant("1996-12-27T05:00"), instant("1996-12-27T06:30")])
    found = sessions_of_bars(stamps, "XTKS")
    assert found.days.astype("datetime64[D]").astype(str).tolist() == ["1996-12-27", "1996-12-30"]
    assert found.closes[0] == instant("1996-12-27T06:30")
    both = sessions_of_bars(np.array([stamps[0], instant("2001-01-04T01:00")]), "XTKS")
    assert both.days.astype("datetime64[D]").astype(str).tolist() == ["1996-12-27", "2001-01-04"]


@pytest.mark.parametrize("stamp", ["T00:00", "T14:30"])
def test_daily_bars_are_inside_their_session_by_their_date(stamp: str) -> None:
    days = ("2024-01-18", "2024-01-19", "2024-01-20", "2024-01-22")  # a Saturday without a session
    stamps = np.array([instant(day + stamp) for day in days])
    assert Session(exchange="XNYS").holds(stamps, 1440).tolist() == [True, True, False, True]
    assert Session.model_validate(ALL_DAY).holds(stamps, 1440).all()
    assert Session(exchange="XNYS").holds(stamps, 7 * 1440).all()
    bars = series(stamps, timeframe="1d")
    found = ends(bars, instrument={"session": {"exchange": "XNYS"}})
    assert [event for event, _ in found] == ["filled", "filled", "expired"]
    execution = Execution.model_validate({"instrument": {"session": {"exchange": "XNYS"}}})
    closed = execution.closed(("X",), stamps, "XNYS", 1440)
    assert closed is not None
    assert closed.tolist() == [[0, 0, 1, 0]]

"""Orders for the day end with their session: half days, missing bars, nights, clock changes."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.execution import Execution
from engine.execution.session import Session
from engine.execution.session_bars import last_bars_of_days
from engine.strategies import Strategy, backtest, prepare_strategy

MINUTE = 60_000_000
EXCHANGES = ("XNYS", "XNAS", "XTSE", "XLON", "XPAR", "XETR", "XJSE", "XTKS", "XHKG", "CMES")


class DayLimit(Strategy):
    """Always one order for the day in the book, far from the market."""

    def on_bar(self, bar, order, account):
        if account.open_orders == 0:
            order.limit(1, 1.0, tif="day")


@cache
def schedule(exchange: str) -> Any:
    xc = pytest.importorskip("exchange_calendars")
    return xc.get_calendar(exchange, start="2015-01-01", end="2024-12-31").schedule


def bars_of_sessions(exchange: str, first: int, count: int, minutes: int) -> np.ndarray:
    """Opening instants of the bars of sessions, and which session each belongs to."""
    stamps = []
    for number, row in enumerate(schedule(exchange).iloc[first : first + count].itertuples()):
        parts = [(row.open, row.close)]
        if row.break_start == row.break_start:
            parts = [(row.open, row.break_start), (row.break_end, row.close)]
        for begin, end in parts:
            start, stop = (int(at.timestamp() * 1e6) for at in (begin, end))
            if exchange == "CMES" and stop - start > 20 * 60 * MINUTE:
                stop -= 60 * MINUTE  # closed for an hour that `exchange_calendars` counts as open
            stamps += [(at, number) for at in range(start, stop, minutes * MINUTE)]
    return np.array(stamps).T


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    exchange=st.sampled_from(EXCHANGES),
    minutes=st.sampled_from([5, 30, 60, 240]),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_a_day_ends_with_the_last_bar_of_its_session_on_every_exchange(
    seed: int, exchange: str, minutes: int, missing: float
) -> None:
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, len(schedule(exchange)) - 15))
    stamps, session = bars_of_sessions(exchange, first, 15, minutes)
    kept = rng.random(len(stamps)) >= missing
    # The bars end anywhere behind the first session.
    kept[int(rng.integers(np.count_nonzero(session == 0) + 1, len(stamps) + 1)) :] = False
    last = np.flatnonzero(kept)[-1]
    is_over = last + 1 == len(stamps) or session[last + 1] > session[last]
    stamps, session = stamps[kept], session[kept]
    found = Execution().last_bars(("X",), stamps, exchange, minutes)
    expected = np.searchsorted(session, session, side="right") - 1
    if not is_over:
        expected[session == session[-1]] = len(stamps)
    np.testing.assert_array_equal(found[0], expected)


def hourly(exchange: str, first: str, count: int, minutes: int = 60) -> Bars:
    place = int(schedule(exchange).index.searchsorted(np.datetime64(first)))
    stamps, _ = bars_of_sessions(exchange, place, count, minutes)
    price = np.full(len(stamps), 100.0)
    calendar = BarCalendar(exchange, {60: "1h", 1: "1m", 5: "5m"}[minutes])
    return Bars("X", stamps, *[price] * 4, np.ones(len(stamps)), calendar)


def ends(bars: Bars, zone: str, **execution: Any) -> list[str]:
    orders = backtest(DayLimit, bars, execution={"cash": 1000.0, **execution}).orders
    times = orders.filter(orders["event"] == "expired")["time"]
    return times.dt.convert_time_zone(zone).dt.strftime("%m-%d %H:%M").to_list()


def test_hourly_orders_in_new_york_end_at_the_half_hour_before_the_close() -> None:
    found = ends(hourly("XNYS", "2023-11-20", 6), "America/New_York")
    assert [when[6:] for when in found] == ["15:30"] * 3 + ["12:30"] + ["15:30"] * 2


def test_minute_orders_end_with_their_session_after_a_half_day_too() -> None:
    found = ends(hourly("XNYS", "2023-11-21", 5, 5), "America/New_York")
    assert [when[6:] for when in found] == ["15:55"] * 2 + ["12:55"] + ["15:55"] * 2


def test_a_session_through_the_night_is_one_day() -> None:
    found = ends(hourly("CMES", "2024-03-07", 4), "America/Chicago")
    assert found == ["03-07 15:00", "03-08 15:00", "03-11 15:00", "03-12 15:00"]


def test_an_order_placed_outside_the_hours_of_an_instrument_is_for_the_next_session() -> None:
    stamps = np.arange(72, dtype=np.int64) * 60 * MINUTE
    price = np.full(72, 100.0)
    bars = Bars("X", stamps, *[price] * 4, np.ones(72), BarCalendar("24/7", "1h"))
    night = {"session": {"open": "22:00", "close": "05:00"}}
    assert ends(bars, "UTC", instrument=night) == [
        "01-01 04:00",
        "01-02 04:00",
        "01-03 04:00",
    ]  # the night of the third has not ended
    assert ends(bars, "UTC") == ["01-01 23:00", "01-02 23:00", "01-03 23:00"]


def test_bars_without_timestamps_are_counted_in_whole_bars_of_a_session() -> None:
    engine = prepare_strategy(
        DayLimit,
        Execution(cash=1000.0),
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=28,
        bars_per_year=252.0 * 6.5,
        bars_per_session=6.5,
    )
    scratch = engine.scratch(record_orders=True)
    block = np.full((1, 1, 5, 28), 100.0)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    engine.run(block, np.empty((1, 0)), metrics, np.empty((1, 1), dtype=np.int8), scratch)
    log = pl.DataFrame(scratch.simulation.events[:40])
    assert log.filter(pl.col("column_4") == 3.0)["column_0"].to_list() == [6.0, 13.0, 20.0, 27.0]


def test_the_last_bar_of_a_day_is_its_last_open_one() -> None:
    days = np.array([0, 0, 0, 1, 1, 2, 2])
    is_open = np.array([True, True, False, False, True, True, False])
    assert last_bars_of_days(days, is_open, True).tolist() == [1, 1, 4, 4, 4, 5, 7]
    assert last_bars_of_days(days, is_open, False).tolist() == [1, 1, 4, 4, 4, 7, 7]
    assert last_bars_of_days(days, np.zeros(7, dtype=bool), True).tolist() == [7] * 7


def test_the_day_of_currencies_begins_at_five_in_the_afternoon_in_new_york() -> None:
    opens = np.array(["2024-03-08T21:59", "2024-03-10T21:00", "2024-03-11T20:59"], "datetime64[us]")
    days = Session(exchange="24/5").days(opens.astype(np.int64))
    assert (days - days[0]).tolist() == [0, 3, 3]

"""A series that ends early shows the beginning of what the whole shows: no session ends there."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.session import Session
from engine.paper.replay import replay
from engine.paper.terms import Terms
from engine.strategies import Backtest, FillTape, Int, Strategy, backtest
from tests.engine.session_stamps import MINUTE, bars_of_sessions, instant

CASH = {"cash": 1e5}
NIGHT = {"open": "20:00", "close": "13:00", "zone": "America/New_York"}


class AllSorts(Strategy):
    """Every order whose life depends on sessions, some of which fill."""

    def on_bar(self, bar, order, account):
        k = bar.index % 9
        if k == 0:
            order.limit(1, 50.0, tif="day")
        elif k == 1:
            order.market_on_close(2)
        elif k == 2:
            order.market(1)
        elif k == 3:
            order.market_on_open(-1)
        elif k == 4:
            order.stop(-1, 10.0, tif="day")
        elif k == 5:
            order.limit(1, 100.5, tif="day")
        elif k == 7:
            order.close()


def series(stamps: np.ndarray, exchange: str, timeframe: str) -> Bars:
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, len(stamps))))
    opens = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999
    calendar = BarCalendar(exchange, timeframe)
    return Bars("X", stamps, opens, high, low, close, np.full(len(stamps), 1e4), calendar)


def assert_begins(part: Backtest, whole: Backtest, bars: int) -> None:
    assert part.orders.equals(whole.orders.filter(pl.col("bar") < bars))
    assert part.trades.equals(whole.trades.filter(pl.col("exit_bar") < bars))
    np.testing.assert_array_equal(part.equity, whole.equity[:bars])


@pytest.mark.parametrize("flat_at", ["never", "close"])
@pytest.mark.parametrize(
    ("exchange", "first", "last", "minutes"),
    [
        ("XNYS", "2023-11-21", "2023-11-27", 60),  # a half day on Friday
        ("XHKG", "2024-12-23", "2024-12-27", 30),  # a half day, holidays, lunch
        ("XTKS", "2024-11-01", "2024-11-06", 60),  # the close moves from 15:00 to 15:30
        ("CMES", "2024-03-07", "2024-03-12", 60),  # through the night, and a clock change
    ],
)
def test_the_beginning_of_a_series_has_the_orders_and_equity_of_the_whole(
    exchange: str, first: str, last: str, minutes: int, flat_at: str
) -> None:
    timeframe = {30: "30m", 60: "1h"}[minutes]
    bars = series(bars_of_sessions(exchange, first, last, minutes), exchange, timeframe)
    execution = {**CASH, "flat_at": flat_at}
    whole = backtest(AllSorts, bars, execution=execution)
    assert "filled" in set(whole.orders["event"])
    rng = np.random.default_rng(len(bars))
    for cut in np.sort(rng.choice(np.arange(2, len(bars)), 10, replace=False)).tolist():
        assert_begins(backtest(AllSorts, bars[:cut], execution=execution), whole, cut)


def test_hours_of_a_zone_and_missing_bars_inside_a_session_show_the_same_beginning() -> None:
    stamps = instant("2024-03-06T00:00") + np.arange(6 * 48) * 30 * MINUTE
    rng = np.random.default_rng(4)
    # Every third bar is missing, but for those that a session could end with.
    local = (stamps // MINUTE - 5 * 60) % 1440
    kept = (rng.random(len(stamps)) < 0.67) | (local == 750) | (local == 690)
    bars = series(stamps[kept], "24/7", "30m")
    execution = {**CASH, "instrument": {"session": NIGHT}}
    whole = backtest(AllSorts, bars, execution=execution)
    assert {"expired", "filled"} <= set(whole.orders["event"])
    for cut in range(2, len(bars), 17):
        assert_begins(backtest(AllSorts, bars[:cut], execution=execution), whole, cut)


class ForTheDay(Strategy):
    at = Int(7)

    def on_bar(self, bar, order):
        if bar.index == self.at:
            order.limit(1, 50.0, tif="day")


@pytest.mark.parametrize("bars", range(9, 15))
def test_an_order_for_the_day_waits_where_bars_end_before_its_session(bars: int) -> None:
    stamps = bars_of_sessions("XNYS", "2024-03-04", "2024-03-05", 60)[:bars]
    found = backtest(ForTheDay, series(stamps, "XNYS", "1h"), execution=CASH)
    over = bars == 14  # the second session has its seventh bar
    assert found.orders["event"].to_list() == ["submitted"] + ["expired"] * over
    assert found.open_orders.height == 1 - over
    assert over or np.isnan(found.open_orders["expiry"][0])


@pytest.mark.parametrize("bars", range(9, 15))
def test_a_paper_session_keeps_an_order_for_the_day_until_its_session_ends(bars: int) -> None:
    stamps = bars_of_sessions("XNYS", "2024-03-04", "2024-03-05", 60)[:bars]
    terms = Terms("s", "id", ForTheDay, {}, Execution(cash=1e5), ("X",))
    nothing = pl.DataFrame({"bar": [], "units": [], "price": []}, schema_overrides={"bar": int})
    found = replay(terms, [series(stamps, "XNYS", "1h")], 0, FillTape(nothing, until=bars - 1))
    assert [(order.bar, order.limit) for order in found.wanted()] == [(7, 50.0)] * (bars < 14)


class HalfOfEquity(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 6:
            order.target_percent(0.5)


@pytest.mark.parametrize(
    "hours",
    [
        None,
        {"exchange": "XNYS"},
        {"open": "09:30", "close": "16:00", "zone": "America/New_York"},
    ],
)
def test_a_paper_session_sizes_at_a_last_close_what_is_to_fill_in_the_next_session(
    hours: Any,
) -> None:
    # The last close of a Friday.
    stamps = bars_of_sessions("XNYS", "2024-03-01", "2024-03-01", 60)
    execution = Execution.model_validate({**CASH, "instrument": {"session": hours}})
    terms = Terms("s", "id", HalfOfEquity, {}, execution, ("X",))
    bars = series(stamps, "XNYS", "1h")
    nothing = pl.DataFrame({"bar": [], "units": [], "price": []}, schema_overrides={"bar": int})
    (order,) = replay(terms, [bars], 0, FillTape(nothing, until=6)).wanted()
    assert order.units == 50_000.0 // bars.close[-1]


class AtTheClose(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market_on_close(1)


class InTheMorning(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(1)


@pytest.mark.parametrize(
    ("strategy", "flat_at", "fills"), [(AtTheClose, "never", 0), (InTheMorning, "close", 1)]
)
def test_nothing_fills_at_the_close_of_a_session_that_has_not_ended(
    strategy: type[Strategy], flat_at: str, fills: int
) -> None:
    # The day after Thanksgiving has four hourly bars.
    stamps = bars_of_sessions("XNYS", "2023-11-24", "2023-11-24", 60)
    execution: dict[str, Any] = {**CASH, "flat_at": flat_at}
    for bars in (2, 3, 4):
        found = backtest(strategy, series(stamps[:bars], "XNYS", "1h"), execution=execution)
        filled = found.orders.filter(event="filled")
        assert filled.height == fills + (bars == 4)
        assert (filled["bar"][-1] == 3) if bars == 4 else (found.equity[-1] >= 0.0)


def test_a_session_ends_by_its_calendar_its_hours_or_its_clock() -> None:
    def is_over(session: Session, opens: str, until: str) -> bool:
        return session.is_over(np.array([instant(opens)]), instant(until))

    nyse, day = Session(exchange="XNYS"), "2024-01-16T"
    assert not is_over(nyse, day + "19:30", day + "20:30")
    assert is_over(nyse, day + "20:30", day + "21:30")
    assert is_over(nyse, "2024-11-29T17:30", "2024-11-29T18:30")
    # A bar after hours belongs to the next session.
    assert not is_over(nyse, day + "21:30", day + "22:30")
    assert is_over(nyse, day + "21:30", "2024-01-17T21:00")
    # A Saturday has no session.
    assert not is_over(nyse, "2024-01-20T16:30", "2024-01-20T17:30")
    night = Session.model_validate(NIGHT)
    assert not is_over(night, "2024-01-16T16:00", "2024-01-16T17:00")
    assert is_over(night, "2024-01-16T17:00", "2024-01-16T18:00")
    around_the_clock = Session(exchange="24/7")
    assert not is_over(around_the_clock, day + "22:00", day + "23:00")
    assert is_over(around_the_clock, day + "23:00", "2024-01-17T00:00")


def test_of_years_without_a_calendar_half_days_are_not_known() -> None:
    stamps = instant("1990-03-06T00:00") + np.arange(7) * 60 * MINUTE  # from 09:00 in Tokyo
    found = [Execution().last_bars(("X",), stamps[:n], "XTKS", 60) for n in (5, 7)]
    assert [item[0].tolist() for item in found if item is not None] == [[5] * 5, [6] * 7]
    with pytest.raises(Refusal, match=r"XTKS: found bars of 1990, allowed .* known, 1997 to"):
        Session(exchange="XTKS").holds(stamps)


def test_where_the_length_of_bars_is_not_told_it_is_the_shortest_between_two() -> None:
    stamps = bars_of_sessions("XNYS", "2024-03-04", "2024-03-04", 60)
    found = [Execution().last_bars(("X",), stamps[:n], "XNYS") for n in (6, 7)]
    assert [item[0].tolist() for item in found if item is not None] == [[6] * 6, [6] * 7]


def test_a_good_till_date_behind_the_last_bar_is_not_reached_with_it() -> None:
    class Till(Strategy):
        hours = Int(3)

        def on_bar(self, bar, order):
            if bar.index == 0:
                order.good_till(order.limit(1, 50.0), bar.time + 3600.0 * self.hours)

    stamps = instant("2024-03-04T00:00") + np.arange(4) * 60 * MINUTE
    bars = series(stamps, "24/7", "1h")
    for hours, last in ((0, 1), (1, 1), (3, 3), (4, None), (50, None)):
        found = backtest(Till, bars, {"hours": hours}, CASH).orders.filter(event="expired")
        assert found["bar"].to_list() == ([] if last is None else [last])


@pytest.mark.parametrize("minutes", [0, 30, 59, 60, 90, 600, 17 * 60, 18 * 60, 24 * 60])
def test_a_good_till_date_ends_an_order_in_a_beginning_as_in_the_whole(minutes: int) -> None:
    class Till(Strategy):
        minutes = Int(30)

        def on_bar(self, bar, order):
            order.good_till(order.limit(1, 50.0), bar.time + 60.0 * self.minutes)
            order.good_till(order.market(1), bar.time + 60.0 * self.minutes)

    stamps = bars_of_sessions("XNYS", "2024-03-04", "2024-03-06", 60)
    bars = series(stamps, "XNYS", "1h")
    whole = backtest(Till, bars, {"minutes": minutes}, CASH)
    for cut in range(5, len(stamps)):
        found = backtest(Till, bars[:cut], {"minutes": minutes}, CASH)
        assert_begins(found, whole, cut)
        ended = whole.orders.filter(pl.col("event") != "submitted", pl.col("bar") < cut)
        assert set(found.open_orders["order"]).isdisjoint(ended["order"])


def test_a_paper_session_withdraws_an_order_when_no_bar_can_open_before_its_instant() -> None:
    class Till(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 7:
                order.good_till(order.limit(1, 50.0), bar.time + 2.5 * 3600.0)

    stamps = bars_of_sessions("XNYS", "2024-03-04", "2024-03-05", 60)
    terms = Terms("s", "id", Till, {}, Execution(cash=1e5), ("X",))
    nothing = pl.DataFrame({"bar": [], "units": [], "price": []}, schema_overrides={"bar": int})
    for bars in range(8, 14):
        tape = FillTape(nothing, until=bars - 1)
        found = replay(terms, [series(stamps[:bars], "XNYS", "1h")], 0, tape)
        assert len(found.wanted()) == (bars < 10), bars

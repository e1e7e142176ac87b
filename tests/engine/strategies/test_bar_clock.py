"""What hooks may ask of a bar's time: instant, hour, minute and weekday in a stated zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.execution.layout import CLOCK_NAMES
from engine.sources import GBM, Bootstrap
from engine.strategies import Int, Strategy, StrategyError, backtest, prepare_strategy
from engine.strategies.audit import audit_strategy
from engine.strategies.clock_reads import clock_reads, clock_rows
from engine.studies import Study
from tests.engine.session_stamps import bars_of_sessions, instant


def bars_at(stamps: np.ndarray, calendar: BarCalendar | None = None) -> Bars:
    price = np.full(len(stamps), 100.0)
    return Bars("X", stamps, *[price] * 4, np.ones(len(stamps)), calendar or BarCalendar())


class AtTwo(Strategy):
    """Buys at the bar that opens at 14:30 in New York on Wednesdays, sells the bar after."""

    time_zone = "America/New_York"

    def on_bar(self, bar, order, account):
        if bar.weekday == 2 and bar.hour == 14 and bar.minute == 30:
            order.market(1)
        elif account.position > 0:
            order.close()


class Elapsed(Strategy):
    """Buys where more than an hour lies between two bars."""

    def on_bar(self, bar, order):
        if bar.time - bar.time[1] > 3600.0:
            order.market(1)


class InVenuesZone(Strategy):
    """Buys at the bar that opens at 9 by the clock of the bars' exchange."""

    def on_bar(self, bar, order):
        if bar.hour == 9:
            order.market(1)


def submitted(strategy: type[Strategy], bars: Bars) -> list[str]:
    orders = backtest(strategy, bars).orders.filter(event="submitted")
    return orders["time"].dt.strftime("%m-%d %H:%M").to_list()


def test_an_hour_is_that_of_the_stated_zone_in_summer_and_winter() -> None:
    # Summer time begins on Sunday, 10 March 2019: 14:30 in New York is 19:30Z, then 18:30Z.
    stamps = bars_of_sessions("XNYS", "2019-03-04", "2019-03-15", 60)
    assert submitted(AtTwo, bars_at(stamps, BarCalendar("XNYS", "1h"))) == [
        "03-06 19:30", "03-06 20:30", "03-13 18:30", "03-13 19:30"
    ]  # fmt: skip


def test_a_time_is_an_instant_in_seconds() -> None:
    stamps = bars_of_sessions("XNYS", "2019-03-04", "2019-03-06", 60)
    # Of the first bar the one before has no time.
    assert submitted(Elapsed, bars_at(stamps, BarCalendar("XNYS", "1h"))) == [
        "03-05 14:30", "03-06 14:30"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("exchange", "opening"), [("XTKS", "00:00"), ("XNYS", "14:00"), ("24/7", "09:00")]
)
def test_without_a_zone_the_clock_is_that_of_the_exchange(exchange: str, opening: str) -> None:
    stamps = instant("2019-03-04T00:00") + 3_600_000_000 * np.arange(24)
    found = submitted(InVenuesZone, bars_at(stamps, BarCalendar(exchange, "1h")))
    assert found == [f"03-04 {opening}"]


@settings(deadline=None)
@given(
    seconds=st.lists(st.integers(-(10**9), 2 * 10**9), min_size=1, max_size=20),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_the_clock_agrees_with_datetime(seconds: list[int], zone: str) -> None:
    found = clock_rows(np.array(seconds, dtype=np.int64) * 1_000_000, zone)
    for place, second in enumerate(seconds):
        local = datetime.fromtimestamp(second, ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        expected = [second, local.hour, local.minute, local.weekday()]
        assert found[:, place].tolist() == expected
    assert len(found) == len(CLOCK_NAMES)


def test_bars_without_times_are_refused_in_one_sentence() -> None:
    quiet = {"seeds": [1], "steps": 20}
    with pytest.raises(mc.Refusal, match=r"bar\.hour on paths of gbm, which have no times of day"):
        Study("hours", GBM(), InVenuesZone, **quiet).run()
    history = bars_at(bars_of_sessions("XNYS", "2019-03-04", "2019-03-15", 60))
    with pytest.raises(mc.Refusal, match=r"bar\.hour on paths of bootstrap"):
        Study("hours", Bootstrap(history, method="iid"), InVenuesZone, **quiet).run()
    with pytest.raises(mc.Refusal, match=r"found bar\.hour on bars without times, allowed history"):
        prepare_strategy(
            InVenuesZone, symbols=("X",), fields=BAR_FIELDS, steps=5, bars_per_year=252.0
        )


def test_a_zone_that_is_none_is_refused_where_the_class_is_written() -> None:
    with pytest.raises(StrategyError, match=r"time_zone: found 'New York', allowed an IANA name"):

        class Wrong(Strategy):
            time_zone = "New York"

            def on_bar(self, bar, order):
                order.market(1)


def test_a_field_of_a_price_model_may_be_called_hour() -> None:
    assert clock_reads(InVenuesZone) == ("bar.hour",)
    assert clock_reads(InVenuesZone, ("open", "hour")) == ()


def test_another_zone_is_another_strategy() -> None:
    class InTokyo(InVenuesZone):
        time_zone = "Asia/Tokyo"

    class InLondon(InVenuesZone):
        time_zone = "Europe/London"

    assert InTokyo.code_hash() != InLondon.code_hash()


def test_a_strategy_that_asks_for_the_hour_can_be_audited() -> None:
    report = audit_strategy(InVenuesZone, cuts=20)
    assert report.passed
    assert report.orders > 0


class Ahead(Strategy):
    """Asks for the hour of the next bar."""

    ahead = Int(1, low=0, high=5)

    def on_bar(self, bar, order):
        if bar.hour[0 - self.ahead] == 9:
            order.market(1)


def test_the_hour_of_a_later_bar_cannot_be_read() -> None:
    stamps = instant("2019-03-04T00:00") + 3_600_000_000 * np.arange(24)
    with pytest.raises(ValueError, match="read a bar after the current one"):
        backtest(Ahead, bars_at(stamps, BarCalendar("24/7", "1h")))


class AtTwoInVectors(Strategy):
    """The same as whole-path signals."""

    time_zone = "America/New_York"

    def signals(self, prices, target):
        target[:] = 0.0
        wednesday = prices.weekday == 2
        target[wednesday & (prices.hour == 14) & (prices[0].minute == 30)] = 1.0


class InTheMorning(Strategy):
    """Holds through the hours before noon on weekdays."""

    def signals(self, bars, target):
        target[:] = np.where((bars.hour < 12) & (bars.weekday < 5), 1.0, 0.0)


def test_the_vector_form_reads_the_clock_as_whole_arrays() -> None:
    stamps = bars_of_sessions("XNYS", "2019-03-04", "2019-03-15", 60)
    bars = bars_at(stamps, BarCalendar("XNYS", "1h"))
    assert submitted(AtTwoInVectors, bars) == submitted(AtTwo, bars)
    assert clock_reads(AtTwoInVectors) == ("prices.hour", "prices.minute", "prices.weekday")
    assert audit_strategy(InTheMorning, cuts=20).passed
    with pytest.raises(ValueError, match=r"prices.hour, .* on paths of gbm, which have no times"):
        Study("vectors", GBM(), AtTwoInVectors, steps=20, seeds=2).run()

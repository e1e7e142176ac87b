"""Calendars are built for strategies whose orders live by sessions, and for no other."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import engine as mc
from engine.strategies import Strategy
from engine.strategies.session_reads import lives_by_sessions


class Plain(Strategy):
    """Nothing of it waits for the end of a day."""

    def on_bar(self, bar, order):
        order.limit(1, 0.9 * bar.close, tif="ioc")
        order.stop(-1, 0.8 * bar.close, tif=5)
        order.market(1)


class Waits(Strategy):
    """For the close."""

    def on_bar(self, bar, order):
        order.market_on_close(1)


class Until(Strategy):
    def on_bar(self, bar, order):
        order.good_till(order.limit(1, 90.0), 0.0)


class Today(Strategy):
    def on_bar(self, bar, order):
        order.limit(1, 90.0, tif="day")


class ByPosition(Strategy):
    def on_bar(self, bar, order):
        order.limit(1, 90.0, 95.0, 80.0, "day")


class OfItsOwn(Strategy):
    bars = mc.Int(3, low=1, high=9)

    def on_bar(self, bar, order):
        order.limit(1, 90.0, tif=self.bars)


def hourly() -> mc.Bars:
    days = np.arange("2024-01-08", "2024-01-12", dtype="datetime64[D]")
    opens = days[:, None] + np.timedelta64(870, "m") + np.arange(6) * np.timedelta64(60, "m")
    stamps = opens.ravel().astype("datetime64[us]").astype(np.int64)
    flat = np.full(len(stamps), 100.0)
    calendar = mc.BarCalendar("XNYS", "1h")
    return mc.Bars("X", stamps, flat, flat, flat, flat, flat, calendar=calendar)


@pytest.mark.parametrize(
    ("strategy", "lives"),
    [
        *((Plain, False), (Waits, True), (Until, True), (Today, True), (ByPosition, True)),
        (OfItsOwn, True),
    ],
)
def test_orders_that_live_by_sessions_are_told_by_the_text(strategy: type, lives: bool) -> None:
    assert lives_by_sessions(strategy) == lives


def test_a_calendar_is_built_for_those_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    schedule = sys.modules["engine.execution.schedule"]
    build = schedule.sessions_of_bars

    def noted(timestamps, exchange):
        asked.append(exchange)
        return build(timestamps, exchange)

    for name in ("engine.execution.session", "engine.execution.session_bars"):
        monkeypatch.setattr(f"{name}.sessions_of_bars", noted)
    mc.backtest(Plain, hourly())
    assert asked == []
    mc.backtest(Today, hourly())
    assert set(asked) == {"XNYS"}
    asked.clear()
    mc.backtest(Plain, hourly(), {}, {"flat_at": "close"})
    assert set(asked) == {"XNYS"}

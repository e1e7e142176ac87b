"""Symbols of several calendars on one clock: orders of each end with its own sessions and bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.sources import joined
from engine.strategies import Strategy, backtest
from tests.engine.session_stamps import MINUTE, bars_of_sessions, instant

HOUR = 60 * MINUTE


def flat(symbol: str, stamps: np.ndarray, exchange: str, timeframe: str) -> Bars:
    prices = [np.full(len(stamps), 100.0)] * 4
    calendar = BarCalendar(exchange, timeframe)
    return Bars(symbol, stamps, *prices, np.full(len(stamps), 1e6), calendar)


def hourly() -> tuple[Bars, ...]:
    """Two sessions of a share, Friday the second, beside a coin through the weekend."""
    coin = np.arange(instant("2024-01-18T00:00"), instant("2024-01-23T06:00"), HOUR)
    # On the hour, so that both have bars together.
    share = bars_of_sessions("XNYS", "2024-01-18", "2024-01-22", 60) // HOUR * HOUR
    return joined((flat("BTC", coin, "24/7", "1h"), flat("SPX", share, "XNYS", "1h")), "last_known")


class OnFriday(Strategy):
    def on_bar(self, bar, order, account):
        if bar[0].index == 16:
            order[1].market(1)
            order[1].limit(1, 50.0, tif="day")
            order[0].limit(1, 50.0, tif="day")
        if bar[0].index == 17:
            order[1].market_on_close(2)


def ended(bars: tuple[Bars, ...], **execution: Any) -> set[tuple[str, str, str, str]]:
    found = backtest(OnFriday, bars, execution={"cash": 1e5, **execution}).orders
    times = found["time"].dt.strftime("%a %H:%M").to_list()
    kept = zip(found["symbol"], found["kind"], found["event"], times, strict=True)
    return {row for row in kept if row[2] != "submitted" and row[3] != "Fri 14:00"}


def test_orders_of_each_symbol_end_with_its_own_session_and_its_own_last_bar() -> None:
    bars = hourly()
    assert bars[0].calendar == bars[1].calendar == BarCalendar("24/7", "1h")
    assert [item.own_exchange for item in bars] == [None, "XNYS"]
    of_both = {("BTC", "limit", "expired", "Fri 23:00"), ("SPX", "limit", "expired", "Fri 20:00")}
    assert ended(bars) == {("SPX", "market_on_close", "filled", "Fri 20:00")} | of_both
    assert ended(bars, flat_at="close") == of_both | {
        ("SPX", "market", "filled", "Fri 20:00"),
        ("SPX", "market_on_close", "rejected: halted", "Fri 20:00"),
    }


def test_the_exchange_decides_what_joined_bars_are_known_by() -> None:
    share = hourly()[1]
    assert share[3:].own_exchange == "XNYS"
    assert replace(share, own_exchange=None).data_hash != share.data_hash


def test_a_daily_order_for_the_close_waits_for_the_next_day_of_its_symbol() -> None:
    class OverTheWeekend(Strategy):
        def on_bar(self, bar, order, account):
            if bar[0].index == 2:
                order[1].market_on_close(2)
                order[1].limit(8, 100.0, tif="day")

    days = ("2024-01-18", "2024-01-19", "2024-01-22", "2024-01-23")
    share = np.array([instant(day + "T14:30") for day in days])
    coin = np.arange(instant("2024-01-17T00:00"), instant("2024-01-25T00:00"), 24 * HOUR)
    bars = joined((flat("BTC", coin, "24/7", "1d"), flat("SPX", share, "XNYS", "1d")), "last_known")
    filled = backtest(OverTheWeekend, bars, execution={"cash": 1e5}).orders.filter(event="filled")
    assert filled["time"].dt.strftime("%a").to_list() == ["Mon"] * 2


class Mornings(Strategy):
    """Buys the share at every bar; the end of its session sells."""

    def on_bar(self, bar, order, account):
        order[1].market(1)


@pytest.mark.parametrize("steps", [None, 80])
def test_a_study_of_joined_bars_trades_by_the_sessions_of_each_symbol(steps: int | None) -> None:
    bars = hourly()
    study = mc.Study(
        name="joined",
        source=mc.Historical(bars, steps=steps),
        strategy=Mornings,
        execution={"cash": 1e5, "flat_at": "close"},
        record={"trades": True},
        seeds=1,
    )
    made = study.run().trades()
    last = bars if steps is None else tuple(item[-steps:] for item in bars)
    expected = backtest(Mornings, last, execution={"cash": 1e5, "flat_at": "close"}).trades
    ends = set(expected["exit_time"].dt.strftime("%H:%M").to_list())
    assert ends == {"20:00"}
    assert sorted(made["exit_bar"].to_list()) == sorted(expected["exit_bar"].to_list())

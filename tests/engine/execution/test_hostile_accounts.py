"""Accounts in which several rules meet, against arithmetic in fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.strategies import Backtest, Strategy, backtest
from tests.engine.session_stamps import bars_of_sessions, instant

HOUR = 3_600_000_000
YEAR = Fraction(365.25) * 24 * HOUR
LIMIT_GOOD_TILL, DAY_LIMIT, MARKET, PAIR = 1.0, 2.0, 3.0, 4.0


class Written(Strategy):
    """Does with the first symbol what columns of its bars say."""

    name = "written"

    def on_bar(self, bar, order):
        if bar.what == 1.0:
            order.good_till(order.limit(bar.units, bar.level), bar.other)
        elif bar.what == 2.0:
            order.limit(bar.units, bar.level, tif="day")
        elif bar.what == 3.0:
            order.market(bar.units)
        elif bar.what == 4.0:
            order.stop(bar.units, bar.level)
            order.limit(bar.units, bar.other)


class ShortBoth(Strategy):
    def on_start(self, order):
        order[0].market(-30)
        order[1].market(-20)


def bars(
    stamps: Any,
    rows: list[tuple[float, float, float, float]],
    calendar: BarCalendar,
    script: dict[int, tuple[float, float, float, float]],
    symbol: str = "X",
    volume: float = 1e6,
) -> Bars:
    prices = [np.array(column) for column in zip(*rows, strict=True)]
    columns = np.zeros((4, len(rows)))
    for bar, action in script.items():
        columns[:, bar] = action
    names = ("what", "units", "level", "other")
    return Bars(
        symbol,
        np.asarray(stamps, dtype=np.int64),
        *prices,
        np.full(len(rows), volume),
        calendar,
        columns=dict(zip(names, columns, strict=True)),
    )


def events(made: Backtest, *names: str) -> list[tuple[int, str, float]]:
    rows = made.orders.filter(made.orders["event"].is_in(names))
    return list(zip(rows["bar"], rows["event"], rows["units"], strict=True))


def interest(cash: Fraction, rate: float, stamps: np.ndarray, bar: int) -> Fraction:
    return cash * Fraction(rate) * int(stamps[bar] - stamps[bar - 1]) / YEAR


def test_an_order_good_till_noon_of_a_half_day_fills_in_part_in_euros() -> None:
    stamps = bars_of_sessions("XNYS", "2019-11-27", "2019-12-02", 60)
    friday = int(np.searchsorted(stamps, instant("2019-11-29T14:30")))
    assert len(stamps) == 7 + 4 + 7
    rows = [(105.0, 105.0, 104.0, 105.0)] * len(stamps)
    rows[friday + 1 :] = [(99.5, 101.0, 98.5, 100.25)] * (len(stamps) - friday - 1)
    till = instant("2019-11-29T17:00") / 1e6
    script = {
        friday - 1: (LIMIT_GOOD_TILL, 10.0, 100.0, till),
        friday + 1: (DAY_LIMIT, -3.0, 150.0, 0.0),
        friday + 3: (DAY_LIMIT, -3.0, 150.0, 0.0),
    }
    calendar = BarCalendar("XNYS", "1h")
    rates = [Fraction(109 + place % 3, 100) for place in range(len(stamps))]
    terms = {
        "cash": 10_000.0,
        "account": {"currency": "USD", "rates": {"EUR": "EURUSD"}},
        "instruments": {"X": {"currency": "EUR"}, "EURUSD": {"currency": "USD"}},
        "commission": {"rate": 0.001},
        "volume_limit": 0.1,
        "cash_interest": 0.03,
    }
    stock = bars(stamps, rows, calendar, script, volume=40.0)
    euro = bars(stamps, [(float(rate),) * 4 for rate in rates], calendar, {}, "EURUSD")
    made = backtest(Written, [stock, euro], execution=terms)
    # Four of ten on each of the two bars that open by 17:00; the half day ends with that of 17:30.
    assert events(made, "filled", "expired") == [
        (friday + 1, "filled", 4.0),
        (friday + 2, "filled", 4.0),
        (friday + 2, "expired", 0.0),
        (friday + 3, "expired", 0.0),
        (len(stamps) - 1, "expired", 0.0),
    ]
    cash, held, curve = Fraction(10_000), 0, []
    for bar, rate in enumerate(rates):
        if bar == 0:
            cash += cash * Fraction(0.03) / Fraction(stock.bars_per_year)
        else:
            cash += interest(cash, 0.03, stamps, bar)
        if bar in (friday + 1, friday + 2):
            cash -= 4 * Fraction(99.5) * rate * (1 + Fraction(0.001))
            held += 4
        curve.append(float(cash + held * Fraction(rows[bar][3]) * rate))
    np.testing.assert_allclose(made.equity, curve, rtol=1e-13)


def test_tenths_of_a_lot_close_in_part_through_a_stop_beside_a_limit() -> None:
    flat, wide = (100.0, 101.0, 99.0, 100.0), (100.0, 103.0, 97.0, 98.5)
    rows = [flat] * 5 + [wide, (99.0, 99.5, 98.5, 99.0), (103.0, 104.0, 102.5, 103.0), flat]
    script = {0: (MARKET, 0.7, 0.0, 0.0), 4: (PAIR, -0.7, 98.0, 102.0)}
    stamps = np.arange(len(rows)) * HOUR
    terms = {"cash": 1_000.0, "volume_limit": 0.1, "instrument": {"lot_size": 0.1}}
    made = backtest(
        Written,
        bars(stamps, rows, BarCalendar("24/7", "1h"), script, volume=3.5),
        execution=terms,
    )
    done = [(1, 3, 100), (2, 3, 100), (3, 1, 100), (5, -3, 98), (6, -3, 99), (7, -1, 103)]
    found = made.orders.filter(made.orders["event"] == "filled")
    assert found["units"].to_list() == [units / 10.0 for _, units, _ in done]
    assert found["price"].to_list() == [float(price) for *_, price in done]
    assert found["bar"].to_list() == [bar for bar, *_ in done]
    left = -sum(Fraction(units, 10) * price for _, units, price in done)
    assert made.metrics["net_pnl"] == pytest.approx(float(left), rel=1e-12)
    assert made.positions == {"X": 0.0}
    assert made.open_orders.is_empty()
    assert abs(made.trades["units"].to_numpy()).min() == 0.1


def test_a_short_in_isolated_margin_is_called_inside_its_bar_in_pounds() -> None:
    flat, calm = (100.0, 100.0, 100.0, 100.0), (50.0, 50.0, 50.0, 50.0)
    stamps = np.arange(5) * HOUR
    calendar = BarCalendar("24/7", "1h")
    one = bars(stamps, [flat, flat, (101.0, 120.0, 90.0, 95.0), flat, flat], calendar, {}, "A")
    other = bars(stamps, [calm] * 4 + [(50.0, 50.0, 49.0, 49.0)], calendar, {}, "B")
    terms = {
        "cash": 10_000.0,
        "margin": "isolated",
        "account": {"currency": "USD", "rates": {"GBP": 1.25}},
        "instrument": {"initial_margin": 0.1, "maintenance_margin": 0.05, "currency": "GBP"},
    }
    made = backtest(ShortBoth, [one, other], execution=terms)
    # 30 x 10 of margin, less 30 (p - 100), is maintenance: 0.05 x 30 p.
    price = Fraction(300 + 3_000) / (30 + Fraction(5, 100) * 30)
    fills = made.orders.filter(made.orders["event"] == "filled")
    assert fills["bar"].to_list() == [0, 0, 2]
    assert fills["units"].to_list() == [-30.0, -20.0, 30.0]
    assert fills["price"][2] == pytest.approx(float(price), rel=1e-13)
    assert made.metrics["margin_calls"] == 1.0
    assert made.positions == {"A": 0.0, "B": -20.0}
    lost = 30 * (price - 100) * Fraction(5, 4)
    assert made.equity[2:] == pytest.approx(
        [float(10_000 - lost)] * 2 + [float(10_000 - lost + 25)], rel=1e-13
    )


def test_a_day_of_currencies_ends_at_five_in_new_york_before_and_after_the_clock_change() -> None:
    first, monday = instant("2019-10-30T21:00"), instant("2019-11-03T22:00")
    stamps = np.concatenate([np.arange(48) * HOUR + first, np.arange(48) * HOUR + monday])
    rows = [(1.125, 1.126, 1.124, 1.125)] * 96
    noon = {
        day: int(np.searchsorted(stamps, instant(f"{day}T12:00")))
        for day in (
            "2019-10-31",
            "2019-11-01",
            "2019-11-04",
        )
    }
    script = dict.fromkeys(noon.values(), (DAY_LIMIT, 1.0, 0.5, 0.0))
    script[0] = (MARKET, 30_000.0, 0.0, 0.0)
    terms = {"cash": 10_000.0, "margin_interest": 0.06, "instrument": {"initial_margin": 0.1}}
    made = backtest(Written, bars(stamps, rows, BarCalendar("24/5", "1h"), script), execution=terms)
    ends = [str(np.datetime64(int(stamps[bar]), "us"))[:16] for bar, *_ in events(made, "expired")]
    assert ends == ["2019-10-31T20:00", "2019-11-01T20:00", "2019-11-04T21:00"]
    cash, curve = Fraction(10_000), []
    for bar in range(96):
        if bar > 1:
            cash += interest(cash, 0.06, stamps, bar)
        if bar == 1:
            cash -= 30_000 * Fraction(1.125)
        curve.append(float(cash + (30_000 * Fraction(1.125) if bar else 0)))
    np.testing.assert_allclose(made.equity, curve, rtol=1e-13)


def test_a_short_perpetual_is_paid_its_funding_over_a_halt_and_stopped_behind_it() -> None:
    stamps = np.array([0, 1, 2, 3, 10, 11, 12]) * HOUR
    closes = [Fraction(value) for value in (20_000, 20_500, 20_250, 20_125, 22_000, 22_500, 22_500)]
    rows = [(float(value),) * 4 for value in closes]
    script = {0: (MARKET, -0.4, 0.0, 0.0), 1: (PAIR, 0.3, 21_000.0, 19_000.0)}
    terms = {
        "cash": 50_000.0,
        "instrument": {"lot_size": 0.1, "funding": 0.12, "borrow_rate": 0.03},
        "commission": {"rate": 0.0005},
    }
    made = backtest(Written, bars(stamps, rows, BarCalendar("24/7", "1h"), script), execution=terms)
    cash, held, curve = Fraction(50_000), Fraction(0), []
    fills = {1: Fraction(-4, 10), 4: Fraction(3, 10)}
    for bar, price in enumerate(closes):
        if held:
            value = held * closes[bar - 1] * int(stamps[bar] - stamps[bar - 1]) / YEAR
            cash -= value * Fraction(0.12) + abs(value) * Fraction(0.03)
        if bar in fills:
            cash -= fills[bar] * price + abs(fills[bar]) * price * Fraction(0.0005)
            held += fills[bar]
        curve.append(float(cash + held * price))
    assert [(bar, units) for bar, _, units in events(made, "filled")] == [(1, -0.4), (4, 0.3)]
    assert made.positions == {"X": -0.1}
    # What is left of the position is less than the limit, which stays for it.
    assert made.open_orders["size"].to_list() == ["reduce"]
    np.testing.assert_allclose(made.equity, curve, rtol=1e-13)

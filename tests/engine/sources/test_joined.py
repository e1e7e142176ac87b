"""Symbols of several calendars on one clock: which bars they have, and what trades in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.sources import Bootstrap, Historical, joined
from engine.strategies import Strategy, backtest
from engine.studies import Study

MINUTE = 60_000_000
DAY = 1440 * MINUTE
FRIDAY = int(np.datetime64("2024-01-05", "D").astype(int))


def daily(symbol: str, exchange: str, days: list[int], minute: int = 0, **columns: float) -> Bars:
    """Bars of days after Friday, 5 January 2024, that open at a minute of their day."""
    number = np.array(days, dtype=np.int64)
    close = 100.0 + number
    stamps = (FRIDAY + number) * DAY + minute * MINUTE
    given = {name: np.full(len(days), value) for name, value in columns.items()}
    rows = (close - 0.5, close + 1.0, close - 1.0, close, close * 10.0)
    return Bars(symbol, stamps, *rows, BarCalendar(exchange, "1d"), columns=given)


# Friday, Monday, Tuesday; and every day from Thursday on.
SHARE = daily("SPX", "XNYS", [0, 3, 4], 870)
COIN = daily("BTC", "24/7", [-1, 0, 1, 2, 3, 4, 5])


def test_common_bars_are_those_of_the_days_that_all_have() -> None:
    share, coin = joined((SHARE, COIN))
    assert share.close.tolist() == coin.close.tolist() == [100.0, 103.0, 104.0]
    assert share.timestamps.tolist() == coin.timestamps.tolist()
    # A bar opens with the first of the two.
    assert (coin.timestamps // DAY - FRIDAY).tolist() == [0, 3, 4]
    assert coin.calendar == share.calendar == SHARE.calendar
    assert share.columns == {}


def test_the_last_known_price_stands_where_a_symbol_has_no_bar() -> None:
    coin, share = joined((COIN, SHARE), "last_known")
    assert (coin.timestamps // DAY - FRIDAY).tolist() == [0, 1, 2, 3, 4, 5]
    assert coin.calendar == share.calendar == COIN.calendar
    assert share.close.tolist() == [100.0, 100.0, 100.0, 103.0, 104.0, 104.0]
    assert share.open.tolist() == [99.5, 100.0, 100.0, 102.5, 103.5, 104.0]
    assert share.high.tolist()[1] == share.low.tolist()[1] == 100.0
    assert share.volume.tolist() == [1000.0, 0.0, 0.0, 1030.0, 1040.0, 0.0]
    assert share.columns["traded"].tolist() == [1, 0, 0, 1, 1, 0]
    assert coin.columns["traded"].tolist() == [1] * 6


def test_the_last_known_price_stands_over_a_gap_of_any_length() -> None:
    # An exchange that is closed for sixteen days, a halted share, and a coin that trades on.
    share = daily("TYO", "XTKS", [0, 17, 18])
    halted = daily("HLT", "XNYS", [0, 3, 4, 5, 6, 31], 870)
    coin = daily("BTC", "24/7", list(range(33)))
    placed = joined((coin, share, halted), "last_known")
    assert len({tuple(item.timestamps.tolist()) for item in placed}) == 1
    days = placed[0].timestamps // DAY - FRIDAY
    assert days.tolist() == list(range(33))
    for item, own in zip(placed, (coin, share, halted), strict=True):
        of_own = days_of(own)
        for bar, day in enumerate(range(33)):
            last = np.searchsorted(of_own, day, side="right") - 1
            traded = of_own[last] == day
            assert item.columns["traded"][bar] == traded
            assert item.close[bar] == own.close[last]
            assert item.open[bar] == (own.open[last] if traded else own.close[last])
            assert (item.volume[bar] > 0) == traded
    # By common bars the gap is left out of all of them, and the time that it took is not.
    common = joined((coin, share, halted))
    assert (common[0].timestamps // DAY - FRIDAY).tolist() == [0]
    pair = joined((coin, share))
    assert (pair[0].timestamps // DAY - FRIDAY).tolist() == [0, 17, 18]
    assert pair[0].close.tolist() == [100.0, 117.0, 118.0]


def days_of(bars: Bars) -> np.ndarray:
    return bars.timestamps // DAY - FRIDAY


def test_symbols_of_one_calendar_share_their_instants_as_ever() -> None:
    other = daily("NDX", "XNYS", [0, 4, 5], 870)
    share, index = joined((SHARE, other))
    assert share.close.tolist() == index.close.tolist() == [100.0, 104.0]
    assert share.columns == {}
    _, index = joined((SHARE, other), "last_known")
    assert index.columns["traded"].tolist() == [1, 0, 1, 1]


def test_columns_stand_with_the_last_price_and_a_dividend_is_paid_once() -> None:
    share = daily("SPX", "XNYS", [0, 3], 870, dividend_yield=0.01, mood=2.0)
    coin = daily("BTC", "24/7", [0, 1, 2, 3], dividend_yield=0.0, mood=1.0)
    found, _ = joined((share, coin), "last_known")
    assert found.columns["dividend_yield"].tolist() == [0.01, 0.0, 0.0, 0.01]
    assert found.columns["mood"].tolist() == [2.0] * 4


class Pair(Strategy):
    """Buys both on Saturday, sends them a limit on Sunday."""

    def on_bar(self, bar, order, account):
        if bar.index == 1:
            order[0].market(1)
            order[1].market(1)
        elif bar.index == 2:
            order[0].market(1)


def test_a_symbol_without_a_bar_does_not_trade_on_it() -> None:
    share, coin = joined((SHARE, COIN), "last_known")
    made = backtest(Pair, (coin, share)).orders
    filled = made.filter(made["event"] == "filled")
    # Decided at Saturday's close: the coin fills on Sunday, the share at Monday's open.
    assert filled.select("bar", "symbol", "price").rows() == [
        (2, "BTC", 101.5),
        (3, "SPX", 102.5),
        (3, "BTC", 102.5),
    ]


def test_a_bootstrap_draws_whether_a_symbol_trades_with_its_bar() -> None:
    days = [day for day in range(300) if (day + 4) % 7 < 5]
    share = daily("SPX", "XNYS", days, 870)
    coin = daily("BTC", "24/7", list(range(300)))
    pair = joined((share, coin), "last_known")
    block = Bootstrap(pair, block_length=5).paths(seeds=[1], steps=200, s0=100.0)
    values = block.values[0, :, block.fields.index("traded")]
    assert set(np.unique(values[0])) == {0.0, 1.0}
    assert (values[1] == 1.0).all()
    opens, close = block.open[0, 0], block.close[0, 0]
    rests = values[0] == 0.0
    assert (opens[rests] == close[rests]).all()
    results = Study("pair", Bootstrap(pair), Pair, {}, seeds=3, steps=50).run()
    assert (results.frame["status"] == "ok").all()


def test_history_of_a_joined_pair_is_annualised_by_the_days_that_count() -> None:
    days = [day for day in range(365) if (day + 4) % 7 < 5]
    share = daily("SPX", "XNYS", days, 870)
    coin = daily("BTC", "24/7", list(range(365)))
    common, both = joined((share, coin)), joined((share, coin), "last_known")
    assert Historical(common).bars_per_year() == pytest.approx(5 * 365.25 / 7, rel=2e-3)
    assert Historical(both).bars_per_year() == pytest.approx(365.25, rel=1e-9)


# --- what is refused -----------------------------------------------------------------------------


def test_a_bar_that_ends_after_the_next_has_opened_is_refused() -> None:
    # A day of currencies opens at 22:00Z, two hours before the coin's day ends.
    currency = daily("EURUSD", "24/5", [-1, 0, 1], 22 * 60)
    with pytest.raises(
        Refusal, match=r"a bar of BTC that ends at 2024-01-0.*next of EURUSD has op"
    ):
        joined((currency, COIN))
    # With shares, whose day ends before, they belong together.
    wall = daily("SPX", "XNYS", [0, 3], 870)
    week = daily("EURUSD", "24/5", [-1, 2], 22 * 60)
    assert len(joined((wall, week))[0]) == 2


def test_hours_that_begin_at_different_minutes_are_refused() -> None:
    def hours(symbol: str, exchange: str, minute: int) -> Bars:
        stamps = FRIDAY * DAY + (np.arange(6) * 60 + minute) * MINUTE
        flat = np.full(6, 100.0)
        return Bars(symbol, stamps, *[flat] * 5, BarCalendar(exchange, "1h"))

    share = hours("SPX", "XNYS", 870)
    with pytest.raises(Refusal, match="join: SPX, BTC have no bar after all of them have begun"):
        joined((share, hours("BTC", "24/7", 840)))
    with pytest.raises(Refusal, match=r"ends at .*bars that end before the next ones open"):
        joined((share, hours("BTC", "24/7", 840)), "last_known")
    assert len(joined((share, hours("BTC", "24/7", 870)))[0]) == 6


def test_timeframes_must_be_equal_and_no_longer_than_a_day() -> None:
    week = Bars("W", np.array([0]), *[np.ones(1)] * 5, BarCalendar("24/7", "1w"))
    with pytest.raises(Refusal, match="timeframe"):
        joined((SHARE, week))
    other = Bars("V", np.array([0]), *[np.ones(1)] * 5, BarCalendar("XNYS", "1w"))
    with pytest.raises(Refusal, match="1d or shorter"):
        joined((other, week))
    with pytest.raises(Refusal, match="`join: last_known` in the study's source"):
        Historical((SHARE, COIN))


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(seed=st.integers(0, 2**31), join=st.sampled_from(["common", "last_known"]))
def test_every_bar_of_a_symbol_is_its_own_or_its_last(seed: int, join) -> None:
    rng = np.random.default_rng(seed)
    own = [np.flatnonzero(rng.random(40) < 0.6) for _ in range(3)]
    if any(len(days) == 0 for days in own):
        return
    exchanges = ("XNYS", "24/7", "XLON")
    opens = (870, 0, 480)
    series = [
        daily(name, exchange, days.tolist(), minute)
        for name, exchange, days, minute in zip("ABC", exchanges, own, opens, strict=True)
    ]
    shared = set(own[0]) & set(own[1]) & set(own[2])
    if join == "common" and not shared:
        return
    first = max(days[0] for days in own)
    expected = (
        sorted(shared)
        if join == "common"
        else sorted({int(day) for days in own for day in days if day >= first})
    )
    for days, bars in zip(own, joined(series, join), strict=True):
        known = [max(day for day in days if day <= at) for at in expected]
        assert bars.close.tolist() == [100.0 + day for day in known]
        if join == "last_known":
            assert bars.columns["traded"].tolist() == [float(at in days) for at in expected]

"""Indicators of bars on ticks, against the same indicators on the bars themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.strategies import (
    ATR,
    EMA,
    RSI,
    SMA,
    BollingerBands,
    Indicator,
    StrategyError,
    indicator_values,
)
from engine.ticks import EWMA, OnBars
from engine.ticks.bars import bars_of
from engine.ticks.running import TickRun
from tests.engine.ticks.test_twin import made_feed


class Middle(Indicator):
    """Middle of the range of the last `period` bars."""

    period = mc.Int(3, low=1, high=50)
    reads = ("high", "low")

    @staticmethod
    def warm_up(period):
        return period - 1

    @staticmethod
    def fill(high, low, period, out):
        for bar in range(period - 1, out.size):
            first = bar - period + 1
            out[bar] = 0.5 * (high[first : bar + 1].max() + low[first : bar + 1].min())


class Reads(mc.Strategy):
    """Sends an order at one event whose units tell what an indicator came to."""

    # Sixteen times two bars are fewer than the feed has: old ones make room.
    short = OnBars(SMA(2), "1m")
    fading = OnBars(EMA(5), "1m")
    strength = OnBars(RSI(4), "1m")
    ranges = OnBars(ATR(4), "1m")
    lower = OnBars(BollingerBands(5, 2.0), "1m", output="lower")
    traded = OnBars(SMA(3, field="volume"), "1m")
    own = OnBars(Middle(4), "1m")
    behind = EWMA("5s")
    which = mc.Int(0, low=0, high=7)
    until = mc.Int(1, low=0, high=100_000)

    def on_tick(self, tick, order, account):
        if tick.index == self.until:
            value = self.short
            if self.which == 1:
                value = self.fading
            elif self.which == 2:
                value = self.strength
            elif self.which == 3:
                value = self.ranges
            elif self.which == 4:
                value = self.lower
            elif self.which == 5:
                value = self.traded
            elif self.which == 6:
                value = self.own
            elif self.which == 7:
                value = self.behind
            order.market(1000.0 + value)


_ON_BARS: list[tuple[Any, str]] = [
    (SMA(2), "value"),
    (EMA(5), "value"),
    (RSI(4), "value"),
    (ATR(4), "value"),
    (BollingerBands(5, 2.0), "lower"),
    (SMA(3, field="volume"), "value"),
    (Middle(4), "value"),
]


@pytest.fixture(scope="module")
def feed() -> dict[str, Any]:
    """Fifty minutes of quotes, some with an empty side, and trades."""
    made = made_feed(8, events=4_000)
    made["stamps"] = made["stamps"][0] + 50 * (made["stamps"] - made["stamps"][0])
    return made


def _read(feed: dict[str, Any], which: int, until: int) -> float:
    terms = {"partial_fills": False, "lot": 1e-9}
    row = {"which": which, "until": until}
    found = mc.backtest_ticks(Reads, mc.ArrayTicks(**feed), row, terms)
    return float(found.fills["units"][0]) - 1000.0 if len(found.fills) else np.nan


@pytest.mark.parametrize("until", [700, 2_400, 3_900])
def test_a_value_is_that_of_the_bars_that_have_closed(feed: dict[str, Any], until: int) -> None:
    minutes = feed["stamps"] // 60_000_000_000
    quoted = np.isfinite(feed["bid_price"] + feed["ask_price"])
    # A bar closes with the first quote of both sides of a later minute.
    now = minutes[: until + 1][quoted[: until + 1]][-1]
    before = {name: values[minutes < now] for name, values in feed.items()}
    bars = bars_of(mc.ArrayTicks(**before))
    assert len(bars) > 5
    for which, (indicator, output) in enumerate(_ON_BARS):
        wanted = indicator_values(indicator, bars)[output][-1]
        assert _read(feed, which, until) == pytest.approx(wanted, abs=2e-9), indicator
    assert np.isfinite(_read(feed, 7, until))


def test_there_is_no_value_before_there_are_bars_enough(feed: dict[str, Any]) -> None:
    minutes = feed["stamps"] // 60_000_000_000
    second = int(np.flatnonzero(minutes == minutes[0] + 1)[40])
    # One bar has closed: a mean of two has no value, and an order of no units is none.
    assert np.isnan(_read(feed, 0, second))


def test_another_interval_or_another_code_is_another_strategy() -> None:
    class Own(Indicator):
        @staticmethod
        def fill(close, out):
            out[:] = close

    class Other(Indicator):
        @staticmethod
        def fill(close, out):
            out[:] = -close

    Other.__name__ = "Own"

    def hash_with(indicator: OnBars) -> str:
        class Reading(mc.Strategy):
            value = indicator

            def on_tick(self, tick, order):
                order.market(self.value)

        return Reading.code_hash()

    made = [
        OnBars(SMA(3), "1m"),
        OnBars(SMA(4), "1m"),
        OnBars(SMA(3), "2m"),
        OnBars(SMA(3, field="high"), "1m"),
        OnBars(Own(), "1m"),
        OnBars(Other(), "1m"),
    ]
    assert len({hash_with(indicator) for indicator in made}) == len(made)


def test_a_length_that_is_a_parameter_gives_every_set_the_value_of_its_own_number(
    feed: dict[str, Any],
) -> None:
    class Swept(mc.Strategy):
        """Sends an order at one event whose units tell a mean and a range."""

        length = mc.Int(3, low=1, high=40)
        width = mc.Float(2.0, low=0.5, high=3.0)
        lower = OnBars(BollingerBands(length, width), "1m", output="lower")
        shift = OnBars(Middle(length), "1m")

        def on_tick(self, tick, order, account):
            if tick.index == 3_900:
                order.market(1000.0 + self.lower + 0.001 * self.shift)

    class Fixed(mc.Strategy):
        """The same with the numbers of one set."""

        lower = OnBars(BollingerBands(12, 1.5), "1m", output="lower")
        shift = OnBars(Middle(12), "1m")

        def on_tick(self, tick, order, account):
            if tick.index == 3_900:
                order.market(1000.0 + self.lower + 0.001 * self.shift)

    terms = mc.TickSettings.model_validate({"partial_fills": False, "lot": 1e-9})
    ticks = mc.ArrayTicks(**feed)
    # Sets of other lengths stand beside it: what one keeps moves no other's.
    rows = np.array([[2.0, 1.0], [12.0, 1.5], [40.0, 2.0], [12.0, 3.0]])
    run = TickRun(Swept, rows, terms, 1e5, ticks.symbols, record_fills=True)
    run.follow(ticks)
    swept = [run.fills(number)["units"].to_list() for number in range(len(rows))]
    fixed = mc.backtest_ticks(Fixed, ticks, settings=terms).fills["units"].to_list()
    assert swept[1] == fixed
    assert len(fixed) == 1
    assert len({units for (units,) in swept}) == len(rows)


def test_a_length_that_the_indicator_cannot_have_is_refused(feed: dict[str, Any]) -> None:
    class Swept(mc.Strategy):
        length = mc.Int(3, low=0, high=40)
        mean = OnBars(SMA(length), "1m")

        def on_tick(self, tick, order):
            order.market(self.mean)

    with pytest.raises(mc.Refusal, match=r"SMA.period: found 0, allowed a whole number >= 1"):
        mc.backtest_ticks(Swept, mc.ArrayTicks(**feed), {"length": 0})


def test_what_cannot_be_computed_on_ticks_is_refused_in_one_sentence() -> None:
    for wrong, sentence in (
        (lambda: OnBars(SMA(3), "soon"), "interval: found 'soon'"),
        (lambda: OnBars(SMA(RSI(3), 4), "1m"), "indicator: found SMA of other series"),
        (lambda: OnBars(SMA(3, field="vwap"), "1m"), "indicator: found SMA of other series"),
        (lambda: OnBars(SMA(3), "1m", output="upper"), "output: found 'upper', allowed value"),
        (lambda: OnBars(SMA(3, timeframe="1h"), "1m"), "indicator: found timeframe '1h'"),
    ):
        with pytest.raises(mc.Refusal, match=sentence):
            wrong()


def test_a_bare_indicator_of_bars_is_told_how_to_get_them(feed: dict[str, Any]) -> None:
    class Bare(mc.Strategy):
        mean = SMA(3)

        def on_tick(self, tick, order):
            order.market(self.mean)

    with pytest.raises(StrategyError, match=r"Bare.mean: an indicator of bars, found ticks; OnBar"):
        mc.backtest_ticks(Bare, mc.ArrayTicks(**feed))

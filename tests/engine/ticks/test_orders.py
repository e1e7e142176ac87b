"""Every kind of order on files of a few events, with the answers worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.strategies.hook_text import StrategyError

_SECOND = 1_000_000_000
_TERMS = {"tick": 0.1, "lot": 0.1, "taker_fee": 0.001, "maker_fee": -0.0005}


def _steady(count: int = 8, **changed: dict[int, float]) -> mc.ArrayTicks:
    """Return a touch of 5 at 10.0 and 4 at 10.1, a second apart, with single values changed."""
    columns = {
        **{"bid_price": np.full(count, 10.0), "ask_price": np.full(count, 10.1)},
        **{"bid_size": np.full(count, 5.0), "ask_size": np.full(count, 4.0)},
        **{"trade_price": np.full(count, np.nan), "trade_size": np.full(count, np.nan)},
    }
    for name, values in changed.items():
        for row, value in values.items():
            columns[name][row] = value
    return mc.ArrayTicks(_SECOND * np.arange(1, count + 1), **columns)


def _fills(cls: type[mc.Strategy], ticks: mc.ArrayTicks, **terms: Any) -> list[tuple[Any, ...]]:
    found = mc.backtest_ticks(cls, ticks, settings=_TERMS | terms).fills
    return found.select("stamp", "units", "price", "maker").rows()


class Market(mc.Strategy):
    """Buys 6 at the market with the first tick."""

    count = 0

    def on_tick(self, tick, order, account):
        self.count += 1
        if self.count == 1:
            order.market(6.0)


def test_a_market_order_takes_what_is_displayed_and_its_rest_is_cancelled() -> None:
    assert _fills(Market, _steady()) == [(_SECOND, 4.0, 10.1, False)]


def test_a_market_order_that_fills_whole_takes_more_than_is_displayed() -> None:
    assert _fills(Market, _steady(), partial_fills=False) == [(_SECOND, 6.0, 10.1, False)]


def test_a_market_order_finds_nothing_where_a_side_is_empty() -> None:
    ticks = _steady(ask_price={0: np.nan}, ask_size={0: np.nan})
    found = mc.backtest_ticks(Market, ticks, settings=_TERMS)
    assert len(found.fills) == 0
    assert found.metrics["rejected_orders"] == 1.0


class Taken(mc.Strategy):
    """Takes twice at one moment."""

    count = 0

    def on_tick(self, tick, order, account):
        self.count += 1
        if self.count == 1:
            order.market(3.0)
            order.market(3.0)


def test_what_one_order_took_is_not_there_for_the_next() -> None:
    assert [row[1] for row in _fills(Taken, _steady())] == [3.0, 1.0]


class Kinds(mc.Strategy):
    """Sends the order that a parameter names."""

    kind = mc.Choice("ioc", ["ioc", "fok", "fok_small", "post", "limit", "gtd", "short_gtd"])
    count = 0

    def on_tick(self, tick, order, account):
        self.count += 1
        if self.count == 1:
            if self.kind == "ioc":
                order.ioc(6.0, 10.1)
            elif self.kind == "fok":
                order.fok(6.0, 10.1)
            elif self.kind == "fok_small":
                order.fok(4.0, 10.1)
            elif self.kind == "post":
                order.post_only(1.0, 10.1)
            elif self.kind == "limit":
                order.limit(6.0, 10.1)
            elif self.kind == "gtd":
                order.gtd(1.0, 10.0, 4.5)
            else:
                order.limit(1.0, 10.0, tif=2.5)


@pytest.mark.parametrize(
    ("kind", "fills"),
    [
        ("ioc", [(_SECOND, 4.0, 10.1, False)]),
        ("fok", []),
        ("fok_small", [(_SECOND, 4.0, 10.1, False)]),
        ("post", []),
        # What is left rests as the best bid, where a seller's trade of 1.5 fills it so far.
        ("limit", [(_SECOND, 4.0, 10.1, False), (4 * _SECOND, 1.5, 10.1, True)]),
    ],
)
def test_an_order_does_what_its_kind_says(kind: str, fills: list[tuple[Any, ...]]) -> None:
    up = dict.fromkeys(range(1, 8), 10.2)
    ticks = _steady(ask_price=up, trade_price={3: 10.1}, trade_size={3: 1.5})
    ticks.whole.trade_side[3] = -1
    found = mc.backtest_ticks(Kinds, ticks, {"kind": kind}, _TERMS).fills
    assert found.select("stamp", "units", "price", "maker").rows() == fills


def test_an_order_for_some_time_is_gone_after_it() -> None:
    # A seller trades through 10.0 with the fifth event, four seconds after the first.
    ticks = _steady(trade_price={4: 9.9}, trade_size={4: 1.0})
    found = mc.backtest_ticks(Kinds, ticks, {"kind": "gtd"}, _TERMS).fills
    assert found.select("stamp", "units").rows() == [(5 * _SECOND, 1.0)]
    assert len(mc.backtest_ticks(Kinds, ticks, {"kind": "short_gtd"}, _TERMS).fills) == 0


class Changes(mc.Strategy):
    """Cancels or amends an order of 1 at 10.0 with the third tick."""

    what = mc.Choice("cancel", ["cancel", "smaller", "larger", "all"])
    count = 0
    number = 0
    left = -1

    def on_tick(self, tick, order, account):
        self.count += 1
        if self.count == 1:
            self.number = order.limit(1.0, 10.0)
        if self.count == 3:
            if self.what == "cancel":
                order.cancel(self.number)
            elif self.what == "smaller":
                order.amend(self.number, 0.5, 10.0)
            elif self.what == "larger":
                order.amend(self.number, 2.0, 10.0)
            else:
                order.cancel_all()


@pytest.mark.parametrize(
    ("what", "units"),
    # 5 were ahead and 5 are traded before the change: who keeps its turn is first.
    [("cancel", []), ("all", []), ("smaller", [0.5]), ("larger", [])],
)
def test_a_smaller_order_keeps_its_turn_and_a_larger_one_goes_to_the_end(
    what: str, units: list[float]
) -> None:
    ticks = _steady(trade_price={1: 10.0, 5: 10.0}, trade_size={1: 5.0, 5: 2.0})
    found = mc.backtest_ticks(Changes, ticks, {"what": what}, _TERMS).fills
    assert found["units"].to_list() == units


class Greedy(mc.Strategy):
    """Buys 1 with every tick."""

    def on_tick(self, tick, order, account):
        order.limit(1.0, tick.ask)


def test_an_order_beyond_the_most_that_may_be_held_is_refused() -> None:
    found = mc.backtest_ticks(Greedy, _steady(), settings=_TERMS | {"max_position": 3.0})
    assert found.metrics["max_inventory"] == 3.0
    assert found.metrics["rejected_orders"] == 5.0
    # The asks are taken and nobody sells: what rests is one order.
    gone = dict.fromkeys(range(8), 0.0)
    one = mc.backtest_ticks(Greedy, _steady(ask_size=gone), settings=_TERMS | {"max_orders": 1})
    assert one.metrics["rejected_orders"] == 7.0


def test_fees_are_the_makers_and_the_takers() -> None:
    found = mc.backtest_ticks(Market, _steady(), settings=_TERMS).fills
    assert found["fee"].to_list() == [pytest.approx(4.0 * 10.1 * 0.001)]


def test_a_position_is_marked_at_the_side_that_closes_it_or_in_the_middle() -> None:
    touch = mc.backtest_ticks(Market, _steady(), settings=_TERMS | {"taker_fee": 0.0})
    middle = mc.backtest_ticks(Market, _steady(), settings=_TERMS | {"taker_fee": 0, "mark": "mid"})
    assert touch.metrics["net_pnl"] == pytest.approx(-0.4)
    assert middle.metrics["net_pnl"] == pytest.approx(-0.2)


def test_funding_is_paid_by_who_is_long_at_its_times() -> None:
    terms = _TERMS | {"taker_fee": 0.0, "funding": {"rate": 0.01, "every": "3s"}}
    found = mc.backtest_ticks(Market, _steady(), settings=terms)
    # Of 4 units at 10.05, at 3 s and 6 s.
    assert found.metrics["funding_paid"] == pytest.approx(2 * 4.0 * 10.05 * 0.01)
    assert found.metrics["net_pnl"] == pytest.approx(-0.4 - 2 * 0.402)


class Pair(mc.Strategy):
    """Buys the second symbol when the first's bid is above it."""

    def on_tick(self, tick, order, account):
        if tick.symbol == 0 and tick.bid > tick[1].ask and account[1].position == 0.0:
            order[1].market(1.0)


def test_a_strategy_reads_and_trades_another_symbol_than_that_of_the_tick() -> None:
    ticks = mc.ArrayTicks(
        _SECOND * np.arange(1, 6),
        *([10.0, 9.0, 10.0, 9.0, 10.0], [10.1, 9.1, 10.1, 9.1, 10.1], [5] * 5, [4] * 5),
        symbol=[0, 1, 0, 1, 0],
        symbols=("BTCUSDT", "ETHUSDT"),
    )
    found = mc.backtest_ticks(Pair, ticks).fills
    assert found.select("stamp", "symbol", "price").rows() == [(3 * _SECOND, "ETHUSDT", 9.1)]


class BarsOnly(mc.Strategy):
    """Trades on bars."""

    def on_bar(self, bar, order):
        order.long()


def test_bars_and_ticks_are_not_taken_for_one_another() -> None:
    with pytest.raises(mc.Refusal, match=r"strategy: found bars_only, which trades on bars, all"):
        mc.backtest_ticks(BarsOnly, _steady())
    stamps = np.arange(30) * 86_400_000_000
    flat = np.full(30, 100.0)
    bars = mc.Bars("X", stamps, flat, flat, flat, flat, flat)
    with pytest.raises(mc.Refusal, match="ticks: found Bars for market, which hears ticks"):
        mc.backtest_ticks(Market, bars)  # type: ignore[arg-type]
    with pytest.raises(StrategyError, match="Market: hears ticks, found bars"):
        mc.backtest(Market, bars)


class Wrong(mc.Strategy):
    """Asks a tick for what it has not."""

    def on_tick(self, tick, order):
        if tick.close > 1.0:
            order.market(1.0)


class Past(mc.Strategy):
    """Asks for a tick before."""

    def on_tick(self, tick, order):
        if tick.bid[1] > 1.0:
            order.market(1.0)


class Fails(mc.Strategy):
    """Divides by nothing."""

    values = 0

    def on_tick(self, tick, order):
        if tick.index == 3:
            raise ValueError("no fourth tick")


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (Wrong, "found tick.close, allowed ask, ask_size"),
        (Past, r"found tick.bid\[1\], allowed the present"),
        (Fails, "fails: the strategy raised ValueError: no fourth tick"),
    ],
)
def test_a_strategy_that_cannot_run_is_told_in_one_sentence(
    cls: type[mc.Strategy], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        mc.backtest_ticks(cls, _steady())


def test_purity_is_asked_of_ticks_too() -> None:
    import random

    class Random(mc.Strategy):
        def on_tick(self, tick, order):
            order.market(random.random())

    with pytest.raises(StrategyError, match="random"):
        mc.backtest_ticks(Random, _steady())


def test_what_happens_to_orders_is_told_in_its_order() -> None:
    class Sends(mc.Strategy):
        first = 0

        def on_tick(self, tick, order, account):
            if tick.index == 0:
                self.first = order.limit(2.0, 9.0)
                order.post_only(1.0, 10.0)
            elif tick.index == 1:
                order.amend(self.first, 3.0, 8.0)
                order.ioc(1.0, 9.5)
            elif tick.index == 2:
                order.cancel(self.first)
                order.market(-1.0)

    second = 1_000_000_000
    stamps = [number * second for number in range(5)]
    ticks = mc.ArrayTicks(stamps, [9.0] * 5, [10.0] * 5, [5.0] * 5, [5.0] * 5)
    terms = {"latency": {"entry": "100ms", "response": "100ms"}, "tick": 0.5, "lot": 1.0}
    found = mc.backtest_ticks(Sends, ticks, settings=terms)
    told = found.orders.select(pl.col("stamp") // 100_000_000, "order", "event", "units", "price")
    assert told.rows() == [
        (0, 1, "submitted", 2.0, 9.0),
        (0, 2, "submitted", 1.0, 10.0),
        # It would have taken.
        (1, 2, "ended", 0.0, None),
        (10, 1, "amend sent", 3.0, 8.0),
        (10, 3, "submitted", 1.0, 9.5),
        (11, 1, "amended", 3.0, 8.0),
        (11, 3, "ended", 0.0, None),
        (20, 1, "cancel sent", 0.0, None),
        # At any price.
        (20, 4, "submitted", -1.0, None),
        (21, 1, "ended", 0.0, None),
        (21, 4, "filled", -1.0, 9.0),
    ]
    study = mc.Study("sends", ticks, Sends, ticks=terms, seeds=1, record={"trades": True})
    replay = study.run().simulation(0)
    assert replay.orders.drop("bar").equals(found.orders)
    assert replay.orders["bar"].unique().to_list() == [0]


def test_the_log_of_many_orders_has_each_fill_and_grows() -> None:
    from tests.engine.ticks.strategies import Busy
    from tests.engine.ticks.test_twin import made_feed

    ticks = mc.ArrayTicks(**made_feed(3, events=12_000))
    found = mc.backtest_ticks(Busy, ticks, {"every": 1}, {"tick": 0.1, "lot": 0.01})
    assert len(found.orders) > 4_000
    filled = found.orders.filter(event="filled").select("stamp", "order", "units", "price")
    assert filled.equals(found.fills.select("stamp", "order", "units", "price"))
    assert found.orders["stamp"].is_sorted()
    sent = found.orders.filter(event="submitted")["order"]
    assert sent.to_list() == list(range(1, len(sent) + 1))

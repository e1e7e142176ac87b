"""Windows: indicators see the bars before the first trading bar, everything else starts there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.bars import BAR_FIELDS, Bars
from engine.strategies import (
    EMA,
    SMA,
    Int,
    Strategy,
    backtest,
    crossed_above,
    crossed_below,
)
from engine.strategies.audit import audit_strategy
from engine.testing.prices import random_path
from engine.window import Window

DAY = 86_400_000_000


def made_up(count: int, seed: int = 3) -> Bars:
    path = random_path(np.random.default_rng(seed), count, 0.01, 0.0)
    return Bars("X", np.arange(count, dtype=np.int64) * DAY, *path)


def cut(bars: Bars, count: int) -> Bars:
    own = slice(len(bars) - count, None)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Bars(bars.symbol, bars.timestamps[own], *(column[own] for column in columns))


class HoldAbove(Strategy):
    """Long while the close is above its average; flat otherwise."""

    period = Int(20, low=2, high=500)
    mean = SMA(period)

    def on_bar(self, bar, order, account):
        if bar.close > self.mean and account.position == 0.0:
            order.target_percent(1.0)
        elif bar.close <= self.mean:
            order.close()


class Follow(Strategy):
    """The vector form of the same rule."""

    period = Int(20, low=2, high=500)
    mean = SMA(period)

    def signals(self, bars, target):
        for bar in range(len(target)):
            target[bar] = 1.0 if bars.close[bar] > self.mean[bar] else 0.0


class Starts(Strategy):
    """Buys in on_start, sells at the third bar that counts."""

    def on_start(self, order):
        order.market(10)

    def on_bar(self, bar, order):
        if bar.index == 2:
            order.close()


class LooksBack(Strategy):
    """Trades on the close of five bars ago, by hand."""

    def on_bar(self, bar, order, account):
        if bar.close > bar.close[5] and account.position == 0.0:
            order.market(1)
        elif bar.close < bar.close[5] and account.position > 0.0:
            order.close()


class Crossover(Strategy):
    fast = Int(5, low=2, high=100)
    slow = Int(20, low=2, high=400)
    quick = EMA(fast)
    mean = SMA(slow)

    def on_bar(self, bar, order):
        if crossed_above(self.quick, self.mean):
            order.target_percent(1.0)
        elif crossed_below(self.quick, self.mean):
            order.close()


def test_without_bars_before_nothing_changes() -> None:
    bars = made_up(300)
    plain, windowed = backtest(Crossover, bars), backtest(Crossover, bars, warm_up=0)
    assert plain.metrics == windowed.metrics
    assert plain.equity.tolist() == windowed.equity.tolist()
    assert plain.orders.equals(windowed.orders)


def test_an_average_is_warm_on_the_first_bar_that_counts() -> None:
    bars = made_up(300)
    found = backtest(HoldAbove, bars, {"period": 100}, warm_up="auto")
    assert len(found.equity) == 300 - 99
    close = bars.close
    above = [close[bar] > close[bar - 99 : bar + 1].mean() for bar in range(99, 300)]
    filled = found.orders.filter(found.orders["event"] == "filled")["bar"].to_list()
    assert filled[0] == above.index(True) + 1


@pytest.mark.parametrize("strategy", [HoldAbove, Follow], ids=["events", "signals"])
def test_a_warm_window_equals_trading_that_was_put_off_by_hand(strategy: type[Strategy]) -> None:
    bars, warm_up = made_up(300), 60
    close, opening = bars.close, bars.open
    cash, units, equity = 100_000.0, 0.0, []
    wanted = 0.0
    for bar in range(warm_up, 300):
        if wanted == 1.0 and units == 0.0:
            units = cash // opening[bar]
            cash -= units * opening[bar]
        elif wanted == 0.0 and units > 0.0:
            cash, units = cash + units * opening[bar], 0.0
        equity.append(cash + units * close[bar])
        wanted = float(close[bar] > close[bar - 19 : bar + 1].mean())
    found = backtest(strategy, bars, execution={"instrument": {"lot_size": 1.0}}, warm_up=warm_up)
    np.testing.assert_allclose(found.equity, equity, rtol=1e-12)


def test_the_first_bar_that_counts_is_bar_0_for_the_strategy_and_in_the_results() -> None:
    bars = made_up(50)
    found = backtest(Starts, bars, warm_up=20)
    (trade,) = found.trades.iter_rows(named=True)
    assert (trade["entry_bar"], trade["exit_bar"]) == (0, 3)
    assert (trade["entry_price"], trade["exit_price"]) == (bars.open[20], bars.open[23])
    assert trade["entry_time"].timestamp() == 20 * 86_400
    first = found.orders.row(0, named=True)
    assert (first["event"], first["bar"]) == ("submitted", -1)


def test_hooks_look_back_into_the_bars_before() -> None:
    bars = made_up(60)
    found = backtest(LooksBack, bars, warm_up=5)
    placed = found.orders.filter(found.orders["event"] == "submitted")["bar"].to_list()
    up = bars.close[5:] > bars.close[:-5]
    assert placed[0] == int(np.argmax(up))


@settings(deadline=None)
@given(warm_up=st.integers(0, 150), count=st.integers(1, 120), seed=st.integers(0, 2**32 - 1))
def test_strategies_without_a_memory_do_not_see_what_lies_before(
    warm_up: int, count: int, seed: int
) -> None:
    bars = made_up(warm_up + count, seed)
    windowed = backtest(Starts, bars, warm_up=warm_up)
    alone = backtest(Starts, cut(bars, count))
    assert windowed.equity.tolist() == alone.equity.tolist()
    assert windowed.metrics == alone.metrics
    columns = ["entry_bar", "entry_price", "exit_bar", "exit_price", "pnl", "mfe", "mae"]
    assert windowed.trades.select(columns).equals(alone.trades.select(columns))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), extra=st.integers(0, 40))
def test_more_bars_before_than_an_average_needs_change_nothing(seed: int, extra: int) -> None:
    bars = made_up(260, seed)
    found = backtest(HoldAbove, cut(bars, 200 + extra), {"period": 50}, warm_up=49 + extra)
    least = backtest(HoldAbove, cut(bars, 200), {"period": 50}, warm_up=49)
    # A running sum that began elsewhere differs by rounding.
    np.testing.assert_allclose(found.equity, least.equity[-len(found.equity) :], rtol=1e-12)


def test_day_orders_count_sessions_from_the_first_trading_bar() -> None:
    class Rests(Strategy):
        def on_start(self, order):
            order.limit(1, 1.0, tif="day")

    from engine.strategies import prepare_strategy

    block = np.full((1, 1, 5, 20), 100.0)
    engine = prepare_strategy(
        Rests,
        symbols=("X",),
        fields=("open", "high", "low", "close", "volume"),
        steps=20,
        bars_per_year=252.0 * 4,
        bars_per_session=4.0,
        warm_up=6,
    )
    scratch = engine.scratch(record_orders=True)
    metrics, status = np.empty((1, 1, len(engine.metric_names))), np.empty((1, 1), np.int8)
    engine.run(block, engine.encode({})[None], metrics, status, scratch)
    events = scratch.simulation.events[:2]
    assert events[:, 0].tolist() == [5.0, 9.0]  # four bars from the sixth on


@pytest.mark.parametrize("found", [-1, 300, 1.5, True, "often"])
def test_a_window_outside_the_data_is_one_sentence(found: Any) -> None:
    with pytest.raises(ValueError, match=r"warm_up: found .*, allowed 0 to 299 of 300 bars"):
        backtest(Crossover, made_up(300), warm_up=found)


def test_an_average_longer_than_the_data_leaves_no_bar_to_trade_on() -> None:
    with pytest.raises(ValueError, match=r"warm_up: found 399 \(auto\), allowed 0 to 299"):
        backtest(Crossover, made_up(300), {"slow": 400}, warm_up="auto")


def test_a_window_states_what_it_refuses() -> None:
    assert Window.of(20, 100) == Window(0, 20, 119)
    with pytest.raises(ValueError, match="0 <= first bar <= first trading bar <= last bar"):
        Window(5, 4, 10)
    with pytest.raises(ValueError, match="at_end: found 'sell', allowed 'mark' or 'close'"):
        Window(0, 4, 10, "sell")


@pytest.mark.parametrize("at_end", ["mark", "close"])
def test_the_window_of_a_world_and_of_an_engine_says_what_becomes_of_open_positions(
    at_end: str,
) -> None:
    study = mc.Study(
        "ends", mc.GBM(mu=0.05), "buy_and_hold", seeds=1, steps=9, execution={"at_end": at_end}
    )
    world = study.resolve().world
    assert world.window == Window(0, 0, 8, at_end)
    bound = mc.prepare_strategy(
        "buy_and_hold",
        world.execution,
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=9,
        bars_per_year=252.0,
    )
    assert bound.window == world.window


def test_the_audit_covers_the_bars_before() -> None:
    class Peeks(Strategy):
        period = Int(5)
        mean = SMA(period)

        def signals(self, bars, target):
            for bar in range(len(target) - 30):
                target[bar] = 1.0 if bars.close[bar + 30] > bars.close[bar] else 0.0

    assert audit_strategy(HoldAbove, parameters={"period": 50}, warm_up=49, cuts=40).passed
    assert not audit_strategy(Peeks, warm_up=100, cuts=40).passed


# --- the end --------------------------------------------------------------------------------------


class Keeps(Strategy):
    def on_start(self, order):
        order.market(10)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.limit(-10, 1e9)


def test_a_position_open_at_the_end_is_in_no_metric_of_trades() -> None:
    found = backtest(Keeps, made_up(30))
    assert found.metrics["trades"] == 0
    assert len(found.trades) == 0


def test_closing_at_the_end_makes_a_trade_at_the_last_close_and_its_costs() -> None:
    bars = made_up(30)
    costs = {"commission": {"fixed": 3.0}, "slippage": {"bps": 10.0}}
    found = backtest(Keeps, bars, execution={"at_end": "close", **costs})
    (trade,) = found.trades.iter_rows(named=True)
    entry, leave = bars.open[0] * 1.001, bars.close[-1] * 0.999
    assert trade["exit_bar"] == 29
    assert trade["exit_price"] == pytest.approx(leave, rel=1e-12)
    assert trade["pnl"] == pytest.approx(10 * (leave - entry) - 6.0, rel=1e-12)
    assert found.metrics["trades"] == 1
    assert found.equity[-1] == pytest.approx(100_000.0 + trade["pnl"], rel=1e-12)
    assert found.metrics["net_pnl"] == pytest.approx(trade["pnl"], rel=1e-9)
    events = found.orders.filter(found.orders["bar"] == 29)["event"].to_list()
    assert events == ["cancelled", "submitted", "filled"]


def test_closing_at_the_end_changes_equity_by_nothing_without_costs() -> None:
    bars = made_up(200)
    for strategy in (Keeps, HoldAbove, Follow):
        marked = backtest(strategy, bars)
        closed = backtest(strategy, bars, execution={"at_end": "close"})
        np.testing.assert_allclose(marked.equity, closed.equity, rtol=1e-13)

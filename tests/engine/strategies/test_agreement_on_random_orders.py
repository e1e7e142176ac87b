"""Random orders in this engine and in backtesting.py, trade by trade and close by close.

Both programs draw the same decisions. Where their conventions differ, the streams stay clear of
the difference and `test_agreement_where_conventions_differ` states it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import Backtest, Float, Int, Strategy, backtest

MARKETS = ("SP500 days", "AAPL days", "WTI closes", "ES minutes", "BTC minutes")
Market = Callable[[str], Bars]


def next_draw(draw):
    return (draw * 1103515245 + 12345) % 2147483648


def chance(draw, count):
    """One of `count`; the low bits of such a generator repeat."""
    return (draw // 65536) % count


class RandomOrders(Strategy):
    """One order at a time: market, limit or stop, either side, with and without a bracket."""

    seed = Int(1, low=0)
    width = Float(0.01, low=0)
    kinds = Int(6, low=4, high=6)  # 4: without stop entries
    draw = 0

    def on_start(self):
        self.draw = self.seed

    def on_bar(self, bar, order, account):
        if bar.index < 1:
            return
        self.draw = next_draw(self.draw)
        action = chance(self.draw, 8)
        if account.position != 0.0:
            if action == 0:
                order.close()
            elif action == 1 and account.open_orders == 0:
                # backtesting.py's partial close only reduces; ours is an order like any other,
                # which a stop-loss that fills at the same open would turn into an entry.
                half = max(1.0, round(abs(account.position) * 0.5))
                order.market(-half if account.position > 0.0 else half)
            return
        if account.open_orders > 0:
            if action < 3:
                order.cancel_all()
            return
        self.draw = next_draw(self.draw)
        side = 1.0 if chance(self.draw, 2) == 0 else -1.0
        self.draw = next_draw(self.draw)
        units = side * (1 + chance(self.draw, 100))
        self.draw = next_draw(self.draw)
        bracket = chance(self.draw, 4)
        close = bar.close
        entry = close
        if action == 2 or action == 3:
            entry = close * (1.0 - side * self.width)
        elif action == 4 or action == 5:
            entry = close * (1.0 + side * self.width)
        # Both sides leave room for the gap from this close to the next open.
        target = entry * (1.0 + side * 3.0 * self.width)
        loss = entry * (1.0 - side * 2.0 * self.width)
        if bracket == 0 or bracket == 2:
            target = float("nan")
        if bracket == 0 or bracket == 1:
            loss = float("nan")
        if action >= self.kinds:
            return
        if action == 2 or action == 3:
            order.limit(units, entry, take_profit=target, stop_loss=loss)
        elif action == 4 or action == 5:
            order.stop(units, entry, take_profit=target, stop_loss=loss)
        else:
            order.market(units, take_profit=target, stop_loss=loss)


def peer_orders(seed: int, width: float, kinds: int = 6) -> Callable[[Any], None]:
    """The same decisions, taken through backtesting.py's interface."""
    state = {"draw": seed}

    def roll(count: int) -> int:
        state["draw"] = next_draw(state["draw"])
        return chance(state["draw"], count)

    def on_bar(self: Any) -> None:
        action = roll(8)
        if self.position.size != 0:
            if action == 0:
                self.position.close()
            elif action == 1 and not self.orders:
                self.trades[0].close(0.5)
            return
        if self.orders:
            if action < 3:
                for order in self.orders:
                    order.cancel()
            return
        side = 1 if roll(2) == 0 else -1
        size = 1 + roll(100)
        bracket = roll(4)
        close = self.data.Close[-1]
        entry = close
        if action in (2, 3):
            entry = close * (1.0 - side * width)
        elif action in (4, 5):
            entry = close * (1.0 + side * width)
        kind = {2: "limit", 3: "limit", 4: "stop", 5: "stop"}.get(action)
        prices = {kind: entry} if kind else {}
        if bracket in (1, 3):
            prices["tp"] = entry * (1.0 + side * 3.0 * width)
        if bracket in (2, 3):
            prices["sl"] = entry * (1.0 - side * 2.0 * width)
        if action < kinds:
            (self.buy if side > 0 else self.sell)(size=size, **prices)

    return on_bar


def ours(bars: Bars, seed: int, width: float, *, kinds: int = 6, **settings: Any) -> Backtest:
    execution = {"cash": 1_000_000, "bracket_rule": "backtesting_py", **settings}
    return backtest(RandomOrders, bars, {"seed": seed, "width": width, "kinds": kinds}, execution)


def width_of(name: str) -> float:
    return 0.0005 if "minutes" in name else 0.01


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("name", MARKETS)
def test_random_orders_agree(
    market: Market, backtesting_py: Any, assert_same_run: Any, name: str, seed: int
) -> None:
    bars, width = market(name)[:2500], width_of(name)
    theirs = backtesting_py(bars, peer_orders(seed, width), commission=0.001)
    assert_same_run(ours(bars, seed, width, commission={"rate": 0.001}), theirs, at_least=60)


@pytest.mark.parametrize("seed", range(11, 13))
@pytest.mark.parametrize("name", MARKETS)
def test_random_orders_agree_at_the_same_close(
    market: Market, backtesting_py: Any, assert_same_run: Any, name: str, seed: int
) -> None:
    """Of the last bar's decisions backtesting.py fills none: it would at the bar after."""
    bars, width = market(name)[:1500], width_of(name)
    theirs = backtesting_py(bars, peer_orders(seed, width, kinds=4), trade_on_close=True)
    run = ours(bars, seed, width, kinds=4, fill="same_close")
    assert_same_run(run, theirs, at_least=40, before=len(bars) - 1)


class SeveralOrders(Strategy):
    """Market, limit, stop and stop-limit orders beside each other, each for some bars."""

    seed = Int(1, low=0)
    width = Float(0.01, low=0)
    draw = 0

    def on_start(self):
        self.draw = self.seed

    def on_bar(self, bar, order, account):
        if bar.index < 1:
            return
        self.draw = next_draw(self.draw)
        action = chance(self.draw, 12)
        self.draw = next_draw(self.draw)
        side = 1.0 if chance(self.draw, 2) == 0 else -1.0
        self.draw = next_draw(self.draw)
        units = side * (1 + chance(self.draw, 50))
        self.draw = next_draw(self.draw)
        lasts = 1 + chance(self.draw, 6)
        self.draw = next_draw(self.draw)
        away = (1 + chance(self.draw, 4)) * self.width
        self.draw = next_draw(self.draw)
        # Never at the stop itself: see `test_agreement_where_conventions_differ`.
        beyond = (chance(self.draw, 5) - 1.5) * self.width
        close = bar.close
        stop = close * (1.0 + side * away)
        if action == 0:
            order.market(units)
        elif action <= 3:
            order.limit(units, close * (1.0 - side * away), tif=lasts)
        elif action <= 6:
            order.stop(units, stop, tif=lasts)
        elif action <= 8:
            order.stop_limit(units, stop, stop + side * beyond * close, tif=lasts)
        elif action == 9 and account.position != 0.0:
            order.market(-account.position)
        elif action == 10:
            order.cancel_all()


def peer_several(seed: int, width: float) -> Callable[[Any], None]:
    """The same decisions; what has lasted is cancelled by hand."""
    state: dict[str, Any] = {"draw": seed, "resting": []}

    def roll(count: int) -> int:
        state["draw"] = next_draw(state["draw"])
        return chance(state["draw"], count)

    def on_bar(self: Any) -> None:
        bar = len(self.data) - 1
        for placed, last in state["resting"]:
            if last == bar and placed in self.orders:
                placed.cancel()
        action, side, size = roll(12), 1 if roll(2) == 0 else -1, 1 + roll(50)
        lasts, away, beyond = 1 + roll(6), (1 + roll(4)) * width, (roll(5) - 1.5) * width
        close = self.data.Close[-1]
        stop = close * (1.0 + side * away)
        trade = self.buy if side > 0 else self.sell
        if action == 0:
            trade(size=size)
        elif action <= 3:
            placed = trade(size=size, limit=close * (1.0 - side * away))
            state["resting"].append((placed, bar + lasts))
        elif action <= 6:
            state["resting"].append((trade(size=size, stop=stop), bar + lasts))
        elif action <= 8:
            placed = trade(size=size, stop=stop, limit=stop + side * beyond * close)
            state["resting"].append((placed, bar + lasts))
        elif action == 9 and self.position.size != 0:
            held = self.position.size
            (self.sell if held > 0 else self.buy)(size=abs(held))
        elif action == 10:
            for placed in list(self.orders):
                placed.cancel()

    return on_bar


@pytest.mark.parametrize("level", [0.003, 0.4, 300.0, 45_000.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_several_orders_at_once_agree(backtesting_py: Any, level: float, seed: int) -> None:
    """On bars that open at the close before, with long stretches of one price and no volume.

    The equity at every close does not tell in which sequence a bar filled its orders.
    """
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 0.01, 600) * (rng.random(600) < 0.7)
    moves[200:300] = 0.0
    close = level * np.exp(np.cumsum(moves))
    opens = np.append(level, close[:-1])
    wick = np.abs(rng.normal(0.0, 0.005, 600)) * (moves != 0.0)
    high, low = np.maximum(opens, close) * (1.0 + wick), np.minimum(opens, close) * (1.0 - wick)
    gaps = np.where(rng.random(600) < 0.05, rng.integers(2, 90, 600), 1)
    stamps = np.cumsum(gaps).astype(np.int64) * 60_000_000
    bars = Bars("X", stamps, opens, high, low, close, np.zeros(600))
    theirs = backtesting_py(bars, peer_several(seed, 0.008), cash=1e9, commission=0.001)
    settings = {"cash": 1e9, "commission": {"rate": 0.001}, "bracket_rule": "backtesting_py"}
    found = backtest(SeveralOrders, bars, {"seed": seed, "width": 0.008}, settings)
    assert (found.orders["event"] == "filled").sum() > 100
    assert found.metrics["rejected_orders"] == 0.0
    np.testing.assert_allclose(found.equity, theirs.equity, rtol=0, atol=1e-5 * max(1.0, level))


def test_figures_of_one_definition_agree(market: Market, backtesting_py: Any) -> None:
    bars = market("SP500 days")
    run = ours(bars, 5, 0.01, commission={"rate": 0.001})
    found = run.metrics
    theirs = backtesting_py(bars, peer_orders(5, 0.01), commission=0.001).figures
    assert found["trades"] == theirs["# Trades"]
    assert found["final_equity"] == pytest.approx(theirs["Equity Final [$]"], abs=0.005)
    # Theirs is that of closed trades.
    paid = run.trades["commission"].sum()
    assert paid == pytest.approx(theirs["Commissions [$]"], abs=0.005)
    assert 100.0 * found["total_return"] == pytest.approx(theirs["Return [%]"], abs=1e-9)
    assert 100.0 * found["win_rate"] == pytest.approx(theirs["Win Rate [%]"], abs=1e-9)
    assert 100.0 * found["max_drawdown"] == pytest.approx(theirs["Max. Drawdown [%]"], abs=1e-9)

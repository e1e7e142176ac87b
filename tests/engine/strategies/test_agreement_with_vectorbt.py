"""The same orders in this engine and in vectorbt, fill by fill and close by close.

vectorbt takes whole arrays of orders or signals and a price per bar; a decision at the close of
a bar that fills at the next open is the array shifted by one, priced at the open. Conventions it
does not share, each tested on both sides below:

- an order beyond the cash is cut to what the cash buys; here it is rejected, unless it is sized
  in percent;
- a target in percent of equity comes before costs; here costs are within it;
- a signal whose bar also ends in a stop is dropped; a stop is looked for from the bar after the
  entry on; the stop-loss is taken even where the open has passed the target (our
  ``bracket_rule="backtesting_py"``).

All wait for vectorbt to compile what it runs, up to a quarter of a minute in a new checkout; the
agreement with backtesting.py is proved by `make test`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.strategies import (
    SMA,
    Backtest,
    Float,
    Int,
    Strategy,
    backtest,
    crossed_above,
    crossed_below,
)

vbt: Any
pd: Any
pytestmark = pytest.mark.slow

MARKETS = ("SP500 days", "AAPL days", "ES minutes", "BTC minutes")
Market = Callable[[str], Bars]
COSTS = {"commission": {"rate": 0.0004, "fixed": 2.5}, "slippage": {"bps": 3.0}}
THEIR_COSTS = {"fees": 0.0004, "fixed_fees": 2.5, "slippage": 3.0e-4}


@pytest.fixture(scope="module", autouse=True)
def _peer() -> None:
    """Import them with the first test, not wherever this file is collected: that takes seconds."""
    global vbt, pd
    vbt = pytest.importorskip("vectorbt", reason="vectorbt is an optional dev extra")
    pd = pytest.importorskip("pandas")


def shifted(values: Any, empty: Any) -> Any:
    """What was decided at the bar before."""
    return np.concatenate([[empty], np.asarray(values)[:-1]])


def assert_same(ours: Backtest, theirs: Any, *, at_least: int) -> None:
    """Fills (bar, units, price, commission), equity at each close, closed trades' profit."""
    fills = ours.orders.filter(pl.col("event") == "filled")
    records = theirs.orders.records
    units = np.where(records["side"] == 0, records["size"], -records["size"])
    assert fills.height >= at_least
    assert fills["bar"].to_list() == records["idx"].tolist()
    np.testing.assert_allclose(fills["units"], units, rtol=1e-9)
    np.testing.assert_allclose(fills["price"], records["price"], rtol=1e-12)
    np.testing.assert_allclose(fills["commission"], records["fees"], rtol=0, atol=0.005)
    np.testing.assert_allclose(ours.equity, theirs.value().to_numpy(), rtol=0, atol=0.005)


def next_draw(draw):
    return (draw * 1103515245 + 12345) % 2147483648


class RandomUnits(Strategy):
    """Units bought or sold at random: pyramids, partial closes and reversals."""

    seed = Int(1)
    draw = 0

    def on_start(self):
        self.draw = self.seed

    def on_bar(self, bar, order):
        self.draw = next_draw(self.draw)
        number = (self.draw // 65536) % 160
        if number < 40 and number != 20:
            order.market(number - 20)


def random_units(seed: int, count: int) -> np.ndarray:
    units = np.zeros(count)
    for bar in range(count):
        seed = next_draw(seed)
        number = (seed // 65536) % 160
        if number < 40:
            units[bar] = number - 20
    return units


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", MARKETS)
def test_orders_in_units_agree_with_all_costs(market: Market, name: str, seed: int) -> None:
    bars = market(name)
    units = random_units(seed, len(bars))
    theirs = vbt.Portfolio.from_orders(
        pd.Series(bars.close),
        size=shifted(units, 0.0),
        price=bars.open,
        init_cash=1e7,
        **THEIR_COSTS,
    )
    ours = backtest(RandomUnits, bars, {"seed": seed}, {"cash": 1e7, **COSTS})
    assert_same(ours, theirs, at_least=300)


class Crossover(Strategy):
    """Long above, short below, by percent of equity."""

    fast = Int(5)
    slow = Int(20)
    short = Int(0)
    quick = SMA(fast)
    calm = SMA(slow)

    def on_bar(self, bar, order, account):
        if crossed_above(self.quick, self.calm):
            if account.position < 0.0:
                order.close()
            order.percent(1.0)
        elif crossed_below(self.quick, self.calm):
            order.close()


def signals(bars: Bars, fast: int, slow: int) -> tuple[np.ndarray, np.ndarray]:
    close = pd.Series(bars.close)
    quick, calm = close.rolling(fast).mean(), close.rolling(slow).mean()
    above = (quick > calm) & (quick.shift() < calm.shift())
    below = (quick < calm) & (quick.shift() > calm.shift())
    return above.to_numpy(), below.to_numpy()


@pytest.mark.parametrize("same_close", [False, True])
@pytest.mark.parametrize("name", MARKETS)
def test_a_crossover_with_all_the_cash_agrees(market: Market, name: str, same_close: bool) -> None:
    """`size` infinity buys what the cash allows, costs included: our 100 %, fractional."""
    bars = market(name)
    entries, exits = signals(bars, 5, 20)
    price = bars.close
    if not same_close:
        entries, exits, price = shifted(entries, False), shifted(exits, False), bars.open
    theirs = vbt.Portfolio.from_signals(
        pd.Series(bars.close), entries, exits, price=price, init_cash=1e5, **THEIR_COSTS
    )
    settings = {
        "cash": 1e5,
        "fill": "same_close" if same_close else "next_open",
        "instrument": {"lot_size": 0.0},
        **COSTS,
    }
    ours = backtest(Crossover, bars, {}, settings)
    assert_same(ours, theirs, at_least=60)
    trades = theirs.trades.records
    closed = trades[trades["status"] == 1]
    np.testing.assert_allclose(ours.trades["pnl"], closed["pnl"], rtol=0, atol=0.005)
    np.testing.assert_allclose(
        ours.metrics["max_drawdown"], float(theirs.max_drawdown()), rtol=0, atol=1e-9
    )


class LongShort(Strategy):
    """Twenty units long or short: every signal but the first reverses."""

    fast = Int(5)
    slow = Int(20)
    quick = SMA(fast)
    calm = SMA(slow)

    def on_bar(self, bar, order):
        if crossed_above(self.quick, self.calm):
            order.target(20)
        elif crossed_below(self.quick, self.calm):
            order.target(-20)


@pytest.mark.parametrize("name", MARKETS)
def test_reversals_agree(market: Market, name: str) -> None:
    bars = market(name)
    above, below = signals(bars, 5, 20)
    theirs = vbt.Portfolio.from_signals(
        pd.Series(bars.close),
        entries=shifted(above, False),
        short_entries=shifted(below, False),
        size=20.0,
        size_type="amount",
        upon_opposite_entry="reverse",
        price=bars.open,
        init_cash=1e6,
        **THEIR_COSTS,
    )
    assert_same(backtest(LongShort, bars, {}, {"cash": 1e6, **COSTS}), theirs, at_least=60)


class Stops(Strategy):
    """Enter at the crossing's close, long or short; leave by the bracket alone."""

    loss = Float(0.01)
    gain = Float(0.015)
    fast = Int(5)
    slow = Int(20)
    quick = SMA(fast)
    calm = SMA(slow)
    closed = 0

    def on_bar(self, bar, order, account):
        # vectorbt takes one order per bar: none after a stop.
        stopped = account.trades > self.closed
        self.closed = account.trades
        if account.position != 0.0 or stopped:
            return
        side = 0.0
        if crossed_above(self.quick, self.calm):
            side = 1.0
        elif crossed_below(self.quick, self.calm):
            side = -1.0
        if side != 0.0:
            order.market(
                10.0 * side,
                take_profit=bar.close * (1.0 + side * self.gain),
                stop_loss=bar.close * (1.0 - side * self.loss),
            )


@pytest.mark.parametrize("gain", [0.015, 9.0])
@pytest.mark.parametrize("name", MARKETS)
def test_stop_loss_and_take_profit_agree(market: Market, name: str, gain: float) -> None:
    """With slippage where the stop-loss is the only exit: vectorbt slips a target too."""
    bars = market(name)
    scale = 0.1 if "minutes" in name else 1.0
    above, below = signals(bars, 5, 20)
    alone = gain > 1.0
    loss = (0.003 if alone else 0.01) * scale
    gain = gain if alone else gain * scale
    theirs = vbt.Portfolio.from_signals(
        pd.Series(bars.close),
        entries=above,
        short_entries=below,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        sl_stop=loss,
        tp_stop=np.nan if alone else gain,
        stop_exit_price="stopmarket" if alone else "stoplimit",
        upon_opposite_entry="ignore",
        size=10.0,
        size_type="amount",
        init_cash=1e6,
        fees=0.0004,
        fixed_fees=2.5,
        slippage=3e-4 if alone else 0.0,
    )
    settings = {
        "cash": 1e6,
        "fill": "same_close",
        "bracket_rule": "backtesting_py",
        "commission": COSTS["commission"],
        "slippage": {"bps": 3.0 if alone else 0.0},
    }
    parameters = {"loss": loss, "gain": 50.0 if alone else gain}
    assert_same(backtest(Stops, bars, parameters, settings), theirs, at_least=20)


class Targets(Strategy):
    """A target share of equity that changes every few bars and goes through zero."""

    def on_bar(self, bar, order):
        if bar.index % 5 == 3:
            order.target_percent((bar.index * 7 % 13 - 6) / 8.0)


@pytest.mark.parametrize("name", MARKETS)
def test_targets_in_percent_agree_without_costs(market: Market, name: str) -> None:
    bars = market(name)[:2000]
    index = np.arange(len(bars))
    wanted = np.where(index % 5 == 3, (index * 7 % 13 - 6) / 8.0, np.nan)
    theirs = vbt.Portfolio.from_orders(
        pd.Series(bars.close),
        size=shifted(wanted, np.nan),
        size_type="targetpercent",
        price=bars.open,
        init_cash=1e5,
    )
    ours = backtest(Targets, bars, {}, {"cash": 1e5, "instrument": {"lot_size": 0.0}})
    assert_same(ours, theirs, at_least=300)


class HalfOnce(Strategy):
    """Half of equity after bar 1."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.target_percent(0.5)


class TooMuchOnce(Strategy):
    """Far beyond the cash after bar 1."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.market(500)


@pytest.fixture(scope="module")
def flat() -> Bars:
    stamps = np.arange(5, dtype=np.int64) * 86_400_000_000
    price = np.full(5, 100.0)
    return Bars("X", stamps, price, price + 1.0, price - 1.0, price, np.full(5, 1e6))


def test_costs_are_within_a_target_here_and_beside_it_in_vectorbt(flat: Bars) -> None:
    size = np.array([np.nan, np.nan, 0.5, np.nan, np.nan])
    theirs = vbt.Portfolio.from_orders(
        pd.Series(flat.close), size=size, size_type="targetpercent", init_cash=1e4, fees=0.01
    )
    assert theirs.orders.records["size"].tolist() == [50.0]
    settings = {"cash": 1e4, "commission": {"rate": 0.01}, "instrument": {"lot_size": 0.0}}
    ours = backtest(HalfOnce, flat, {}, settings).orders.filter(pl.col("event") == "filled")
    assert ours["units"].to_list() == pytest.approx([5000.0 / 101.0], rel=1e-12)


def test_an_order_beyond_the_cash_is_rejected_here_and_cut_in_vectorbt(flat: Bars) -> None:
    size = np.array([0.0, 0.0, 500.0, 0.0, 0.0])
    theirs = vbt.Portfolio.from_orders(pd.Series(flat.close), size=size, init_cash=1e4)
    assert theirs.orders.records["size"].tolist() == [100.0]
    whole = vbt.Portfolio.from_orders(
        pd.Series(flat.close), size=size, init_cash=1e4, allow_partial=False
    )
    assert len(whole.orders.records) == 0
    ours = backtest(TooMuchOnce, flat, {}, {"cash": 1e4})
    assert ours.metrics["rejected_orders"] == 1
    assert ours.metrics["net_pnl"] == 0.0


class Rotation(Strategy):
    """Everything in one of three symbols, or split between two, by whole-path targets."""

    def signals(self, bars, target):
        for t in range(target.shape[1]):
            first, second = (t // 4) % 3, (t // 7) % 3
            target[0, t] = 0.0
            target[1, t] = 0.0
            target[2, t] = 0.0
            target[first, t] += 0.5
            target[second, t] += 0.5


def test_rotations_agree_with_the_call_sequence_that_sells_first(market: Market) -> None:
    """`call_seq="auto"`: of the orders of a bar the sales come before the purchases."""
    bars = market("SP500 days")[:600]
    count, columns = len(bars), []
    for shift in range(3):
        rows = (np.roll(getattr(bars, name), 200 * shift) for name in ("open", "high", "low"))
        close = np.roll(bars.close, 200 * shift)
        columns.append(Bars("ABC"[shift], bars.timestamps, *rows, close, np.full(count, 1e9)))
    index = np.arange(count)
    wanted = np.zeros((count, 3))
    for share in (index // 4 % 3, index // 7 % 3):
        wanted[index, share] += 0.5
    change = np.vstack([wanted[:1] != 0.0, wanted[1:] != wanted[:-1]])
    size = np.where(change, wanted, np.nan)
    theirs = vbt.Portfolio.from_orders(
        pd.DataFrame({bar.symbol: bar.close for bar in columns}),
        size=np.vstack([np.full((1, 3), np.nan), size[:-1]]),
        size_type="targetpercent",
        price=pd.DataFrame({bar.symbol: bar.open for bar in columns}),
        init_cash=1e5,
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
    )
    ours = backtest(Rotation, columns, {}, {"cash": 1e5, "instrument": {"lot_size": 0.0}})
    assert ours.metrics["rejected_orders"] == 0.0
    np.testing.assert_allclose(ours.equity, theirs.value().to_numpy(), rtol=0, atol=0.005)

"""The same strategies in this engine and in backtesting.py, trade by trade."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.execution import Execution
from engine.strategies import Backtest, Int, Strategy, backtest

peer: Any
pd: Any

COMMISSION = 0.001
EXECUTION = Execution(
    cash=1_000_000, commission={"rate": COMMISSION}, bracket_rule="backtesting_py"
)


@pytest.fixture(scope="module", autouse=True)
def _peer() -> None:
    """Import it with the first test, not wherever this file is collected: that takes seconds."""
    global peer, pd
    peer = pytest.importorskip("backtesting", reason="backtesting.py is an optional dev extra")
    pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def bars() -> Bars:
    from arch.data import sp500

    frame = sp500.load()[:1500]
    stamps = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    names = ["Open", "High", "Low", "Close", "Volume"]
    return Bars("SP500", stamps, *(frame[name].to_numpy().astype(float) for name in names))


def run_peer(bars: Bars, on_bar: Any) -> tuple[pd.DataFrame, float]:
    index = pd.to_datetime(bars.timestamps, unit="us")
    columns = {name.title(): getattr(bars, name) for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame({**columns, "Volume": bars.volume}, index=index)

    class Peer(peer.Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            on_bar(self)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = peer.Backtest(frame, Peer, cash=1_000_000, commission=COMMISSION).run()
    return run["_trades"], float(run["Equity Final [$]"])


def assert_same(ours: Backtest, theirs: pd.DataFrame, final: float) -> None:
    assert ours.metrics["final_equity"] == pytest.approx(final, abs=0.005)
    mine = ours.trades.sort("entry_bar", "exit_bar", "units")
    other = pl.from_pandas(theirs.drop(columns=["EntryTime", "ExitTime", "Duration", "Tag"]))
    other = other.sort("EntryBar", "ExitBar", "Size")
    assert mine.height == other.height > 10
    assert mine["entry_bar"].to_list() == other["EntryBar"].to_list()
    assert mine["exit_bar"].to_list() == other["ExitBar"].to_list()
    assert mine["units"].to_list() == [float(size) for size in other["Size"].to_list()]
    for name, column in (("entry_price", "EntryPrice"), ("exit_price", "ExitPrice")):
        np.testing.assert_allclose(mine[name], other[column], rtol=1e-12)


class MarketBracket(Strategy):
    """Long or short by the last change, with a bracket from the first bar on."""

    units = Int(100, low=1, high=1000)

    def on_bar(self, bar, order, account):
        if account.position == 0.0 and bar.index >= 1:
            if bar.close > bar.close[1]:
                order.market(self.units, take_profit=bar.close * 1.02, stop_loss=bar.close * 0.985)
            else:
                order.market(-self.units, take_profit=bar.close * 0.98, stop_loss=bar.close * 1.015)


def test_market_orders_with_brackets_agree_long_and_short(bars: Bars) -> None:
    def on_bar(self: Any) -> None:
        close = self.data.Close
        if self.position.size == 0 and len(close) >= 2:
            if close[-1] > close[-2]:
                self.buy(size=100, tp=close[-1] * 1.02, sl=close[-1] * 0.985)
            else:
                self.sell(size=100, tp=close[-1] * 0.98, sl=close[-1] * 1.015)

    assert_same(backtest(MarketBracket, bars, {}, EXECUTION), *run_peer(bars, on_bar))


class LimitBracket(Strategy):
    """Buy below the close, renewed every bar while flat."""

    def on_bar(self, bar, order, account):
        if account.position == 0.0:
            order.cancel_all()
            order.limit(
                100, bar.close * 0.995, take_profit=bar.close * 1.01, stop_loss=bar.close * 0.98
            )


def test_limit_orders_with_brackets_agree(bars: Bars) -> None:
    def on_bar(self: Any) -> None:
        close = self.data.Close[-1]
        if self.position.size == 0:
            for order in self.orders:
                order.cancel()
            self.buy(size=100, limit=close * 0.995, tp=close * 1.01, sl=close * 0.98)

    assert_same(backtest(LimitBracket, bars, {}, EXECUTION), *run_peer(bars, on_bar))


class StopBracket(Strategy):
    """Sell short below the close, renewed every bar while flat."""

    def on_bar(self, bar, order, account):
        if account.position == 0.0:
            order.cancel_all()
            order.stop(
                -100, bar.close * 0.995, take_profit=bar.close * 0.975, stop_loss=bar.close * 1.01
            )


def test_stop_orders_with_brackets_agree(bars: Bars) -> None:
    def on_bar(self: Any) -> None:
        close = self.data.Close[-1]
        if self.position.size == 0:
            for order in self.orders:
                order.cancel()
            self.sell(size=100, stop=close * 0.995, tp=close * 0.975, sl=close * 1.01)

    assert_same(backtest(StopBracket, bars, {}, EXECUTION), *run_peer(bars, on_bar))


class Reversal(Strategy):
    """Several lots on both sides, closed first in, first out."""

    def on_bar(self, bar, order):
        if bar.index % 3 == 1:
            order.market(30)
        elif bar.index % 7 == 6:
            order.market(-100)


def test_pyramids_and_reversals_agree_lot_by_lot(bars: Bars) -> None:
    def on_bar(self: Any) -> None:
        index = len(self.data.Close) - 1
        if index % 3 == 1:
            self.buy(size=30)
        elif index % 7 == 6:
            self.sell(size=100)

    ours = backtest(Reversal, bars[:200], {}, EXECUTION)
    assert_same(ours, *run_peer(bars[:200], on_bar))

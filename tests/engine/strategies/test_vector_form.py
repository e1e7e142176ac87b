"""Whole-path signals trade every symbol as the same targets in on_bar do."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import SMA, Int, Strategy, backtest


@pytest.fixture(scope="module")
def pair() -> list[Bars]:
    rng = np.random.default_rng(3)
    stamps = np.arange(300, dtype=np.int64) * 86_400_000_000
    found = []
    for symbol in ("A", "B"):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 300)))
        opens = np.concatenate([[100.0], close[:-1]])
        high, low = np.maximum(opens, close), np.minimum(opens, close)
        found.append(Bars(symbol, stamps, opens, high, low, close, np.full(300, 1e6)))
    return found


class PairSignals(Strategy):
    lag = Int(5)

    def signals(self, bars, target):
        for t in range(target.shape[1]):
            if t < self.lag:
                target[0, t] = np.nan
                target[1, t] = np.nan
                continue
            gap = bars[0].close[t] / bars[0].close[t - self.lag]
            gap -= bars[1].close[t] / bars[1].close[t - self.lag]
            target[0, t] = 0.4 if gap > 0.0 else -0.4
            target[1, t] = -0.4 if gap > 0.0 else 0.4


class PairBars(Strategy):
    lag = Int(5)
    last = 0.0

    def on_bar(self, bar, order):
        if bar.index < self.lag:
            return
        gap = bar[0].close / bar[0].close[self.lag] - bar[1].close / bar[1].close[self.lag]
        wanted = 0.4 if gap > 0.0 else -0.4
        if wanted != self.last:
            order[0].target_percent(wanted)
            order[1].target_percent(-wanted)
            self.last = wanted


def test_signals_for_two_symbols_trade_as_the_hooks_do(pair: list[Bars]) -> None:
    one, two = backtest(PairSignals, pair), backtest(PairBars, pair)
    assert one.trades.height > 20
    assert set(one.trades["symbol"]) == {"A", "B"}
    assert one.trades.equals(two.trades)
    np.testing.assert_array_equal(one.equity, two.equity)


class MeanSignals(Strategy):
    period = Int(20)
    mean = SMA(period)

    def signals(self, bars, target):
        for t in range(len(target)):
            target[t] = 1.0 if bars.close[t] > self.mean[t] else 0.0


class MeanBars(Strategy):
    period = Int(20)
    mean = SMA(period)
    last = 0.0

    def on_bar(self, bar, order):
        wanted = 1.0 if bar.close > self.mean else 0.0
        if wanted != self.last:
            order.target_percent(wanted)
            self.last = wanted


def test_signals_for_one_symbol_trade_as_the_hooks_do(pair: list[Bars]) -> None:
    one, two = backtest(MeanSignals, pair[0]), backtest(MeanBars, pair[0])
    assert one.trades.height > 5
    assert one.trades.equals(two.trades)

"""Where backtesting.py fills otherwise than this engine: both sides, on bars made for it.

Each test's docstring says what either program does. Everything else agrees to the cent
(`test_agreement_on_random_orders`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.strategies import Strategy, backtest

Rows = list[tuple[float, float, float, float]]
FLAT = (100.0, 101.0, 99.0, 100.0)


def bars_of(rows: Rows) -> Bars:
    stamps = np.arange(len(rows), dtype=np.int64) * 86_400_000_000
    columns = (np.array(column) for column in zip(*rows, strict=True))
    return Bars("X", stamps, *columns, np.full(len(rows), 1e6))


def exits(trades: pl.DataFrame) -> list[tuple[int, float]]:
    return [(int(bar), price) for bar, price in trades.select("exit_bar", "exit_price").rows()]


class Bracket(Strategy):
    """Buy 10 at the market after bar 1, with both exits."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.market(10, take_profit=110.0, stop_loss=95.0)


def test_an_open_beyond_the_target_on_a_bar_that_also_touches_the_stop(backtesting_py: Any) -> None:
    """The open came first: we take the profit there. backtesting.py takes the stop-loss."""
    bars = bars_of([FLAT, FLAT, FLAT, (112.0, 113.0, 94.0, 100.0), FLAT])
    theirs = backtesting_py(
        bars, lambda self: len(self.data) == 2 and self.buy(size=10, tp=110.0, sl=95.0)
    )
    assert exits(theirs.trades) == [(3, 95.0)]
    assert exits(backtest(Bracket, bars, {}, {"bracket_rule": "backtesting_py"}).trades) == [
        (3, 95.0)
    ]
    assert exits(backtest(Bracket, bars).trades) == [(3, 112.0)]


class LimitBracket(Strategy):
    """Buy 10 at 98 from bar 1 on, with a stop-loss."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.limit(10, 98.0, stop_loss=95.0)


@pytest.mark.parametrize(
    ("bar", "pessimistic", "theirs"),
    [
        # The low lies below entry and stop-loss: the bar went from one to the other.
        ((100.0, 101.0, 94.0, 96.0), [(2, 95.0)], [(3, 95.0)]),
        # A gap through both: bought at the open, the stop-loss is already due.
        ((94.0, 97.0, 93.0, 94.5), [(2, 94.0)], [(3, 94.5)]),
    ],
)
def test_a_stop_loss_inside_the_bar_of_a_limit_entry(
    backtesting_py: Any, bar: Any, pessimistic: Any, theirs: Any
) -> None:
    """We close inside the entry's bar; backtesting.py at the first later price, with a warning."""
    bars = bars_of([FLAT, FLAT, bar, (bar[3], 97.0, 93.0, 95.0), FLAT])
    peer = backtesting_py(
        bars, lambda self: len(self.data) == 2 and self.buy(size=10, limit=98.0, sl=95.0)
    )
    assert exits(peer.trades) == theirs
    same = backtest(LimitBracket, bars, {}, {"bracket_rule": "backtesting_py"})
    assert exits(same.trades) == theirs
    assert exits(backtest(LimitBracket, bars).trades) == pessimistic


class FlipAgainstStop(Strategy):
    """Buy 10 with a stop-loss, then sell 30 at the market on the bar that touches the stop."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.market(10, stop_loss=95.0)
        elif bar.index == 2:
            order.market(-30)
        elif bar.index == 3:
            order.close()


def test_a_market_order_beside_a_stop_that_the_bar_touches_later(backtesting_py: Any) -> None:
    """We fill the market order first, at the open: it closes 10, cancels the stop, sells 20.

    backtesting.py works its list of orders in turn, stop-losses in front: it closes the 10 at the
    stop, then sells 30 at the open that lies before it.
    """

    def on_bar(self: Any) -> None:
        count = len(self.data)
        if count == 2:
            self.buy(size=10, sl=95.0)
        elif count == 3:
            self.sell(size=30)
        elif count == 4:
            self.position.close()

    bars = bars_of([FLAT, FLAT, FLAT, (100.0, 101.0, 94.0, 96.0), FLAT, FLAT])
    theirs = backtesting_py(bars, on_bar).trades.sort("entry_bar")
    assert theirs.select("units", "exit_price").rows() == [(10.0, 95.0), (-30.0, 100.0)]
    ours = backtest(FlipAgainstStop, bars).trades.sort("entry_bar")
    assert ours.select("units", "exit_price").rows() == [(10.0, 100.0), (-20.0, 100.0)]


class GappedStopLimit(Strategy):
    """A stop-limit through which the market gaps."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.stop_limit(10, 102.0, 108.0)
        elif bar.index == 3:
            order.close()


def test_a_stop_limit_through_a_gap(backtesting_py: Any) -> None:
    """We fill at the open, 105. backtesting.py fills at the stop, which the bar never traded at."""

    def on_bar(self: Any) -> None:
        if len(self.data) == 2:
            self.buy(size=10, stop=102.0, limit=108.0)
        elif len(self.data) == 4:
            self.position.close()

    bars = bars_of([FLAT, FLAT, (105.0, 107.0, 104.0, 106.0), FLAT, FLAT, FLAT])
    assert backtesting_py(bars, on_bar).trades["entry_price"].to_list() == [102.0]
    assert backtest(GappedStopLimit, bars).trades["entry_price"].to_list() == [105.0]


class StopAtLimit(Strategy):
    """A stop-limit order of one price."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.stop_limit(10, 102.0, 102.0)
        elif bar.index == 4:
            order.close()


def test_a_stop_limit_whose_limit_is_its_stop(backtesting_py: Any) -> None:
    """The bar trades at 102, which is both: we fill. backtesting.py waits for the next bar."""

    def on_bar(self: Any) -> None:
        if len(self.data) == 2:
            self.buy(size=10, stop=102.0, limit=102.0)
        elif len(self.data) == 5:
            self.position.close()

    bars = bars_of(
        [FLAT, FLAT, (100.0, 104.0, 99.0, 103.0), (101.0, 103.0, 100.0, 102.0), *[FLAT] * 3]
    )
    entries = backtesting_py(bars, on_bar).trades.select("entry_bar", "entry_price").rows()
    assert entries == [(3, 101.0)]
    ours = backtest(StopAtLimit, bars).trades.select("entry_bar", "entry_price").rows()
    assert ours == [(2, 102.0)]


class TwoLots(Strategy):
    """Two entries, one exit of both."""

    def on_bar(self, bar, order):
        if bar.index == 1 or bar.index == 2:
            order.market(10)
        elif bar.index == 3:
            order.close()


def test_a_fixed_commission_is_per_fill_here_and_per_trade_there(backtesting_py: Any) -> None:
    """One order that closes two lots is one fill: 3 fees of 7 here, 4 in backtesting.py."""

    def on_bar(self: Any) -> None:
        if len(self.data) in (2, 3):
            self.buy(size=10)
        elif len(self.data) == 4:
            self.position.close()

    bars = bars_of([FLAT] * 6)
    theirs = backtesting_py(bars, on_bar, commission=(7.0, 0.001))
    ours = backtest(TwoLots, bars, {}, {"cash": 1e6, "commission": {"fixed": 7.0, "rate": 0.001}})
    # 40 units change hands at 100.
    assert theirs.trades["commission"].sum() == pytest.approx(4 * 7.0 + 4.0)
    assert ours.metrics["commission"] == pytest.approx(3 * 7.0 + 4.0)


def test_a_spread_is_paid_on_entry_there_and_slippage_on_every_fill_here(
    backtesting_py: Any,
) -> None:
    """The first fill is the same; backtesting.py closes at the bare price, limits slip too."""

    def on_bar(self: Any) -> None:
        if len(self.data) in (2, 3):
            self.buy(size=10)
        elif len(self.data) == 4:
            self.position.close()

    bars = bars_of([FLAT] * 6)
    theirs = backtesting_py(bars, on_bar, spread=0.002).trades
    ours = backtest(TwoLots, bars, {}, {"cash": 1e6, "slippage": {"bps": 20.0}}).trades
    np.testing.assert_allclose(ours["entry_price"], theirs["entry_price"], rtol=1e-15)
    assert theirs["exit_price"].to_list() == [100.0, 100.0]
    assert ours["exit_price"].to_list() == pytest.approx([99.8, 99.8], rel=1e-15)


class Fraction(Strategy):
    """Buy for nine tenths of equity, leave four bars later, again and again."""

    def on_bar(self, bar, order, account):
        if bar.index % 8 == 1:
            order.percent(0.9 if bar.close > bar.open else -0.9)
        elif bar.index % 8 == 5:
            order.close()


def peer_fraction(self: Any) -> None:
    index = len(self.data) - 1
    if index % 8 == 1:
        if self.data.Close[-1] > self.data.Open[-1]:
            self.buy(size=0.9)
        else:
            self.sell(size=0.9)
    elif index % 8 == 5:
        self.position.close()


@pytest.mark.parametrize("name", ["SP500 days", "AAPL days", "ES minutes", "BTC minutes"])
@pytest.mark.parametrize("rate", [0.0, 0.0007])
def test_fractions_of_equity_agree_under_a_proportional_commission(
    market: Any, backtesting_py: Any, assert_same_run: Any, name: str, rate: float
) -> None:
    """A fraction buys whole units, commission within it, in both."""
    bars = market(name)[:1500]
    theirs = backtesting_py(bars, peer_fraction, commission=rate)
    settings = {"cash": 1e6, "commission": {"rate": rate}}
    assert_same_run(backtest(Fraction, bars, {}, settings), theirs, at_least=100)


class StopAtClose(Strategy):
    """A stop entry that the next bar's open has passed."""

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.stop(10, 102.0)
        elif bar.index == 3:
            order.close()


def test_a_gap_through_a_stop_when_market_orders_fill_at_the_same_close(
    backtesting_py: Any,
) -> None:
    """We fill at the open, 105. backtesting.py compares the stop with the close before, 100."""

    def on_bar(self: Any) -> None:
        if len(self.data) == 2:
            self.buy(size=10, stop=102.0)
        elif len(self.data) == 4:
            self.position.close()

    bars = bars_of([FLAT, FLAT, (105.0, 107.0, 104.0, 106.0), FLAT, FLAT, FLAT])
    theirs = backtesting_py(bars, on_bar, trade_on_close=True).trades
    assert theirs["entry_price"].to_list() == [102.0]
    ours = backtest(StopAtClose, bars, {}, {"fill": "same_close"}).trades
    assert ours["entry_price"].to_list() == [105.0]


def test_a_fixed_commission_within_a_fraction_of_equity(backtesting_py: Any) -> None:
    """We set the fee aside once: 0.9 of 10,000, less 100, buys 89 units at 100.

    backtesting.py charges it to every unit, as 100 / 0.9: 42 units.
    """
    bars = bars_of([(100.0, 101.0, 99.0, 100.5)] * 8)
    theirs = backtesting_py(bars, peer_fraction, cash=10_000, commission=(100.0, 0.0))
    assert theirs.trades["units"].to_list() == [42.0]
    ours = backtest(Fraction, bars, {}, {"cash": 10_000.0, "commission": {"fixed": 100.0}})
    assert ours.trades["units"].to_list() == [89.0]


class Levered(Strategy):
    """A position of up to four times equity, on either side."""

    def on_bar(self, bar, order, account):
        if bar.index % 6 == 1:
            side = 1.0 if bar.close > bar.open else -1.0
            order.percent(side * 3.6)
        elif bar.index % 6 == 4:
            order.close()


def test_leverage_agrees_in_whole_units(
    market: Any, backtesting_py: Any, assert_same_run: Any
) -> None:
    """Nine tenths of what a margin of a quarter allows is 3.6 times equity."""

    def on_bar(self: Any) -> None:
        index = len(self.data) - 1
        if index % 6 == 1:
            trade = self.buy if self.data.Close[-1] > self.data.Open[-1] else self.sell
            trade(size=0.9)
        elif index % 6 == 4:
            self.position.close()

    bars = market("ES minutes")[:2000]
    theirs = backtesting_py(bars, on_bar, margin=0.25, commission=0.0001)
    settings = {
        "cash": 1e6,
        "commission": {"rate": 0.0001},
        "instrument": {"initial_margin": 0.25, "maintenance_margin": 0.0},
    }
    assert_same_run(backtest(Levered, bars, {}, settings), theirs, at_least=200)

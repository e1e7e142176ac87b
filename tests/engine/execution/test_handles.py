"""What a strategy reads of its account, and the orders that are short for others."""

from __future__ import annotations

import math

import polars as pl

from engine.strategies import Strategy

DAY = (100.0, 101.0, 99.0, 100.0)


class Bracketed(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.bracket(10.0, 110.0, 95.0)


class MarketWithExits(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(10.0, take_profit=110.0, stop_loss=95.0)


def test_a_bracket_is_a_market_order_with_both_exits(play) -> None:
    for last, price in (((101.0, 111.0, 100.0, 108.0), 110.0), ((99.0, 100.0, 94.0, 97.0), 95.0)):
        run = play(Bracketed, [DAY, DAY, last])
        assert run.trades["exit_price"].to_list() == [price]
        assert run.trades["pnl"].to_list() == [10.0 * (price - 100.0)]
        assert run.trades.equals(play(MarketWithExits, [DAY, DAY, last]).trades)


class Reports(Strategy):
    """Buys twice and sells a part; tells what it reads by the prices of orders that never fill."""

    def on_bar(self, bar, order, account):
        if bar.index == 0 or bar.index == 1:
            order.market(10.0)
        elif bar.index == 2:
            order.limit(-1.0, 1000.0 + account.average_price)
            order.limit(-1.0, 1000.0 + account.unrealised)
            order.limit(-1.0, 1000.0 + account.realised)
            order.market(-5.0)
        elif bar.index == 3:
            order.limit(-1.0, 1000.0 + account.average_price)
            order.limit(-1.0, 1000.0 + account.unrealised)
            order.limit(-1.0, 1000.0 + account.realised)


def test_the_account_tells_average_price_open_and_closed_profit(play) -> None:
    rows = [DAY, DAY, (104.0, 107.0, 103.0, 106.0), (110.0, 111.0, 107.0, 108.0), DAY]
    run = play(Reports, rows, commission={"fixed": 1.0})
    told = run.orders.filter((pl.col("kind") == "limit") & (pl.col("event") == "submitted"))
    figures = [price - 1000.0 for price in told["price"].to_list()]
    # 10 at 100 and 10 at 104, at a close of 106: 60 + 20.
    assert figures[:3] == [102.0, 80.0, 0.0]
    # 5 of the oldest sold at 110, for 50 less 1 for the sale and half of 1 for the purchase;
    # 5 at 100 and 10 at 104 are left, at a close of 108.
    assert math.isclose(figures[3], 1540.0 / 15.0, rel_tol=1e-12)
    assert figures[4:] == [80.0, 48.5]


class WithoutPosition(Strategy):
    """Buys where the account has no average price, as NaN compares with nothing."""

    def on_bar(self, bar, order, account):
        if bar.index == 0 and account.average_price != account.average_price:
            order.market(1.0)


def test_without_a_position_there_is_no_average_price(play) -> None:
    assert play(WithoutPosition, [DAY, DAY]).orders["event"].to_list()[:1] == ["submitted"]

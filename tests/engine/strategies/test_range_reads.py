"""Whether a strategy can tell a bar's high and low from its open and close."""

from __future__ import annotations

import numpy as np
import pytest

from engine.strategies import (
    ATR,
    SMA,
    Choice,
    Close,
    Field,
    Float,
    High,
    Int,
    Low,
    Strategy,
    get_strategy,
)
from engine.strategies.range_reads import range_reads


class _Base(Strategy):
    units = Int(10, low=0, high=100)
    move = Float(0.5, low=-1.0, high=1.0)
    side = Choice("long", ["long", "both"])
    wide = SMA(20)


class BuysAndCloses(_Base):
    def on_bar(self, bar, order, account):  # type: ignore[no-untyped-def]
        if bar.close > self.wide and bar.volume[1] > 0:
            order.tag(order.market(2 * self.units + 1), 3)
        elif account.position > 0:
            order.close()
        else:
            order.cancel_all()
        order.target_percent(0.5 if bar.close > bar.open else 0.25)


class SellsIfBoth(_Base):
    def on_bar(self, bar, order):  # type: ignore[no-untyped-def]
        if bar.close > self.wide:
            order.long()
        elif self.side == "both" and bar.close < self.wide:
            order.short()
        elif self.side != "long":
            order.limit(1, bar.close)


class HoldsASignal(_Base):
    def signals(self, bars, target):  # type: ignore[no-untyped-def]
        target[:] = (bars.close > self.wide) * 0.5


VALUES = {"units": (10.0, 10.0), "move": (0.5, 0.5), "side": (0.0, 0.0)}


@pytest.mark.parametrize("strategy", [BuysAndCloses, SellsIfBoth, HoldsASignal])
def test_a_strategy_that_buys_and_closes_at_opens_reads_no_range(strategy: type[Strategy]) -> None:
    assert range_reads(strategy, VALUES) == ()


def test_orders_for_an_open_and_a_close_read_no_range() -> None:
    class Waits(_Base):
        def on_bar(self, bar, order):  # type: ignore[no-untyped-def]
            order.market_on_open(self.units)
            order.market_on_close(self.units)
            order.close(now=True)

    assert range_reads(Waits, VALUES) == ()


def test_a_word_that_no_set_chooses_sends_no_order() -> None:
    both = VALUES | {"side": (0.0, 1.0)}
    found = range_reads(SellsIfBoth, both)
    assert found == ("a short position by order.short", "order.limit")
    only = range_reads(SellsIfBoth, VALUES | {"side": (1.0, 1.0)})
    assert only == found


def test_no_position_can_be_short_where_the_account_allows_none() -> None:
    class Sells(_Base):
        def on_bar(self, bar, order):  # type: ignore[no-untyped-def]
            order.market(-self.units)
            order.short()

    assert range_reads(Sells, VALUES, shortable=False) == ()
    assert range_reads(Sells, VALUES) == (
        "a short position by order.market",
        "a short position by order.short",
    )


def test_a_size_that_may_be_negative_counts_as_short() -> None:
    class Moves(_Base):
        def on_bar(self, bar, order):  # type: ignore[no-untyped-def]
            order.target_percent(self.move)

    assert range_reads(Moves, VALUES) == ()
    assert range_reads(Moves, VALUES | {"move": (-0.5, 0.5)}) == (
        "a short position by order.target_percent",
    )
    assert range_reads(Moves, VALUES | {"move": (np.nan, np.nan)})


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("if bar.high > self.wide: order.close()", "bar.high"),
        ("if bar[0].low[3] > self.wide: order.close()", "bar.low"),
        ("order.limit(1, bar.close)", "order.limit"),
        ("order.stop(1, bar.close)", "order.stop"),
        ("order.market(1, bar.close)", "order.market"),
        ("order.market(1, stop_loss=bar.close)", "order.market"),
        ("order.long(take_profit=bar.close)", "order.long"),
        ("order[0].target(1, limit=bar.close)", "order.target"),
        ("order.bracket(1, 2, 3)", "order.bracket"),
        ("order.exit(stop_loss=bar.close)", "order.exit"),
        ("order.trailing_stop(-1, 2.0)", "order.trailing_stop"),
        ("order.market(bar.close - 5)", "a short position by order.market"),
        ("order.market_on_close(-1)", "a short position by order.market_on_close"),
        ("order.market_on_open(-1)", "a short position by order.market_on_open"),
        ("x = 3\n        order.market(x)", "a short position by order.market"),
    ],
)
def test_what_reads_a_range_is_named(body: str, read: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from engine.strategies import load_user_strategies

    file = tmp_path / "mine.py"
    file.write_text(
        "from engine.strategies import SMA, Strategy\n\n\nclass ReadsOrNot(Strategy):\n"
        f"    wide = SMA(20)\n\n    def on_bar(self, bar, order):\n        {body}\n"
    )
    (name,) = load_user_strategies(file)
    strategy = get_strategy(name)
    assert range_reads(strategy, {}) == (read,)


@pytest.mark.parametrize(
    "body",
    [
        "target[:] = bars.close - self.wide",
        "target[3:] -= 1.0",
        "mine = target\n        mine[:] = -1",
    ],
)
def test_a_signal_that_may_be_negative_counts_as_short(body: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from engine.strategies import load_user_strategies

    file = tmp_path / "mine.py"
    file.write_text(
        "from engine.strategies import SMA, Strategy\n\n\nclass ReadsOrNot(Strategy):\n"
        f"    wide = SMA(20)\n\n    def signals(self, bars, target):\n        {body}\n"
    )
    (name,) = load_user_strategies(file)
    strategy = get_strategy(name)
    assert range_reads(strategy, {}) == ("a short position by signals",)


def test_an_indicator_of_highs_and_lows_reads_them_also_inside_another() -> None:
    class Wide(Strategy):
        width = ATR(14)
        smooth = SMA(High() - Low(), 5)
        inside = SMA(SMA(Close()), 5)
        longer = SMA(Field("low", timeframe="1w"), 5)

        def on_bar(self, bar, order):  # type: ignore[no-untyped-def]
            order.close()

    assert range_reads(Wide, {}) == ("indicator longer", "indicator smooth", "indicator width")


@pytest.mark.parametrize(
    "name", ["sma_crossover", "buy_and_hold", "rsi_reversal", "mean_reversion"]
)
def test_built_in_strategies_that_only_buy_read_closes(name: str) -> None:
    strategy = get_strategy(name)
    values = {key: (item.encode(item.default),) * 2 for key, item in strategy.parameters.items()}
    assert range_reads(strategy, values) == ()

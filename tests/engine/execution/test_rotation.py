"""Orders of several symbols that fill at one moment: what is sold pays for what is bought."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import EVENT_NAMES, ORDER_ROWS
from engine.strategies import Choice, Int, Strategy, backtest, prepare_strategy

FLAT = (100.0, 100.0, 100.0, 100.0)
BARS, SYMBOLS = 30, 3


class Rotate(Strategy):
    """Everything in one symbol, then in the other, by whole-path targets."""

    def signals(self, bars, target):
        for t in range(len(bars[0].close)):
            second = (t // 3) % 2 == 1
            target[0, t] = 0.0 if second else 1.0
            target[1, t] = 1.0 if second else 0.0


class BuyBeforeSelling(Strategy):
    """The same by the event form, the buy always first; every other pair in units."""

    def on_bar(self, bar, order, account):
        if bar.index % 3 == 0:
            held = 0 if account[0].position > 0.0 else 1
            to = 1 - held
            if bar.index % 2 == 0:
                order[to].target_percent(1.0)
                order[held].target_percent(0.0)
            else:
                order[to].market(10)
                order[held].close()


@pytest.mark.parametrize("fill", ["next_open", "same_close"])
@pytest.mark.parametrize("strategy", [Rotate, BuyBeforeSelling])
def test_an_account_rotates_between_symbols_without_a_rejection(
    make_bars: Any, strategy: type[Strategy], fill: str
) -> None:
    pair = [make_bars([FLAT] * 14, symbol) for symbol in "AB"]
    found = backtest(strategy, pair, execution={"cash": 1000.0, "fill": fill})
    assert found.metrics["rejected_orders"] == 0.0
    filled = found.orders.filter(found.orders["event"] == "filled")
    assert filled["units"].to_list() == [10.0] + [-10.0, 10.0] * 4
    assert found.metrics["exposure"] == pytest.approx(14 / 14 if fill == "same_close" else 13 / 14)


class BuyThenSell(Strategy):
    """Holds A; then buys B with what A brings, by statements in either sequence."""

    kind = Choice("market", ["market", "on_open", "on_close", "limit", "stop"])
    sale_first = Int(0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order[0].market(10)
        elif bar.index == 2:
            for step in range(2):
                sells = (step == 0) == (self.sale_first == 1)
                symbol = 0 if sells else 1
                units = -10.0 if sells else 10.0
                if self.kind == "market":
                    order[symbol].market(units)
                elif self.kind == "on_open":
                    order[symbol].market_on_open(units)
                elif self.kind == "on_close":
                    order[symbol].market_on_close(units)
                elif self.kind == "limit":
                    order[symbol].limit(units, 100.0)
                else:
                    order[symbol].stop(units, 100.0)


@pytest.mark.parametrize("sale_first", [True, False])
@pytest.mark.parametrize("kind", ["market", "on_open", "on_close", "limit", "stop"])
@pytest.mark.parametrize("execution", [{}, {"bracket_rule": "tradingview"}, {"volume_limit": 1.0}])
def test_what_is_sold_pays_for_what_is_bought_at_the_same_price_whatever_the_statements(
    make_bars: Any, kind: str, sale_first: bool, execution: dict[str, Any]
) -> None:
    pair = [make_bars([FLAT] * 5, symbol) for symbol in "AB"]
    parameters = {"kind": kind, "sale_first": int(sale_first)}
    found = backtest(BuyThenSell, pair, parameters, {"cash": 1000.0, **execution})
    filled = found.orders.filter(event="filled")
    assert filled.select("bar", "symbol", "units").rows() == [
        (1, "A", 10.0),
        (3, "A", -10.0),
        (3, "B", 10.0),
    ]
    assert found.metrics["rejected_orders"] == 0.0


class OneSymbol(Strategy):
    """Orders of one symbol, which keep the sequence of their statements."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(5)
        elif bar.index == 1:
            order.market(3)
            order.market(-5)
            order[1].market(2)


def test_orders_of_one_symbol_keep_their_sequence(make_bars: Any) -> None:
    pair = [make_bars([FLAT] * 4, symbol) for symbol in "AB"]
    found = backtest(OneSymbol, pair, execution={"cash": 1000.0})
    filled = found.orders.filter(found.orders["event"] == "filled")
    assert filled["units"].to_list() == [5.0, 3.0, -5.0, 2.0]


class Weights(Strategy):
    """Shares of equity as the bars list them, in the sequence of the symbols."""

    name = "weights_of_three"

    def on_bar(self, bar, order):
        if bar.index % 3 == 0:
            for symbol in range(3):
                order[symbol].target_percent(bar[symbol].weight)


class WeightsAtTheClose(Strategy):
    """The same by orders for the close, of the difference to what is held."""

    name = "weights_at_the_close"

    def on_bar(self, bar, order, account):
        if bar.index % 3 == 0:
            for symbol in range(3):
                wanted = bar[symbol].weight * account.equity / bar[symbol].close
                change = wanted - account[symbol].position
                if change != 0.0:
                    order[symbol].market_on_close(change)


@pytest.fixture(scope="module")
def weights() -> Any:
    shape = {"symbols": ("A", "B", "C"), "fields": (*BAR_FIELDS, "weight"), "steps": BARS}
    execution = Execution(cash=1e6, instrument={"lot_size": 0.0})
    return {
        strategy: prepare_strategy(strategy, execution, bars_per_year=252.0, **shape)
        for strategy in (Weights, WeightsAtTheClose)
    }


def shares(rng: np.random.Generator) -> np.ndarray:
    """Weights of three symbols that use the whole account, some short, some nothing."""
    found = rng.dirichlet(np.ones(SYMBOLS), BARS).T * rng.choice([-1.0, 1.0, 1.0], (SYMBOLS, BARS))
    found *= rng.random((SYMBOLS, BARS)) < 0.7
    return found / np.maximum(np.abs(found).sum(axis=0), 1e-9)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(seed=st.integers(0, 2**31), strategy=st.sampled_from([Weights, WeightsAtTheClose]))
def test_weights_of_the_whole_account_are_reached_at_every_change(
    weights: Any, seed: int, strategy: type[Strategy]
) -> None:
    engine = weights[strategy]
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, (SYMBOLS, BARS)), axis=1))
    if strategy is WeightsAtTheClose:
        close[:, 1::3] = close[:, ::3]  # sizes in units are those of the close that decided
    wanted = shares(rng)
    block = np.ones((1, SYMBOLS, 6, BARS))
    block[0, :, :4] = close[:, None]
    block[0, :, 5] = wanted
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    engine.run(block, np.empty((1, 0)), metrics, np.empty((1, 1), dtype=np.int8), scratch)
    state = scratch.simulation
    events = [EVENT_NAMES[int(row[4])] for row in state.events[: state.counts[ORDER_ROWS]]]
    assert not [event for event in events if event.startswith("rejected")]
    # What was decided at a close is bought at the next open: bars here have one price.
    equity, held = 1e6, np.zeros(SYMBOLS)
    curve = []
    for bar in range(BARS):
        if bar:
            equity += held @ (close[:, bar] - close[:, bar - 1])
            if (bar - 1) % 3 == 0:
                held = wanted[:, bar - 1] * equity / close[:, bar]
        curve.append(equity)
    np.testing.assert_allclose(state.curve, curve, rtol=1e-9)

"""What holds for any stream of orders on any bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import CASH, MULTIPLIER, OPEN_LOTS, ORDER_ROWS, TRADE_ROWS, UNITS
from engine.strategies import Strategy, prepare_strategy

FIELDS = (*BAR_FIELDS, "kind", "units", "price", "distance")
BARS, ORDERS = 80, 6
SEEDS = st.integers(0, 2**31)


class Stream(Strategy):
    """An order at every bar, some with a bracket."""

    def on_bar(self, bar, order):
        take = bar.price + 3.0 * bar.distance
        loss = bar.price - bar.distance
        if bar.kind == 1.0:
            order.market(bar.units)
        elif bar.kind == 2.0:
            order.limit(bar.units, bar.price, take_profit=take, stop_loss=loss, tif=5)
        elif bar.kind == 3.0:
            order.stop(bar.units, bar.price, tif=5)
        elif bar.kind == 4.0:
            order.close()


class Batch(Strategy):
    """Six orders at once, in the sequence in which the bars list them."""

    def on_bar(self, bar, order):
        if bar.index == 5:
            for back in range(6):
                if bar.kind[back] == 2.0:
                    order.limit(bar.units[back], bar.price[back])
                else:
                    order.stop(bar.units[back], bar.price[back])


def bars_and_orders(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, BARS)))
    opens = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, 0.01, BARS))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, 0.01, BARS)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, 0.01, BARS)))
    return np.array(
        [
            opens,
            high,
            low,
            close,
            np.full(BARS, 1e5),
            rng.choice(5, BARS, p=[0.3, 0.2, 0.25, 0.15, 0.1]),
            rng.choice([-1.0, 1.0], BARS) * rng.integers(1, 40, BARS),
            close * np.exp(rng.normal(0.0, 0.02, BARS)),
            np.abs(rng.normal(0.0, 2.0, BARS)) * np.sign(rng.normal(0.0, 1.0, BARS)),
        ]
    )


def prepare(strategy, **execution):
    return prepare_strategy(
        strategy,
        Execution(cash=1e6, **execution),
        symbols=("X",),
        fields=FIELDS,
        steps=BARS,
        bars_per_year=252.0,
        record_trades=True,
    )


def play(engine, values: np.ndarray):
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    block = np.ascontiguousarray(values[None, None])
    engine.run(block, np.empty((1, 0)), metrics, status, scratch)
    assert status[0, 0] == 0
    return scratch.simulation


@pytest.fixture(scope="module")
def free():
    return prepare(Stream)


@pytest.fixture(scope="module")
def costly():
    return prepare(
        Stream,
        commission={"rate": 0.001, "fixed": 1.0},
        slippage={"bps": 5.0},
        instrument={"lot_size": 0.0},
    )


@pytest.fixture(scope="module")
def batch():
    return prepare(Batch)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_cash_is_conserved_and_equity_is_cash_plus_position(costly, seed: int) -> None:
    values = bars_and_orders(seed)
    state = play(costly, values)
    trades = state.trades[: state.counts[TRADE_ROWS]]
    lots = state.lots[0, int(state.positions[0, 3]) :][: int(state.positions[0, OPEN_LOTS])]
    paid = float((np.abs(lots[:, 0]) * lots[:, 3]).sum())
    open_gain = float((lots[:, 0] * (values[3, -1] - lots[:, 1])).sum())
    assert state.curve[-1] == pytest.approx(1e6 + trades[:, 6].sum() + open_gain - paid, abs=1e-6)
    value = state.positions[0, UNITS] * state.rules[0, MULTIPLIER] * values[3, -1]
    assert state.account[CASH] + value == pytest.approx(state.curve[-1], abs=1e-9)
    assert state.positions[0, UNITS] == pytest.approx(lots[:, 0].sum(), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_no_fill_lies_outside_its_bar(free, seed: int) -> None:
    values = bars_and_orders(seed)
    state = play(free, values)
    log = state.events[: state.counts[ORDER_ROWS]]
    fills = log[log[:, 4] == 1.0]
    at = fills[:, 0].astype(int)
    assert (fills[:, 6] <= values[1, at]).all()
    assert (fills[:, 6] >= values[2, at]).all()
    submitted = {row[1]: row[0] for row in log if row[4] == 0.0}
    assert all(row[0] >= submitted[row[1]] for row in fills)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_lots_close_first_in_first_out(free, seed: int) -> None:
    values = bars_and_orders(seed)
    values[5] = np.where(values[5] == 2.0, 1.0, values[5])  # brackets close their own lot
    state = play(free, values)
    entries = state.trades[: state.counts[TRADE_ROWS], 2]
    assert (np.diff(entries) >= 0.0).all()


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, shuffle=st.permutations(range(ORDERS)))
def test_the_sequence_of_orders_does_not_change_their_fills(batch, seed, shuffle) -> None:
    values = bars_and_orders(seed)
    values[5, :ORDERS] = np.where(values[5, :ORDERS] == 3.0, 3.0, 2.0)
    other = values.copy()
    other[5:, :ORDERS] = values[5:, list(shuffle)]

    def fills(block: np.ndarray) -> list[tuple[float, ...]]:
        state = play(batch, block)
        log = state.events[: state.counts[ORDER_ROWS]]
        return sorted((row[0], row[5], row[6]) for row in log if row[4] == 1.0)

    assert fills(values) == fills(other)

"""What holds for any stream of orders on any bars, under any settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import (
    CASH,
    FINANCING_PAID,
    MULTIPLIER,
    OPEN_LOTS,
    ORDER_ROWS,
    TRADE_ROWS,
    UNITS,
)
from engine.strategies import Strategy, StrategyEngine, prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, execution_settings, order_scripts

FIELDS = BAR_FIELDS + SCRIPT_FIELDS
ACTION, LIMIT, STOP, TAKE, LOSS = (
    FIELDS.index(n) for n in ("action", "limit", "stop", "take", "loss")
)
BARS, ORDERS = 80, 6
LIMIT_ORDER, STOP_ORDER = 2.0, 3.0
FREE = Execution(cash=1e6)


class Batch(Strategy):
    """Six orders at once, in the sequence in which the bars list them."""

    def on_bar(self, bar, order):
        if bar.index == 5:
            for back in range(6):
                if bar.action[back] == 2.0:
                    order.limit(bar.units[back], bar.limit[back])
                else:
                    order.stop(bar.units[back], bar.stop[back])


def prepare(strategy: type[Strategy], execution: Execution) -> StrategyEngine:
    return prepare_strategy(
        strategy,
        execution,
        symbols=("X",),
        fields=FIELDS,
        steps=BARS,
        bars_per_year=252.0,
        record_trades=True,
    )


def play(engine: StrategyEngine, script: np.ndarray):
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    block = np.ascontiguousarray(script[None, None])
    engine.run(block, np.empty((1, 0)), metrics, status, scratch)
    assert status[0, 0] == 0
    return scratch.simulation


@pytest.fixture(scope="module")
def free() -> StrategyEngine:
    return prepare(Scripted, FREE)


@pytest.fixture(scope="module")
def batch() -> StrategyEngine:
    return prepare(Batch, FREE)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(BARS), execution=execution_settings(cash=1e6))
def test_cash_is_conserved_and_equity_is_cash_plus_position(script, execution) -> None:
    state = play(prepare(Scripted, execution), script)
    close, multiplier = script[3, -1], state.rules[0, MULTIPLIER]
    trades = state.trades[: state.counts[TRADE_ROWS]]
    lots = state.lots[0, int(state.positions[0, 3]) :][: int(state.positions[0, OPEN_LOTS])]
    paid = float((np.abs(lots[:, 0]) * lots[:, 3]).sum())
    open_gain = float((lots[:, 0] * (close - lots[:, 1])).sum()) * multiplier
    made = trades[:, 6].sum() + open_gain - paid - state.account[FINANCING_PAID]
    assert state.curve[-1] == pytest.approx(1e6 + made, abs=1e-6)
    value = state.positions[0, UNITS] * multiplier * close
    rounding = 1e-9 + 1e-15 * abs(value)
    assert state.account[CASH] + value == pytest.approx(state.curve[-1], abs=rounding)
    assert state.positions[0, UNITS] == pytest.approx(lots[:, 0].sum(), abs=1e-9)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(BARS))
def test_no_fill_lies_outside_its_bar(free, script) -> None:
    state = play(free, script)
    log = state.events[: state.counts[ORDER_ROWS]]
    fills = log[log[:, 4] == 1.0]
    at = fills[:, 0].astype(int)
    assert (fills[:, 6] <= script[1, at]).all()
    assert (fills[:, 6] >= script[2, at]).all()
    submitted = {row[1]: row[0] for row in log if row[4] == 0.0}
    assert all(row[0] >= submitted[row[1]] for row in fills)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(BARS))
def test_lots_close_first_in_first_out(free, script) -> None:
    script = script.copy()
    script[[TAKE, LOSS]] = np.nan  # brackets close their own lot
    state = play(free, script)
    entries = state.trades[: state.counts[TRADE_ROWS], 2]
    assert (np.diff(entries) >= 0.0).all()


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(BARS), shuffle=st.permutations(range(ORDERS)))
def test_the_sequence_of_orders_does_not_change_their_fills(batch, script, shuffle) -> None:
    script = script.copy()
    first = script[ACTION, :ORDERS]
    script[ACTION, :ORDERS] = np.where(first == STOP_ORDER, STOP_ORDER, LIMIT_ORDER)
    other = script.copy()
    other[ACTION:, :ORDERS] = script[ACTION:, list(shuffle)]

    def fills(block: np.ndarray) -> list[tuple[float, ...]]:
        state = play(batch, block)
        log = state.events[: state.counts[ORDER_ROWS]]
        return sorted((row[0], row[5], row[6]) for row in log if row[4] == 1.0)

    assert fills(script) == fills(other)

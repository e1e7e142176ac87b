"""The order engine's inner interface, from a kernel that is no strategy: a stepped environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled.kernel import kernel
from engine.compiled.views import address_of
from engine.errors import Refusal
from engine.execution import Commission, Execution, Slippage
from engine.execution.handles import order_limit, order_market, order_target_percent
from engine.execution.layout import (
    ACTIVE,
    BOOK_FULL,
    LOTS_FULL,
    OK,
    PENDING,
    SAME_CLOSE,
    STATUS,
    TRADE_ROWS,
    TRADE_WIDTH,
    TRADES_FULL,
)
from engine.execution.linked import INTERFACE_VERSION, BrokerCalls, broker_calls, settle_call
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.state import Simulation, frame_of, new_simulation, simulation_at, status_of
from engine.strategies import Strategy, backtest
from engine.testing.prices import random_path

BARS = 252


@cache
def stepped() -> Callable[..., int]:
    """One step of an environment: the account goes to the close of a bar, then the action."""
    calls = broker_calls()
    open_path, start, trade_bar, trade_close = (
        calls.open_path,
        calls.start,
        calls.trade_bar,
        calls.trade_close,
    )

    @kernel
    def step(frame: int, bar: int, target: float) -> int:
        s = simulation_at(frame)
        if bar == 0:
            open_path(frame)
            start(frame)
        if s.counts[ACTIVE] != 0:
            trade_bar(frame, bar)
        if target == target:
            order_target_percent(s, bar, 0, target)
        if s.rules[0, SAME_CLOSE] != 0.0 and s.counts[PENDING] != 0:
            trade_close(frame, bar)
        status: int = s.counts[STATUS]
        return status

    return step


@cache
def ended() -> Callable[..., int]:
    finish = broker_calls().finish

    @kernel
    def end(frame: int, metrics: NDArray[np.float64]) -> int:
        finish(frame, address_of(metrics))
        return 0

    return end


@cache
def settled() -> Callable[..., int]:
    settle = settle_call()

    @kernel
    def call(frame: int, symbol: int, bar: int, price: NDArray[np.float64]) -> int:
        settle(frame, symbol, bar, address_of(price))
        return 0

    return call


@cache
def flooding() -> Callable[..., int]:
    """Sends orders of one kind at every bar, without end."""
    calls = broker_calls()
    open_path, start, trade_bar = calls.open_path, calls.start, calls.trade_bar

    @kernel
    def run(frame: int, resting: int) -> int:
        s = simulation_at(frame)
        open_path(frame)
        start(frame)
        for bar in range(s.path.shape[2]):
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, bar)
            if resting:
                order_limit(s, bar, 0, 1.0, 0.01)
            else:
                order_market(s, bar, 0, 1.0)
        status: int = s.counts[STATUS]
        return status

    return run


class Environment:
    """An episode on one path, stepped from outside."""

    def __init__(self, path: NDArray[np.float64], execution: Execution, **capacities: int) -> None:
        rules = execution.rules(("X",), 252.0)
        self.state: Simulation = new_simulation(path, rules, **capacities)
        self.frame = frame_of(self.state)
        self.bar = 0

    @property
    def address(self) -> int:
        return int(self.frame.ctypes.data)

    def step(self, target: float) -> int:
        status = stepped()(self.address, self.bar, target)
        self.bar += 1
        return status

    def metrics(self) -> NDArray[np.float64]:
        found = np.empty(len(METRIC_NAMES))
        ended()(self.address, found)
        return found


class FollowsActions(Strategy):
    """The same decisions as a strategy: they come as a column."""

    def on_bar(self, bar, order):
        if bar.action > -9.0:
            order.target_percent(bar.action)


def path_of(seed: int, bars: int = BARS) -> NDArray[np.float64]:
    return np.ascontiguousarray(random_path(np.random.default_rng(seed), bars, 0.01, 0.0))[None]


@settings(max_examples=15, deadline=None, database=None)
@given(
    seed=st.integers(0, 10_000),
    same_close=st.booleans(),
    at_end=st.sampled_from(["mark", "close"]),
    every=st.integers(1, 9),
)
def test_a_stepped_environment_has_the_equity_and_the_metrics_of_a_strategy_to_the_bit(
    seed: int, same_close: bool, at_end: str, every: int
) -> None:
    path = path_of(seed)
    rng = np.random.default_rng(seed + 1)
    actions = np.where(np.arange(BARS) % every == 0, rng.uniform(-0.9, 0.9, BARS), np.nan)
    execution = Execution(
        cash=100_000.0,
        commission=Commission(rate=0.0005),
        slippage=Slippage(bps=2.0),
        fill="same_close" if same_close else "next_open",
        at_end=at_end,
    )
    environment = Environment(path, execution, order_capacity=16, lot_capacity=64)
    assert [environment.step(action) for action in actions] == [OK] * BARS
    found = environment.metrics()
    stamps = np.arange(BARS, dtype=np.int64) * 86_400_000_000
    bars = Bars(
        "X", stamps, *path[0], columns={"action": np.where(np.isnan(actions), -10, actions)}
    )
    expected = backtest(FollowsActions, bars, execution=execution)
    # On bars without instants a year has the bars that it was given.
    timed = {"cagr", "volatility", "sharpe", "sortino", "calmar", "turnover"}
    names = [name for name in METRIC_NAMES if name not in timed]
    values = [expected.metrics[name] for name in names]
    ours = [found[METRIC_NAMES.index(name)] for name in names]
    assert np.array_equal(ours, [np.nan if v is None else v for v in values], equal_nan=True)
    assert np.array_equal(environment.state.curve, expected.equity)


def test_an_environment_of_252_bars_takes_less_than_40_kilobytes() -> None:
    environment = Environment(path_of(1), Execution(), order_capacity=16, lot_capacity=64)
    taken = sum(array.nbytes for array in environment.state) + environment.frame.nbytes
    assert taken < 40_000
    usual = Environment(path_of(1), Execution())
    assert sum(array.nbytes for array in usual.state) > 2.5 * taken


@pytest.mark.parametrize(("resting", "status"), [(1, BOOK_FULL), (0, LOTS_FULL)])
def test_more_than_there_is_room_for_ends_a_simulation_with_a_status_that_says_so(
    resting: int, status: int
) -> None:
    execution = Execution(cash=1e9)
    few = Environment(path_of(2), execution, order_capacity=20, lot_capacity=20)
    assert flooding()(few.address, resting) == status
    what = "orders" if resting else "lots of one symbol"
    assert status_of(few.state) == f"more than 20 {what} were open at once"
    room = Environment(path_of(2), execution)
    assert flooding()(room.address, resting) == OK


def test_more_trades_than_are_kept_end_a_simulation_with_a_status_that_says_so() -> None:
    few = Environment(path_of(3, 40), Execution(), trade_capacity=2)
    assert TRADES_FULL in [few.step(action) for action in [0.5, 0.0] * 20]
    assert status_of(few.state) == "more than 2 trades were closed"


@pytest.mark.parametrize("name", ["order_capacity", "lot_capacity"])
def test_a_capacity_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match=f"^{name}: found 0, allowed 1 or more$"):
        Environment(path_of(1), Execution(), **{name: 0})


def test_settling_takes_a_position_out_at_a_price_that_is_given() -> None:
    execution = Execution(cash=100_000.0, commission=Commission(rate=0.001))
    path = path_of(3, 40)
    environment = Environment(path, execution, trade_capacity=50)
    for action in [0.5, *[np.nan] * 9]:
        environment.step(action)
    state = environment.state
    units, cash = float(state.positions[0, 0]), float(state.account[0])
    assert units > 0.0
    settled()(environment.address, 0, 9, np.array([123.0]))
    assert state.positions[0, 0] == 0.0
    # No commission, no slippage: the units at that price.
    assert state.account[0] == pytest.approx(cash + units * 123.0, rel=1e-15)
    assert state.counts[TRADE_ROWS] == 1
    trade = state.trades[0, :TRADE_WIDTH]
    assert (trade[1], trade[4], trade[5]) == (units, 9.0, 123.0)
    for _ in range(30):
        environment.step(np.nan)
    found = environment.metrics()
    assert found[METRIC_NAMES.index("final_equity")] == state.account[0]
    # From the close at which it was settled on, equity is cash.
    assert (state.curve[9:] == state.account[0]).all()
    assert state.curve[8] != state.account[0]


def test_settling_ends_the_orders_of_its_symbol_and_nothing_without_a_position() -> None:
    path = np.concatenate([path_of(4, 20)] * 2)
    rules = Execution(cash=1e6).rules(("X", "Y"), 252.0)
    state = new_simulation(np.ascontiguousarray(path), rules, event_capacity=100)
    frame = frame_of(state)
    calls = broker_calls()
    open_path, start = calls.open_path, calls.start

    @kernel
    def place(frame: int) -> int:
        s = simulation_at(frame)
        open_path(frame)
        start(frame)
        order_limit(s, 0, 0, 1.0, 0.5)
        order_limit(s, 0, 1, 1.0, 0.5)
        return 0

    place(int(frame.ctypes.data))
    before = float(state.account[0])
    settled()(int(frame.ctypes.data), 0, 0, np.array([50.0]))
    assert state.counts[PENDING] == 1
    assert state.orders[0, 1] == 1.0
    assert state.account[0] == before


def test_the_page_tells_the_interface_as_it_is(project: Path) -> None:
    page = (project / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("## The inner interface of the order engine\n")[1].split("\n## ")[0]
    assert f"version {INTERFACE_VERSION}" in section
    told = re.findall(r"^\| `(\w+)\((.*)\)` \|", section, flags=re.MULTILINE)
    assert [name for name, _ in told] == [*BrokerCalls._fields, "settle"]
    counts = [len(arguments.split(", ")) for _, arguments in told]
    calls: list[Any] = [*broker_calls(), settle_call()]
    assert counts == [len(call.sig.args) for call in calls]

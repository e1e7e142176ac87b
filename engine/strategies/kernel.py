"""One simulation of a strategy: the event loop over the bars of a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.kernel import kernel
from engine.compiled.views import floats_at, integers_at
from engine.execution.calling import hook
from engine.execution.layout import ACTIVE, AT_ONCE, PENDING, RAISED, SAME_CLOSE, STATUS
from engine.execution.linked import BrokerCalls
from engine.execution.state import first_trading_bar, simulation_at

__all__ = ["SIMULATE_ARGUMENTS", "EventLoop", "Hooks", "make_event_loop"]

SIMULATE_ARGUMENTS = 6


class Hooks(NamedTuple):
    """A strategy's pieces in the form that the event loop calls."""

    parameter_count: int
    row_count: int
    closes_now: bool  # whether one may close a position at the very close, by its text
    parameters: Callable[..., Any]  # (row of floats) -> tuple
    rows: Callable[..., Any]  # (row numbers) -> tuple
    state: Callable[..., Any]  # () -> tuple
    signals: Callable[..., Any]  # (simulation, parameters, rows, values)
    on_start: Callable[..., Any]
    on_bar: Callable[..., Any]
    on_finish: Callable[..., Any]


class EventLoop(NamedTuple):
    """The compiled event loop of one strategy on one path with one parameter set.

    Both forms take integers: the address of the worker's frame, that of the values of the
    indicator rows and their number, of the encoded parameters, of the numbers of the rows that
    these read, and of the row of metrics to fill.
    """

    # Returns a status, so that `engine.strategies.loop`, which is the same for every strategy and
    # compiled once, can call it through its address.
    simulate: Callable[..., int]
    # Raises what a hook raises; compiled when a simulation has failed.
    simulate_raising: Callable[..., int]


def make_event_loop(hooks: Hooks, broker: BrokerCalls) -> EventLoop:
    """Return the event loop of a strategy, of `SIMULATE_ARGUMENTS` integers."""
    decode, rows_of, initial = hooks.parameters, hooks.rows, hooks.state
    on_start, on_bar, on_finish, signals = (
        hooks.on_start,
        hooks.on_bar,
        hooks.on_finish,
        hooks.signals,
    )
    parameter_count, row_count = hooks.parameter_count, hooks.row_count
    # Frozen, so that a strategy that never asks does not look at every bar.
    closes_now = hooks.closes_now
    _, start, trade_bar, trade_close, finish = broker

    @hook
    def trade(
        frame: int, values: NDArray[np.float64], parameters: int, row_of: int, metrics: int
    ) -> None:
        start(frame)
        s = simulation_at(frame)
        p = decode(floats_at(parameters, parameter_count))
        r = rows_of(integers_at(row_of, row_count), s.path.shape[2])
        same_close = s.rules[0, SAME_CLOSE] != 0.0
        signals(s, p, r, values)
        first, last = first_trading_bar(s), s.path.shape[2] - 1
        state = on_start(first - 1, s, p, r, values, initial())
        for t in range(first, last + 1):
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, t)
            state = on_bar(t, s, p, r, values, state)
            at_once = same_close or (closes_now and s.counts[AT_ONCE] != 0)
            if at_once and s.counts[PENDING] != 0:
                trade_close(frame, t)
        on_finish(last, s, p, r, values, state)
        finish(frame, metrics)

    @kernel
    def simulate(
        frame: int, values: int, size: int, parameters: int, row_of: int, metrics: int
    ) -> int:
        status = 0
        try:
            trade(frame, floats_at(values, size), parameters, row_of, metrics)
            status = simulation_at(frame).counts[STATUS]
        except Exception:
            status = RAISED
        return status

    @kernel
    def simulate_raising(
        frame: int, values: int, size: int, parameters: int, row_of: int, metrics: int
    ) -> int:
        trade(frame, floats_at(values, size), parameters, row_of, metrics)
        return 0

    return EventLoop(simulate, simulate_raising)

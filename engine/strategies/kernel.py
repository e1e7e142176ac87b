"""One simulation of a strategy: the event loop over the bars of a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import bit_count, trailing_zeros
from engine.compiled.kernel import kernel
from engine.compiled.views import floats_at, integers_at
from engine.execution.calling import hook
from engine.execution.layout import ACTIVE, AT_ONCE, PENDING, RAISED, SAME_CLOSE, STATUS
from engine.execution.linked import BrokerCalls
from engine.execution.state import first_trading_bar, simulation_at

__all__ = ["SIMULATE_ARGUMENTS", "EventLoop", "Hooks", "make_event_loop"]

SIMULATE_ARGUMENTS = 6
# Bars that are asked about at once, a bit each.
_BLOCK: Final = 64
# Of a block: where a hook may act on more bars, asking costs more than it saves, and so many pass
# by without.
_BUSY: Final = 24
_PASSED_BY: Final = 1024


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
    acts: Callable[..., bool] | None = None  # as of `engine.strategies.quiet_bars.Acts`
    bars_back: int = 0


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

    each_bar = _every_bar if hooks.acts is None else _bars_that_act(hooks.acts, hooks.bars_back)
    loop = each_bar(on_bar, trade_bar, trade_close, closes_now)

    @hook
    def trade(
        frame: int, values: NDArray[np.float64], parameters: int, row_of: int, metrics: int
    ) -> None:
        start(frame)
        s = simulation_at(frame)
        p = decode(floats_at(parameters, parameter_count))
        r = rows_of(integers_at(row_of, row_count), s.path.shape[2])
        signals(s, p, r, values)
        first, last = first_trading_bar(s), s.path.shape[2] - 1
        state = loop(frame, first, p, r, values, on_start(first - 1, s, p, r, values, initial()))
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


def _every_bar(on_bar: Any, trade_bar: Any, trade_close: Any, closes_now: bool) -> Any:
    """Return the loop over the bars of a strategy that is asked at each of them."""

    @hook
    def loop(frame: int, first: int, p: Any, r: Any, values: Any, state: Any) -> Any:
        s = simulation_at(frame)
        same_close = s.rules[0, SAME_CLOSE] != 0.0
        for t in range(first, s.path.shape[2]):
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, t)
            state = on_bar(t, s, p, r, values, state)
            at_once = same_close or (closes_now and s.counts[AT_ONCE] != 0)
            if at_once and s.counts[PENDING] != 0:
                trade_close(frame, t)
        return state

    return loop


def _bars_that_act(acts: Any, bars_back: int) -> Any:
    """Return what makes the loop of a strategy that is asked where it may act, and has no state.

    The same calls in the same order as of `_every_bar`, without those that would change nothing.
    """

    @hook
    def acting(t: int, s: Any, p: Any, r: Any, values: Any) -> np.uint64:
        """Bit k: whether the strategy may act at bar t + k."""
        found = np.uint64(0)
        for place in range(_BLOCK):
            found |= np.uint64(acts(t + place, s, p, r, values)) << np.uint64(place)
        return found

    def made(on_bar: Any, trade_bar: Any, trade_close: Any, closes_now: bool) -> Any:
        @hook
        def loop(frame: int, first: int, p: Any, r: Any, values: Any, state: Any) -> Any:
            s = simulation_at(frame)
            bars = s.path.shape[2]
            same_close = s.rules[0, SAME_CLOSE] != 0.0
            t, base, end, asked = first, first, first, np.uint64(0)
            # Up to this bar the hook is called without asking.
            until = max(first + 1, bars_back) if bars - _BLOCK >= bars_back else bars
            stride = 1
            while t < bars:
                for bar in range(t, until):
                    if s.counts[ACTIVE] != 0:
                        trade_bar(frame, bar)
                    state = on_bar(bar, s, p, r, values, state)
                    at_once = same_close or (closes_now and s.counts[AT_ONCE] != 0)
                    if at_once and s.counts[PENDING] != 0:
                        trade_close(frame, bar)
                t = until
                if s.counts[ACTIVE] != 0:
                    # Bars of orders or of what is watched are worked one by one; the longer that
                    # lasts, the later it is looked at again.
                    until = min(t + stride, bars)
                    stride = min(2 * stride, _BLOCK)
                    continue
                stride = 1
                while t < bars:
                    if t >= end:
                        # The last blocks overlap, so that none is short.
                        base, end = min(t, bars - _BLOCK), min(t + _BLOCK, bars)
                        asked = acting(base, s, p, r, values)
                        if bit_count(asked) > _BUSY:
                            until = min(t + _PASSED_BY, bars)
                            break
                    ahead = asked >> np.uint64(t - base)
                    if ahead != 0:
                        t += trailing_zeros(ahead)
                        until = t + 1
                        break
                    t = end
            return state

        return loop

    return made

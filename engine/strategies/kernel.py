"""The event loop of a strategy: all parameter sets on a path before the next path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import borrow
from engine.compiled.kernel import kernel
from engine.execution.calling import hook
from engine.execution.layout import (
    ACTIVE,
    BEFORE_START,
    NOT_FINITE,
    OK,
    PENDING,
    RAISED,
    SAME_CLOSE,
    STATUS,
)
from engine.execution.linked import BrokerCalls
from engine.execution.state import address_of, simulation_at

__all__ = ["Hooks", "make_kernel"]


class Hooks(NamedTuple):
    """A strategy's pieces in the form that the event loop calls."""

    parameters: Callable[..., Any]  # (row of floats) -> tuple
    rows: Callable[..., Any]  # (row numbers) -> tuple
    state: Callable[..., Any]  # () -> tuple
    signals: Callable[..., Any]  # (simulation, parameters, rows, values)
    on_start: Callable[..., Any]
    on_bar: Callable[..., Any]
    on_finish: Callable[..., Any]
    fill_rows: Callable[..., Any]  # (addresses of frame and plans, count, of values, work space)


def make_kernel(hooks: Hooks, broker: BrokerCalls) -> Callable[..., None]:
    """Return the compiled event loop of one strategy.

    Its arguments are the price block, the encoded parameter sets, which indicator rows each set
    reads, the plans of these rows, their values and work space, the worker's frame, and the
    outputs.
    """
    decode, rows_of, initial = hooks.parameters, hooks.rows, hooks.state
    on_start, on_bar, on_finish = hooks.on_start, hooks.on_bar, hooks.on_finish
    signals, fill_rows = hooks.signals, hooks.fill_rows
    open_path, start, trade_bar, trade_close, finish = broker

    @hook
    def simulate(
        frame: int,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        row_of: NDArray[np.int64],
        out: NDArray[np.float64],
    ) -> None:
        start(frame)
        s = simulation_at(frame)
        p = decode(parameters)
        r = rows_of(row_of, s.path.shape[2])
        same_close = s.rules[0, SAME_CLOSE] != 0.0
        signals(s, p, r, values)
        state = on_start(BEFORE_START, s, p, r, values, initial())
        last = s.path.shape[2] - 1
        for t in range(last + 1):
            if s.counts[ACTIVE] != 0:
                trade_bar(frame, t)
            state = on_bar(t, s, p, r, values, state)
            if same_close and s.counts[PENDING] != 0:
                trade_close(frame, t)
        on_finish(last, s, p, r, values, state)
        finish(frame, address_of(out))

    @kernel
    def run(
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        row_of: NDArray[np.int64],
        plans: NDArray[np.float64],
        rows: NDArray[np.float64],
        work: NDArray[np.float64],
        frame: NDArray[np.int64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        samples: NDArray[np.int64],
        equity: NDArray[np.float64],
    ) -> None:
        address: int = address_of(frame)
        flat = borrow(rows.reshape(rows.size))
        for path in range(values.shape[0]):
            frame[0] = address_of(values[path])
            open_path(address)
            fill_rows(
                address, address_of(plans), plans.shape[0], address_of(rows), address_of(work)
            )
            s = simulation_at(address)
            for m in range(parameters.shape[0]):
                out = metrics[path, m]
                code = OK
                try:
                    simulate(address, flat, parameters[m], row_of[m], out)
                    code = s.counts[STATUS]
                except Exception:
                    code = RAISED
                if code == OK and not np.isfinite(out[0]):
                    code = NOT_FINITE
                if code != OK:
                    out[:] = np.nan
                status[path, m] = code
                for sample in range(samples.shape[0]):
                    equity[path, m, sample] = s.curve[samples[sample]]

    return run

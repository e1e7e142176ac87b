"""All parameter sets on a path before the next path, whatever the strategy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engine.compiled.kernel import kernel
from engine.compiled.linking import call_at
from engine.compiled.views import address_of
from engine.execution.calling import part
from engine.execution.layout import NOT_FINITE, OK, PATH, RAISED, SEED, TRADE_ROWS
from engine.execution.linked import broker_calls
from engine.execution.state import simulation_at
from engine.strategies.kernel import SIMULATE_ARGUMENTS
from engine.strategies.rows import row_filler

__all__ = ["path_loop"]


@cache
def path_loop() -> Callable[..., int]:
    """Return the compiled loop over paths and parameter sets; Numba compiles it when first called.

    Its arguments are the address of a strategy's event loop, the price block, seed and number of
    each of its paths, the encoded
    parameter sets, which indicator rows each set reads, the plans of these rows, their values, work
    space and flags, the worker's frame, the outputs, and the tape of trades with their number up to
    the end of each simulation (of none: no trades are kept), and of each further group of metrics
    the address of its code and its place in a row, in bytes. It begins at a simulation, counted
    over paths and sets, and returns the one that found no room on the tape, or their number.
    """
    open_path, fill_rows = broker_calls().open_path, row_filler()

    @kernel
    def run(
        simulate: int,
        values: NDArray[np.float64],
        identities: NDArray[np.int64],
        parameters: NDArray[np.float64],
        row_of: NDArray[np.int64],
        plans: NDArray[np.float64],
        rows: NDArray[np.float64],
        work: NDArray[np.float64],
        failed: NDArray[np.int64],
        frame: NDArray[np.int64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        samples: NDArray[np.int64],
        equity: NDArray[np.float64],
        tape: NDArray[np.float64],
        ends: NDArray[np.int64],
        groups: NDArray[np.int64],
        begin: int,
    ) -> int:
        address: int = address_of(frame)
        sets = parameters.shape[0]
        done = begin
        for path in range(begin // sets, values.shape[0]):
            frame[0] = address_of(values[path])
            open_path(address)
            failures = fill_rows(
                address,
                address_of(plans),
                plans.shape[0],
                plans.shape[1],
                address_of(rows),
                address_of(work),
                address_of(failed),
            )
            state = simulation_at(address)
            curve = state.curve
            state.counts[SEED], state.counts[PATH] = identities[path, 0], identities[path, 1]
            for m in range(done % sets, sets):
                out = metrics[path, m]
                code = call_simulate(
                    simulate,
                    address,
                    address_of(rows),
                    rows.size,
                    address_of(parameters[m]),
                    address_of(row_of[m]),
                    address_of(out),
                )
                if failures > 0 and _reads_failed(failed, row_of[m]):
                    code = RAISED
                if code == OK and not np.isfinite(out[0]):
                    code = NOT_FINITE
                if code != OK:
                    out[:] = np.nan
                else:
                    for group in range(groups.shape[0]):
                        row = address_of(out) + groups[group, 1]
                        call_measure(groups[group, 0], address, row)
                status[path, m] = code
                for sample in range(samples.shape[0]):
                    equity[path, m, sample] = curve[samples[sample]]
                if ends.shape[0] > 0:
                    used = ends[done - 1] if done > 0 else 0
                    used = _keep_trades(address, tape, used)
                    if used < 0:
                        return done
                    ends[done] = used
                done += 1
        return done

    return cast("Callable[..., int]", run)


# The event loop of a strategy, by its address.
call_simulate: Any = call_at(SIMULATE_ARGUMENTS)
# A group of metrics, by the address of its code: the frame, and where its metrics go.
call_measure: Any = call_at(2)


@part
def _keep_trades(address: int, tape: NDArray[np.float64], used: int) -> int:
    """Copy a simulation's trades behind the `used` ones; return the end, or -1 without room."""
    simulation = simulation_at(address)
    trades, count = simulation.trades, simulation.counts[TRADE_ROWS]
    if used + count > tape.shape[1]:
        return -1
    for row in range(count):
        for column in range(tape.shape[0]):
            tape[column, used + row] = trades[row, column]
    end: int = used + count
    return end


@part
def _reads_failed(failed: NDArray[np.int64], rows: NDArray[np.int64]) -> bool:
    """Whether a parameter set reads a row that could not be filled."""
    found = False
    for index in range(rows.shape[0]):
        found |= failed[rows[index]] != 0
    return found

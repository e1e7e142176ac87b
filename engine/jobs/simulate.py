"""Simulating a chunk: fill paths, run the strategy on them, keep one failure from the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled.compiler import COMPILER_ERRORS
from engine.jobs.part import Part
from engine.jobs.prepared import Prepared
from engine.jobs.worker import Worker, identity_of
from engine.strategies import StrategyError

__all__ = [
    "BUFFER_BYTES",
    "PATH_NOT_FINITE",
    "RAISED",
    "TRIAL_METRICS",
    "Buffers",
    "Chunk",
    "PartArrays",
    "chunk_limit",
    "run_chunk",
]

#: Status codes of the runner, beside the strategy engine's own (0 and up, below these).
RAISED = 126
PATH_NOT_FINITE = 127

#: Largest buffer of paths that a worker keeps, in bytes: it should stay in the cache.
BUFFER_BYTES = 8 * 2**20

#: What the trial ledger needs of every simulation, whatever its study keeps.
TRIAL_METRICS = ("net_pnl", "sharpe")

_NO_SIMULATION_CAN_RUN: tuple[type[Exception], ...] = (StrategyError, *COMPILER_ERRORS)


class Buffers:
    """Large arrays handed from one part to the next.

    Fresh memory costs a page fault per 4 KB, which is as much as simulating; used memory does not.

    Parameters
    ----------
    reuse : bool
        Whether arrays may be used again after `give`; not if somebody keeps looking at them.
    """

    def __init__(self, *, reuse: bool) -> None:
        self._reuse = reuse
        self._free: dict[str, list[NDArray[Any]]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        """Return an array with any content."""
        size = math.prod(shape)
        free = self._free.get(name, [])
        for index, array in enumerate(free):
            if array.size >= size:
                return free.pop(index)[:size].reshape(shape)
        return np.empty(size, dtype=dtype).reshape(shape)

    def give(self, name: str, array: NDArray[Any]) -> None:
        """Return an array for others to take."""
        if self._reuse:
            whole = array.base if array.base is not None else array
            self._free.setdefault(name, []).append(np.asarray(whole).reshape(-1))


class PartArrays:
    """Where the chunks of a part put what they computed.

    Parameters
    ----------
    part : Part
        The part.
    prepared : Prepared
        Its world.
    buffers : Buffers
        Where its large arrays come from.

    Attributes
    ----------
    kept : tuple of str
        The part's metrics, and those that its trials are counted by.
    metrics : ndarray of float64, shape (kept, paths, sets)
        A column per metric, as the table wants them.
    status : ndarray of int8, shape (paths, sets)
        0 is ok.
    equity : ndarray of float32, shape (paths, sets, samples), optional
        Sampled equity curves.
    time_blocks : ndarray of float32, shape (paths, sets, blocks), optional
        On history, the profit in each stretch of time, in account currency.
    errors : dict
        Error texts by path and set, of simulations that raised.
    trades : list of (Chunk, ndarray, ndarray)
        Chunks with their trades, shape (columns, trades), and how many there are up to the end of
        each of their simulations, shape (simulations,).
    """

    def __init__(self, part: Part, prepared: Prepared, buffers: Buffers) -> None:
        samples = part.holds.record.equity
        shape = (part.paths, len(part.sets))
        self.part = part
        values, self.source_of_set = part.sets.distinct_sources
        self.source_values: list[tuple[float, ...]] = [tuple(row) for row in values.tolist()]
        self._buffers = buffers
        wanted = {*part.holds.metrics, *part.terms.metrics, *TRIAL_METRICS}
        self.kept = tuple(name for name in prepared.metric_names if name in wanted)
        #: Their places among what is computed; None where everything is kept.
        self.places: list[int] | None = None
        if len(self.kept) < len(prepared.metric_names):
            self.places = [prepared.metric_names.index(name) for name in self.kept]
        columns = len(self.kept)
        self.metrics = buffers.take("metrics", (columns, *shape), np.float64)
        self.status = np.zeros(shape, dtype=np.int8)
        self.equity: NDArray[np.float32] | None = None
        if samples:
            self.equity = buffers.take("equity", (*shape, samples), np.float32)
        self.time_blocks: NDArray[np.float32] | None = None
        if prepared.block_ends is not None:
            self.time_blocks = np.empty((*shape, len(prepared.block_ends)), dtype=np.float32)
        self.errors: dict[tuple[int, int], str] = {}
        self.trades: list[tuple[Chunk, NDArray[np.float64], NDArray[np.int64]]] = []

    def release(self) -> None:
        """Give the large arrays back."""
        self._buffers.give("metrics", self.metrics)
        if self.equity is not None:
            self._buffers.give("equity", self.equity)


@dataclass(frozen=True)
class Chunk:
    """Some paths of a part, with the parameter sets that share their source.

    Parameters
    ----------
    arrays : PartArrays
        The part.
    source_index : int
        Place of the source of the paths among the part's `source_values`.
    paths : tuple of int
        First path and the one after the last, counted within the part.
    sets : ndarray of int64
        Parameter sets, counted within the part, ascending.
    """

    arrays: PartArrays
    source_index: int
    paths: tuple[int, int]
    sets: NDArray[np.int64]

    @property
    def simulations(self) -> int:
        """Rows of the chunk."""
        return (self.paths[1] - self.paths[0]) * len(self.sets)


def chunk_limit(prepared: Prepared, sets: int) -> int:
    """Most paths a chunk of a part with this many sets may hold for its buffer to stay small."""
    window = prepared.world.window
    path_bytes = 8 * len(prepared.symbols) * len(prepared.fields) * window.bar_count
    if prepared.whole_curves:
        path_bytes += 8 * sets * window.trading_bars
    return max(1, BUFFER_BYTES // path_bytes)


def run_chunk(chunk: Chunk, worker: Worker) -> None:
    """Simulate a chunk into its part's arrays.

    A path or a simulation that raises fails alone: the chunk is run again path by path, and
    then set by set.
    """
    try:
        _run(chunk, worker)
    except _NO_SIMULATION_CAN_RUN:
        # The strategy cannot be compiled, so that no simulation of the study can run.
        raise
    except Exception as error:
        if chunk.paths[1] - chunk.paths[0] > 1:
            for path in range(*chunk.paths):
                run_chunk(
                    Chunk(chunk.arrays, chunk.source_index, (path, path + 1), chunk.sets), worker
                )
        elif len(chunk.sets) > 1:
            for index in chunk.sets:
                only = np.array([index], dtype=np.int64)
                run_chunk(Chunk(chunk.arrays, chunk.source_index, chunk.paths, only), worker)
        else:
            place = (chunk.paths[0], int(chunk.sets[0]))
            chunk.arrays.metrics[:, place[0], place[1]] = np.nan
            if chunk.arrays.equity is not None:
                chunk.arrays.equity[place] = np.nan
            chunk.arrays.status[place] = RAISED
            chunk.arrays.errors[place] = f"{type(error).__name__}: {error}"


def _run(chunk: Chunk, worker: Worker) -> None:
    arrays, prepared = chunk.arrays, worker.prepared
    part = arrays.part
    low, high = chunk.paths
    source_values = arrays.source_values[chunk.source_index]
    values = worker.fill(part, source_values, low, high - low)
    metrics, status, equity = worker.outputs(high - low, len(chunk.sets))
    tape = worker.tape if part.holds.record.trades else None
    parameters = part.sets.of_strategy[chunk.sets]
    seeds, paths = identity_of(part, low, high)
    identity = {"seeds": seeds, "paths": paths}
    prepared.engine.run(
        values,
        parameters,
        metrics,
        status,
        worker.engine_scratch,
        equity,
        tape,
        **identity,
        **worker.unfinished(part),
    )
    if not part.world.has_ranges:
        metrics[..., prepared.of_ranges] = np.nan
    metrics = _with_path_metrics(values, metrics, equity, prepared)
    bad = worker.not_finite
    metrics[bad] = np.nan
    status[bad] = PATH_NOT_FINITE
    if arrays.places is not None:
        metrics = metrics[..., arrays.places]
    # Values are written to columns while the chunk is still in the cache.
    first, last = int(chunk.sets[0]), int(chunk.sets[-1]) + 1
    own: Any = slice(first, last) if last - first == len(chunk.sets) else chunk.sets
    if len(chunk.sets) == arrays.status.shape[1]:
        # The same as below, in one flat pass that is twice as fast.
        rows = slice(low * len(chunk.sets), high * len(chunk.sets))
        columns = arrays.metrics.reshape(len(arrays.metrics), -1)
        columns[:, rows] = metrics.reshape(-1, len(columns)).T
    else:
        arrays.metrics[:, low:high, own] = metrics.transpose(2, 0, 1)
    arrays.status[low:high, own] = status
    for path, index in np.argwhere(status == prepared.engine.raised):
        one, each = slice(path, path + 1), slice(index, index + 1)
        arrays.errors[low + int(path), int(chunk.sets[index])] = prepared.engine.failure(
            prepared.engine.raised,
            values[one],
            parameters[each],
            worker.engine_scratch,
            seeds=seeds[one],
            paths=paths[one],
        )
    if arrays.equity is not None and equity is not None:
        whole = prepared.whole_curves
        arrays.equity[low:high, own] = equity[:, :, prepared.sample_bars] if whole else equity
    if arrays.time_blocks is not None and equity is not None:
        start = prepared.world.execution.cash
        at_ends = equity[:, :, prepared.block_ends]
        arrays.time_blocks[low:high, own] = np.diff(at_ends, axis=2, prepend=start)
    if tape is not None:
        arrays.trades.append((chunk, tape.columns[:, : tape.count].copy(), tape.ends.copy()))


def _with_path_metrics(
    values: NDArray[np.float64],
    metrics: NDArray[np.float64],
    equity: NDArray[np.float64] | None,
    prepared: Prepared,
) -> NDArray[np.float64]:
    if prepared.path_metrics is None:
        return metrics
    assert equity is not None
    count = len(prepared.path_metrics.names)
    own = np.empty((*metrics.shape[:2], count))
    first = prepared.world.window.first_trading_bar
    prepared.path_metrics.run(np.ascontiguousarray(values[..., first:]), equity, own)
    return np.concatenate([metrics, own], axis=2)

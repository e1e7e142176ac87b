"""Simulating a chunk: fill paths, run the strategy on them, keep one failure from the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.studies.job import Job, PartSpec
from engine.studies.prepared import Prepared

__all__ = [
    "BUFFER_BYTES",
    "PATH_NOT_FINITE",
    "RAISED",
    "Chunk",
    "PartArrays",
    "Worker",
    "chunk_limit",
    "run_chunk",
]

#: Status codes of the runner, beside the strategy engine's own (0 and up, below these).
RAISED = 126
PATH_NOT_FINITE = 127

#: Largest buffer of paths that a worker keeps, in bytes: it should stay in the cache.
BUFFER_BYTES = 8 * 2**20


class PartArrays:
    """Where the chunks of a part put what they computed.

    Parameters
    ----------
    spec : PartSpec
        The part.
    prepared : Prepared
        Its job.
    """

    def __init__(self, spec: PartSpec, prepared: Prepared) -> None:
        job = spec.job
        paths, sets = spec.paths[1] - spec.paths[0], spec.sets[1] - spec.sets[0]
        shape = (paths, sets)
        self.spec = spec
        self.metrics = np.full((*shape, len(prepared.engine.metric_names)), np.nan)
        self.status = np.zeros(shape, dtype=np.int8)
        self.equity: NDArray[np.float64] | None = None
        if job.equity_samples:
            self.equity = np.full((*shape, job.equity_samples), np.nan)
        self.errors: dict[tuple[int, int], str] = {}
        self.trades: list[Any] = []

    @property
    def failed(self) -> int:
        """Simulations that failed so far."""
        return int(np.count_nonzero(self.status))


@dataclass(frozen=True)
class Chunk:
    """Some paths of a part, with the parameter sets that share their source.

    Parameters
    ----------
    arrays : PartArrays
        The part.
    source : int
        Source of the paths.
    paths : tuple of int
        First path and the one after the last, counted within the part.
    sets : ndarray of int64
        Parameter sets, counted within the part, ascending.
    """

    arrays: PartArrays
    source: int
    paths: tuple[int, int]
    sets: NDArray[np.int64]

    @property
    def simulations(self) -> int:
        """Rows of the chunk."""
        return (self.paths[1] - self.paths[0]) * len(self.sets)


@dataclass
class Worker:
    """Buffers that one thread reuses from chunk to chunk.

    Parameters
    ----------
    prepared : Prepared
        The job.
    not_finite : ndarray of int64
        Paths of the latest fill in which a close is not finite.
    """

    prepared: Prepared
    not_finite: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _filled: tuple[Any, ...] | None = None
    _scratch: dict[tuple[int, int, int], Any] = field(default_factory=dict)
    _engine_scratch: Any = None

    def values(self, paths: int) -> NDArray[np.float64]:
        """Return a buffer of shape (paths, symbols, fields, bars)."""
        prepared = self.prepared
        shape = (paths, len(prepared.symbols), len(prepared.fields), prepared.job.steps)
        size = int(np.prod(shape))
        if self._values.size < size:
            self._values = np.empty(size)
        return self._values[:size].reshape(shape)

    def fill(self, job: Job, source: int, first: int, count: int) -> NDArray[np.float64]:
        """Generate paths ``first`` to ``first + count`` of a job, unless they are there."""
        # Jobs that share a preparation may differ in how many seeds they have by now.
        seed = int(job.seeds[first // job.paths_per_seed])
        key = (source, seed if job.draw is not None else None, first, count)
        values = self.values(count)
        if self._filled == key:
            return values
        self._filled = None
        generator = self.prepared.generator(source, seed)
        # Scratch belongs to a generator; one at a time keeps memory flat in a sweep.
        scratch_key = (source, id(generator), count)
        if scratch_key not in self._scratch:
            self._scratch = {scratch_key: generator.scratch(count)}
        index = np.arange(first, first + count)
        seeds = job.seeds[index // job.paths_per_seed]
        paths = (index % job.paths_per_seed).astype(np.uint64)
        generator.fill(seeds, paths, values, self._scratch[scratch_key])
        self._filled = key
        # A sum is finite only if every close is: one pass, no temporary.
        closes = values[:, :, 3, :].sum(axis=(1, 2))
        self.not_finite = np.flatnonzero(~np.isfinite(closes))
        return values

    @property
    def engine_scratch(self) -> Any:
        """Scratch memory of the strategy engine."""
        if self._engine_scratch is None:
            self._engine_scratch = self.prepared.engine.scratch()
        return self._engine_scratch


def chunk_limit(prepared: Prepared) -> int:
    """Most paths a chunk may hold for its buffer to stay small."""
    job = prepared.job
    path_bytes = 8 * len(prepared.symbols) * len(prepared.fields) * job.steps
    return max(1, BUFFER_BYTES // path_bytes)


def run_chunk(chunk: Chunk, worker: Worker) -> None:
    """Simulate a chunk into its part's arrays.

    A path or a simulation that raises fails alone: the chunk is run again path by path, and
    then set by set.
    """
    try:
        _run(chunk, worker)
    except Exception as error:
        if chunk.paths[1] - chunk.paths[0] > 1:
            for path in range(*chunk.paths):
                run_chunk(Chunk(chunk.arrays, chunk.source, (path, path + 1), chunk.sets), worker)
        elif len(chunk.sets) > 1:
            for index in chunk.sets:
                only = np.array([index], dtype=np.int64)
                run_chunk(Chunk(chunk.arrays, chunk.source, chunk.paths, only), worker)
        else:
            place = (chunk.paths[0], int(chunk.sets[0]))
            chunk.arrays.metrics[place] = np.nan
            chunk.arrays.status[place] = RAISED
            chunk.arrays.errors[place] = f"{type(error).__name__}: {error}"


def _run(chunk: Chunk, worker: Worker) -> None:
    arrays, prepared = chunk.arrays, worker.prepared
    spec, job = arrays.spec, arrays.spec.job
    low, high = chunk.paths
    first = spec.paths[0] + low
    values = worker.fill(job, chunk.source, first, high - low)
    sets = chunk.sets
    whole = len(sets) == arrays.status.shape[1]
    # With several sources in a part a chunk's columns lie apart: compute aside, then place.
    metrics = arrays.metrics[low:high]
    status = arrays.status[low:high]
    equity = arrays.equity[low:high] if arrays.equity is not None else None
    if not whole:
        metrics = np.full((high - low, len(sets), metrics.shape[2]), np.nan)
        status = np.zeros((high - low, len(sets)), dtype=np.int8)
        equity = None if equity is None else np.full((*status.shape, equity.shape[2]), np.nan)
    trades: list[Any] | None = [] if job.record_trades else None
    prepared.engine.run(
        values,
        prepared.parameters[sets + spec.sets[0]],
        metrics,
        status,
        worker.engine_scratch,
        equity,
        trades,
    )
    bad = worker.not_finite
    metrics[bad] = np.nan
    status[bad] = PATH_NOT_FINITE
    if not whole:
        arrays.metrics[low:high, sets] = metrics
        arrays.status[low:high, sets] = status
        if arrays.equity is not None:
            arrays.equity[low:high, sets] = equity
    if trades:
        arrays.trades.append((chunk, trades))

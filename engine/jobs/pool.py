"""A thread pool over chunks: kernels release the GIL, so threads are all a study needs.

Work is handed out in chunks of about ten milliseconds; between chunks a worker looks whether it
should stop. The thread that finishes a part's last chunk writes the part, so no more parts are
in memory than there are workers, plus one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np

from engine.errors import Refusal
from engine.jobs.chunking import Chunking
from engine.jobs.frames import equity_frame, error_at, simulations_frame
from engine.jobs.job import Holds
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.prepared import Prepared, prepare
from engine.jobs.simulate import Buffers, Chunk, PartArrays, run_chunk
from engine.jobs.store import MemoryStore, ParquetStore
from engine.jobs.trades import trades_frame
from engine.jobs.trial_rows import Outcomes, trial_rows
from engine.jobs.worker import Worker

__all__ = ["MOST_WORKERS", "PartPool", "worker_count"]

#: More threads or processes than any machine has cores for: a slip, which would take all memory.
MOST_WORKERS: Final = 1_024


def worker_count(workers: str | int) -> int:
    """Return the number of threads that ``workers`` means on this machine."""
    if workers == "auto":
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else (os.cpu_count() or 1)
        )
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if isinstance(workers, str) or not whole or not 1 <= workers <= MOST_WORKERS:
        raise Refusal(
            "workers", repr(workers), f"'auto' or a whole number from 1 to {MOST_WORKERS:,}"
        )
    return workers


@dataclass
class _Open:
    """A part of which chunks are still out."""

    arrays: PartArrays
    waiting: int = 0
    handed_out: bool = False


class PartPool:
    """Parts being simulated by any number of threads.

    Parameters
    ----------
    parts : sequence of Part
        Of one job.
    store : ParquetStore or MemoryStore
        Where finished parts go.
    on_chunk : callable, optional
        Called with simulations done, simulations failed and the first error text after each chunk.
    on_part : callable, optional
        Called with the manifest of each finished part.
    stop : threading.Event, optional
        Ends the work between two chunks; by default one of its own.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        store: ParquetStore | MemoryStore,
        *,
        on_chunk: Callable[[int, int, Callable[[], str]], None] | None = None,
        on_part: Callable[[Manifest], Any] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        first = parts[0]
        some_source = tuple(first.sets.of_source[0].tolist())
        # Some keep more metrics than others: all that any of them does are computed.
        holds = reduce(Holds.with_metrics_of, (part.holds for part in parts))
        self.prepared: Prepared = prepare(
            first.world, holds, first.terms.metrics, some_source, int(first.seeds[0])
        )
        self.stop = threading.Event() if stop is None else stop
        self.finished = threading.Event()
        self._running = 0
        self._store = store
        self._on_chunk = on_chunk
        self._on_part = on_part
        self._lock = threading.Lock()
        self._buffers = Buffers(reuse=isinstance(store, ParquetStore))
        self._open: dict[int, _Open] = {}
        self._chunks = self._cut(parts)
        self._chunking = Chunking(self.prepared)
        self._error: BaseException | None = None

    def start(self, workers: int) -> None:
        """Start worker threads; `finished` is set when the last of them ends."""
        self._running = workers
        for number in range(workers):
            threading.Thread(target=self._thread, name=f"study-{number}", daemon=True).start()

    def work(self) -> None:
        """Simulate chunks until there are none left or `stop` is set."""
        try:
            worker = Worker(self.prepared, store=self._store)
            while not self.stop.is_set():
                with self._lock:
                    chunk = next(self._chunks, None)
                if chunk is None:
                    return
                self._run(chunk, worker)
        except BaseException as error:
            with self._lock:
                self._error = self._error or error
            self.stop.set()

    def _thread(self) -> None:
        try:
            self.work()
        finally:
            with self._lock:
                self._running -= 1
                last = self._running == 0
            if last:
                self.finished.set()

    def raise_first(self) -> None:
        """Raise the first error that stopped a worker, if any."""
        if self._error is not None:
            raise self._error

    def _run(self, chunk: Chunk, worker: Worker) -> None:
        begin = time.perf_counter_ns()
        run_chunk(chunk, worker)
        self._chunking.learn(chunk, time.perf_counter_ns() - begin)
        arrays = chunk.arrays
        if self._on_chunk is not None:
            status = arrays.status[chunk.paths[0] : chunk.paths[1], chunk.sets]
            failed = np.argwhere(status)
            place = (0, 0)
            if len(failed):
                place = (chunk.paths[0] + int(failed[0][0]), int(chunk.sets[failed[0][1]]))
            self._on_chunk(
                chunk.simulations, len(failed), lambda: error_at(arrays, place, self.prepared)
            )
        with self._lock:
            opened = self._open[id(arrays)]
            opened.waiting -= 1
            finished = opened.handed_out and opened.waiting == 0
            if finished:
                del self._open[id(arrays)]
        if finished:
            self._finish(arrays)

    def _finish(self, arrays: PartArrays) -> None:
        part, prepared = arrays.part, self.prepared
        failed = np.argwhere(arrays.status)
        first = (int(failed[0][0]), int(failed[0][1])) if len(failed) else None
        error = None if first is None else error_at(arrays, first, prepared)
        frames = {"simulations": simulations_frame(arrays, prepared)}
        if arrays.equity is not None:
            frames["equity"] = equity_frame(arrays)
        if part.holds.record.trades:
            frames["trades"] = trades_frame(arrays, prepared)
        trials = trial_rows(
            Outcomes.of(arrays, prepared), prepared, part.terms, part.terms.trial_status
        )
        manifest = self._store.write(part, frames, trials, len(failed), error)
        if prepared.engine.sets_at_once is not None:
            self._store.forget_unfinished(part.world.id, part.name)
        with self._lock:
            arrays.release()
        if self._on_part is not None:
            self._on_part(manifest)

    def _cut(self, parts: Sequence[Part]) -> Iterator[Chunk]:
        """Cut parts into chunks; runs under the lock, one chunk at a time."""
        for part in parts:
            arrays = PartArrays(part, self.prepared, self._buffers)
            opened = _Open(arrays)
            self._open[id(arrays)] = opened
            pending: Chunk | None = None
            for chunk in self._chunking.chunks(arrays):
                if pending is not None:
                    opened.waiting += 1
                    yield pending
                pending = chunk
            assert pending is not None
            opened.waiting += 1
            opened.handed_out = True
            yield pending

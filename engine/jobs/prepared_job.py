"""A job that stays open: batch after batch of parameter sets on the same world."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.batch import Batch
from engine.jobs.chunking import Chunking
from engine.jobs.job import Job
from engine.jobs.kept_paths import KeptPaths
from engine.jobs.part import Part, Terms
from engine.jobs.pool import worker_count
from engine.jobs.prepared import prepare
from engine.jobs.set_reader import SetReader
from engine.jobs.simulate import Buffers, Chunk, PartArrays, run_chunk
from engine.jobs.space import ParameterSets, Scalar
from engine.jobs.trial_buffer import TrialBuffer
from engine.jobs.trial_rows import Outcomes
from engine.jobs.trial_status import TrialStatus
from engine.jobs.worker import Worker

__all__ = ["PreparedJob"]

# A shorter batch is not worth waking a thread for, and a shorter chunk not worth handing out.
_SHARED_NS = 1e6
_CHUNK_NS = 5e5
_CHUNKS_PER_WORKER = 4


class PreparedJob:
    """A job resolved, compiled and with its source open, ready to run what a search asks next.

    `Study.prepare` makes one. Cells come out bit for bit as `Study.run` has them. With a ledger
    each set is counted as a trial, once however often it is asked; trials reach the disk within a
    second and when the job is closed.

    Parameters
    ----------
    job : Job
        Its world stays as it is; its sets say which parameters a set must name.
    ledger : Path or FileStore, optional
        The data root whose trial ledger counts the sets.
    workers : "auto" or int
        Threads.
    check : callable, optional
        Refuses sets that this world cannot judge.

    Examples
    --------
    >>> import engine as mc
    >>> grid = {"fast": [5, 10], "slow": [20, 50]}
    >>> study = mc.Study("search", mc.GBM(), "sma_crossover", grid, seeds=8, steps=60)
    >>> with study.prepare(workers=1) as prepared:
    ...     batch = prepared.run([{"fast": 7, "slow": 30}, {"fast": 9, "slow": 30}], range(16))
    >>> batch.metric("net_pnl").shape
    (2, 16)
    """

    def __init__(
        self,
        job: Job,
        *,
        ledger: Path | FileStore | None = None,
        workers: str | int = "auto",
        check: Callable[[ParameterSets], None] | None = None,
    ) -> None:
        self.job = job
        self._terms = Terms.of(job)
        some_source = tuple(job.sets.of_source[0].tolist())
        self._prepared = prepare(job.world, job.holds, job.metrics, some_source, int(job.seeds[0]))
        self._reader, self._check = SetReader(job), check
        self._chunking = Chunking(self._prepared)
        # Paths of a swept source differ from set to set.
        self._kept = None if job.world.swept else KeptPaths(self._prepared)
        self._workers = [Worker(self._prepared, self._kept) for _ in range(worker_count(workers))]
        self._threads = ThreadPoolExecutor(len(self._workers), thread_name_prefix="batch")
        self._lock = threading.Lock()
        self._closed = False
        self._trials: TrialBuffer | None = None
        if ledger is not None:
            self._trials = TrialBuffer(ledger, self._terms, self._prepared)
            # A search that forgets to close counts its trials when it ends all the same.
            weakref.finalize(self, self._trials.end)
        # Compiles what is compiled on first use; nobody sees what comes out.
        first = np.zeros(1, dtype=np.int64)
        self._simulate(Part(self._terms, job.sets[first], job.seeds[:1], 0))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics of every batch."""
        return self._prepared.metric_names

    def run(
        self,
        sets: Sequence[Mapping[str, Scalar]],
        seeds: ArrayLike | None = None,
        *,
        status: TrialStatus = "finished",
    ) -> Batch:
        """Run every set on every seed.

        Parameters
        ----------
        sets : sequence of mapping
            Values by parameter name; a swept parameter of the source is ``model.NAME``. What the
            study fixed may be left out.
        seeds : sequence of int, optional
            By default the study's.
        status : {"finished", "pruned"}
            What the ledger says of sets that are run on no further seeds: ``pruned`` of a round of
            a race after which those that are behind leave.

        Returns
        -------
        Batch
            Arrays over sets, paths and metrics. A simulation that failed is NaN there.

        Raises
        ------
        Refusal
            If a set or a seed cannot be used, or the job is closed.
        StorageError
            If trials cannot be written.
        """
        if self._closed:
            raise Refusal("prepared", "a job that is closed", hint="prepare the study again")
        asked = self._reader.read(sets)
        if self._check is not None:
            self._check(asked)
        _, first, of_asked = np.unique(asked.ids, return_index=True, return_inverse=True)
        own, of_set = asked, np.arange(len(asked))
        if len(first) < len(asked):
            chosen = np.sort(first)
            own, of_set = asked[chosen], np.searchsorted(chosen, first[of_asked])
        arrays = self._simulate(Part(self._terms, own, self._seeds(seeds), 0))
        if self._trials is not None:
            self._trials.add(Outcomes.of(arrays, self._prepared), status)
        return Batch.of(arrays, self._prepared, of_set)

    def write_trials(self) -> None:
        """Write the trials that wait: what ran is counted, whatever happens next.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        if self._trials is not None:
            self._trials.flush()

    def close(self) -> None:
        """Write the trials that wait, and end the threads; closing twice changes nothing.

        Raises
        ------
        StorageError
            If trials cannot be written.
        """
        self._closed = True
        self._threads.shutdown()
        self.write_trials()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _seeds(self, seeds: ArrayLike | None) -> NDArray[np.uint64]:
        if seeds is None:
            return self.job.seeds
        given: Any = seeds if isinstance(seeds, np.ndarray) else list(seeds)  # type: ignore[arg-type]
        try:
            found = np.array(given, dtype=np.uint64)
            fits = found.ndim == 1 and len(found) > 0 and bool((found == np.array(given)).all())
        except (OverflowError, ValueError, TypeError):
            fits = False
        if not fits:
            raise Refusal("seeds", repr(given)[:80], "whole numbers from 0 to 2**64 - 1")
        if len(np.unique(found)) < len(found):
            raise Refusal("seeds", "a seed twice", "each once")
        return found

    def _simulate(self, part: Part) -> PartArrays:
        """Run a part in this thread, and in the others where it takes long enough."""
        arrays = PartArrays(part, self._prepared, Buffers(reuse=False))
        total = self._chunking.nanoseconds(arrays)
        with self._lock:
            if self._kept is not None:
                self._kept.open(part.seeds)
            if total < _SHARED_NS or len(self._workers) == 1:
                self._work(self._workers[0], iter(self._chunking.chunks(arrays)), None)
                return arrays
            pieces = _CHUNKS_PER_WORKER * len(self._workers)
            wanted = min(max(total / pieces, _CHUNK_NS), 10e6)
            chunks, stop = iter(self._chunking.chunks(arrays, wanted)), threading.Event()
            lock = threading.Lock()

            def taken() -> Iterator[Chunk]:
                while not stop.is_set():
                    with lock:
                        chunk = next(chunks, None)
                    if chunk is None:
                        return
                    yield chunk

            others = [
                self._threads.submit(self._work, worker, taken(), stop)
                for worker in self._workers[1:]
            ]
            try:
                self._work(self._workers[0], taken(), stop)
            finally:
                for other in others:
                    other.exception()
            for other in others:
                other.result()
        return arrays

    def _work(self, worker: Worker, chunks: Iterator[Chunk], stop: threading.Event | None) -> None:
        try:
            for chunk in chunks:
                begin = time.perf_counter_ns()
                run_chunk(chunk, worker)
                self._chunking.learn(chunk, time.perf_counter_ns() - begin)
        except BaseException:
            if stop is not None:
                stop.set()
            raise

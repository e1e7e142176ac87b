"""Who runs the parts of a job: threads, processes, or whatever else keeps the contract."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait as wait_for
from typing import Any, Final, Protocol

from engine.errors import Refusal
from engine.jobs.errors import WorkerLost
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.pool import PartPool, worker_count
from engine.jobs.shared_parts import PartPlace, PartResult, SharedParts, run_part
from engine.jobs.store import ParquetStore, Store

__all__ = ["Count", "Executor", "Processes", "Threads", "executor_of", "shared_root"]

#: Told of simulations done, of those that failed, and how to learn the first error.
Count = Callable[[int, int, Callable[[], str]], None]

_REPORT_SECONDS: Final = 0.1

# How long a stop waits for chunks to end.
_STOP_SECONDS = 0.4


class Executor(Protocol):
    """Runs parts. Whoever does, the bytes that it leaves in the store are the same."""

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        """Run parts into a store, in any order.

        Parameters
        ----------
        parts : sequence of Part
            Of one job.
        store : Store
            Where finished parts go.
        count : callable
            To be told of simulations as they are done.

        Yields
        ------
        Manifest or None
            Of each finished part; None at least ten times a second, so that the caller can report
            and stop.

        Raises
        ------
        Refusal
            If it cannot write to this store.
        WorkerLost
            If a worker died.
        """

    def stop(self) -> None:
        """End the work soon; finished parts stay, and nothing of the others."""


class Threads:
    """Threads of this process: kernels release the interpreter's lock, so one is all it takes.

    Parameters
    ----------
    workers : "auto" or int
        Threads.
    """

    def __init__(self, workers: str | int = "auto") -> None:
        self._workers = worker_count(workers)
        self._pool: PartPool | None = None

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        """Run parts chunk by chunk."""
        made: list[Manifest] = []
        pool = self._pool = PartPool(parts, store, on_chunk=count, on_part=made.append)
        pool.start(self._workers)
        # An event, not Thread.join: a join that Ctrl-C interrupts takes the thread for ended.
        while not pool.finished.wait(_REPORT_SECONDS):
            yield None
        pool.raise_first()
        yield from made

    def stop(self) -> None:
        """End after the chunks that run."""
        if self._pool is not None:
            self._pool.stop.set()
            # A kernel in the middle of a long path cannot be stopped: its thread ends after it.
            self._pool.finished.wait(_STOP_SECONDS)


class Processes:
    """Processes of this machine, a thread each, for code of a user's that holds the lock.

    They are started anew (``spawn``): a script of one's own needs ``if __name__ == "__main__":``.

    Parameters
    ----------
    workers : "auto" or int
        Processes.
    """

    def __init__(self, workers: str | int = "auto") -> None:
        self._workers = worker_count(workers)
        self._pool: ProcessPoolExecutor | None = None
        self._stop: Any = None

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        """Run parts, each in one process."""
        root, shared = shared_root(store, "processes"), SharedParts.of(parts)
        spawn = multiprocessing.get_context("spawn")
        self._stop = spawn.Event()
        self._pool = ProcessPoolExecutor(
            min(self._workers, len(parts)),
            mp_context=spawn,
            initializer=_begin,
            initargs=(pickle.dumps(shared), root, self._stop),
        )
        try:
            waiting = {self._pool.submit(_run, shared.place(part)): part for part in parts}
            yield from _finished(waiting, count)
            self._pool.shutdown()
        except BrokenProcessPool:
            raise WorkerLost(
                "a worker process died, killed or out of memory; finished parts are kept, run the "
                "study again to go on from them"
            ) from None
        finally:
            self.stop()

    def stop(self) -> None:
        """End between two chunks of every process."""
        if self._pool is not None:
            self._stop.set()
            self._pool.shutdown(wait=False, cancel_futures=True)


def executor_of(name: str | Executor, workers: str | int) -> Executor:
    """Return the executor of a name; one that is made already stays as it is.

    Raises
    ------
    Refusal
        If there is none of that name.
    """
    if not isinstance(name, str):
        return name
    kinds: dict[str, Callable[[str | int], Executor]] = {"threads": Threads, "processes": Processes}
    if name not in kinds:
        raise Refusal("executor", repr(name), f"{', '.join(kinds)}, or an executor")
    return kinds[name](workers)


def shared_root(store: Store, executor: str) -> str:
    """Return the root of a store as other processes spell it.

    Raises
    ------
    Refusal
        If they cannot reach it.
    """
    address = store.files.address if isinstance(store, ParquetStore) else None
    if address is None:
        raise Refusal(
            "executor", f"{executor} for results in memory", "threads, or results in a data folder"
        )
    return address if "://" in address else os.path.abspath(address)


def _finished(
    waiting: dict[Future[PartResult | None], Part], count: Count
) -> Iterator[Manifest | None]:
    """Yield manifests as futures are done."""
    while waiting:
        done, _ = wait(waiting, timeout=_REPORT_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            part, result = waiting.pop(future), future.result()
            if result is not None:
                error = result.first_error or ""
                count(part.rows, result.failed, partial(str, error))
                yield result.of(part)
        yield None


# --- in a worker process --------------------------------------------------------------------------

_SHARED: list[tuple[SharedParts, str, threading.Event]] = []


def _begin(shared: bytes, root: str, stop: Any) -> None:
    # Ctrl-C reaches every process of a terminal; the one that the user started says what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _SHARED[:] = [(pickle.loads(shared), root, threading.Event())]
    threading.Thread(target=_watch, args=(stop, _SHARED[0][2]), daemon=True).start()


def _watch(stop: Any, stopped: threading.Event) -> None:
    """End the part when the run is stopped, and the process when its parent is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    while not wait_for([parent.sentinel], timeout=_REPORT_SECONDS):
        if stop.is_set():
            stopped.set()
    os._exit(1)


def _run(place: PartPlace) -> PartResult | None:
    shared, root, stop = _SHARED[0]
    return run_part(shared, place, root, stop)

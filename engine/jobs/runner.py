"""Execution of a job: resuming, progress, failures, and stops that keep what is finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.jobs.errors import StudyFailed, StudyInterrupted
from engine.jobs.executors import Executor, Threads
from engine.jobs.manifest import Manifest
from engine.jobs.plan import Plan
from engine.jobs.progress import Progress, ProgressCallback
from engine.jobs.store import Store

__all__ = ["RunReport", "run_parts"]

# A study whose first simulations all fail is stopped: its strategy or its settings are wrong.
_FEWEST_TO_STOP_AT = 100


@dataclass
class RunReport:
    """What a run did.

    Parameters
    ----------
    manifests : list of Manifest
        One per part that was computed.
    reused : int
        Simulations found finished.
    seconds : float
        Wall-clock time.
    """

    manifests: list[Manifest] = field(default_factory=list)
    reused: int = 0
    seconds: float = 0.0


class _Count:
    """Counters that workers add to."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.error: str | None = None
        self._lock = threading.Lock()

    def add(self, done: int, failed: int, error: Callable[[], str]) -> None:
        with self._lock:
            self.done += done
            self.failed += failed
            if failed and self.error is None:
                self.error = error()


def run_parts(
    plan: Plan,
    store: Store,
    *,
    study: str,
    failure_allowance: float,
    executor: Executor | None = None,
    progress: ProgressCallback | None = None,
) -> RunReport:
    """Simulate what a plan misses.

    Parameters
    ----------
    plan : Plan
        What is there, and the parts to compute.
    store : ParquetStore or MemoryStore
        Where parts are kept.
    study : str
        Who asks, for messages.
    failure_allowance : float
        Share of simulations that may fail; below 1, a run whose first simulations all fail stops.
    executor : Executor, optional
        Who runs them; by default threads, as many as there are cores.
    progress : callable, optional
        Called with a `Progress` about ten times a second, and at the end.

    Raises
    ------
    StudyFailed
        If every one of the first simulations fails.
    StudyInterrupted
        On Ctrl-C, after finished parts are safe.
    WorkerLost
        If one who runs parts died.
    StorageError
        If a part cannot be written.
    """
    begin = time.perf_counter()
    reused = sum(piece.cells * piece.manifest.paths_per_seed for piece in plan.pieces)
    total = reused + sum(part.rows for part in plan.parts)
    count = _Count()
    already_failed = sum(piece.manifest.failed for piece in plan.pieces if piece.whole)
    made: dict[str, Manifest] = {}

    def report() -> None:
        if progress is not None:
            seconds = time.perf_counter() - begin
            failed = already_failed + count.failed
            progress(Progress(reused + count.done, total, reused, failed, seconds))

    if plan.parts:
        executor = Threads() if executor is None else executor
        all_failed = False
        try:
            for manifest in executor.map_parts(plan.parts, store, count.add):
                if manifest is not None:
                    made[manifest.part] = manifest
                    continue
                report()
                if (
                    count.done >= _FEWEST_TO_STOP_AT
                    and count.failed == count.done
                    and failure_allowance < 1
                ):
                    all_failed = True
                    break
        except KeyboardInterrupt:
            executor.stop()
            raise _interrupted(count) from None
        except BaseException:
            executor.stop()
            raise
        if all_failed:
            executor.stop()
            raise StudyFailed(
                f"study {study}: stopped after {count.done} simulations, "
                f"which all failed; the first error: {count.error}"
            )
    try:
        report()
    except KeyboardInterrupt:
        raise _interrupted(count) from None
    return RunReport([made[part.name] for part in plan.parts], reused, time.perf_counter() - begin)


def _interrupted(count: _Count) -> StudyInterrupted:
    return StudyInterrupted(
        f"stopped after {count.done:,} simulations; finished parts are kept, "
        "run the study again to go on from them"
    )

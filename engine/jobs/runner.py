"""Running a job: resume, progress, failures, and a stop that loses nothing finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.jobs.errors import StudyFailed, StudyInterrupted
from engine.jobs.job import PartSpec
from engine.jobs.pool import PartPool, worker_count
from engine.jobs.progress import Progress, ProgressCallback
from engine.jobs.store import Manifest, MemoryStore, ParquetStore

__all__ = ["RunReport", "run_parts"]

# A study whose first simulations all fail is stopped: its strategy or its settings are wrong.
_HOPELESS = 100

_REPORT_SECONDS = 0.1

# How long a stop waits for chunks to end.
_STOP_SECONDS = 0.4


@dataclass
class RunReport:
    """What a run did.

    Parameters
    ----------
    manifests : list of Manifest
        One per part, in the order of the parts.
    reused : int
        Simulations found finished.
    seconds : float
        Wall-clock time.
    """

    manifests: list[Manifest] = field(default_factory=list)
    reused: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Simulations, reused ones included."""
        return sum(manifest.rows for manifest in self.manifests)

    @property
    def failed(self) -> int:
        """Simulations that failed."""
        return sum(manifest.failed for manifest in self.manifests)

    @property
    def first_error(self) -> str | None:
        """Error of the first failed simulation."""
        return next((m.first_error for m in self.manifests if m.first_error is not None), None)


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
    parts: Sequence[PartSpec],
    store: ParquetStore | MemoryStore,
    *,
    workers: str | int = "auto",
    progress: ProgressCallback | None = None,
) -> RunReport:
    """Simulate the parts that are not finished yet.

    Parameters
    ----------
    parts : sequence of PartSpec
        Parts of one job.
    store : ParquetStore or MemoryStore
        Where parts are kept.
    workers : "auto" or int
        Threads.
    progress : callable, optional
        Called with a `Progress` about ten times a second, and at the end.

    Raises
    ------
    StudyFailed
        If every one of the first simulations fails.
    StudyInterrupted
        On Ctrl-C, after finished parts are safe.
    StorageError
        If a part cannot be written.
    """
    begin = time.perf_counter()
    manifests: dict[tuple[int, str], Manifest] = {}
    missing = []
    for part in parts:
        manifest = store.finished(part)
        if manifest is None:
            missing.append(part)
        else:
            manifests[part.block, part.key] = manifest
    reused = sum(manifest.rows for manifest in manifests.values())
    total = sum(part.rows for part in parts)
    count = _Count()
    already_failed = sum(manifest.failed for manifest in manifests.values())

    def report() -> None:
        if progress is not None:
            seconds = time.perf_counter() - begin
            failed = already_failed + count.failed
            progress(Progress(reused + count.done, total, reused, failed, seconds))

    if missing:

        def keep(manifest: Manifest) -> None:
            manifests[manifest.block, manifest.part] = manifest

        pool = PartPool(missing, store, on_chunk=count.add, on_part=keep)
        allowance = missing[0].job.failure_allowance
        hopeless = _drive(pool, worker_count(workers), count, report, allowance)
        pool.raise_first()
        if hopeless:
            raise StudyFailed(
                f"study {missing[0].job.study}: stopped after {count.done} simulations, "
                f"which all failed; the first error: {count.error}"
            )
    report()
    ordered = [manifests[part.block, part.key] for part in parts]
    return RunReport(ordered, reused, time.perf_counter() - begin)


def _drive(
    pool: PartPool, workers: int, count: _Count, report: Callable[[], None], allowance: float
) -> bool:
    """Run the pool to its end; True if it was stopped because everything fails."""
    hopeless = False
    pool.start(workers)
    try:
        # An event, not Thread.join: a join that Ctrl-C interrupts takes the thread for ended.
        while not pool.finished.wait(_REPORT_SECONDS):
            report()
            if count.done >= _HOPELESS and count.failed == count.done and allowance < 1:
                hopeless = True
                pool.stop.set()
    except BaseException as error:
        pool.stop.set()
        # A kernel in the middle of a long path cannot be stopped: its thread ends after it.
        pool.finished.wait(_STOP_SECONDS)
        if not isinstance(error, KeyboardInterrupt):
            raise
        raise StudyInterrupted(
            f"stopped after {count.done:,} simulations; finished parts are kept, "
            "run the study again to go on from them"
        ) from None
    return hopeless

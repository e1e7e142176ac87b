"""Keeping the record of a run while it lasts, and of what waits for a process to do it.

Whoever answers at once and works later (`mc serve`) writes a record of what waits (`queue_job`);
the process that does the work goes on with it (`continuing`).
"""

from __future__ import annotations

import datetime
import getpass
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from engine.files import FileStore
from engine.files.documents import replace as replace_file
from engine.files.writing import json_bytes
from engine.jobs.job import Job
from engine.jobs.processes import born
from engine.jobs.progress import Progress, ProgressCallback
from engine.jobs.record import FOLDER, JobRecord, record_keys
from engine.jobs.stopping import forget_stop, who_stopped

__all__ = ["continuing", "queue_job", "recorded"]

_WRITE_SECONDS: Final = 2.0
# Older records are deleted when a run begins.
_MOST_RECORDS: Final = 1000


def queue_job(
    files: FileStore,
    *,
    kind: str,
    study: str,
    fingerprint: str,
    world: str,
    cells: int,
    total: int,
    who: str,
    process: int,
) -> JobRecord:
    """Write the record of what a process will do.

    Parameters
    ----------
    files : FileStore
        The data root.
    kind, study, fingerprint, world, cells, total
        As of `JobRecord`.
    who : str
        Who asks, and through what.
    process : int
        The process on this machine that waits and will run it: where it is gone, so is the job.

    Returns
    -------
    JobRecord
        As it was written.
    """
    now = _now()
    record = JobRecord(
        id=_new_id(now),
        kind=kind,
        study=study,
        fingerprint=fingerprint,
        world=world,
        cells=cells,
        state="queued",
        done=0,
        total=total,
        failed=0,
        error=None,
        who=who,
        host=platform.node(),
        process=process,
        born=born(process),
        started=now,
        seen=now,
    )
    replace_file(files, f"{FOLDER}{record.id}.json", json_bytes(record.to_json()))
    return record


@contextmanager
def continuing(
    files: FileStore, queued: JobRecord, progress: ProgressCallback | None = None
) -> Iterator[ProgressCallback]:
    """Keep a queued record while its work lasts; a run of a study inside takes it for its own.

    Parameters
    ----------
    files : FileStore
        The data root.
    queued : JobRecord
        What `queue_job` wrote.
    progress : callable, optional
        Called with every `Progress` as well.

    Yields
    ------
    callable
        To be called with progress by work that keeps no record itself.
    """
    process, now = os.getpid(), _now()
    mine = replace(queued, state="running", process=process, born=born(process), started=now)
    keeper = _Keeper(files, replace(mine, seen=now), progress)
    keeper.begin()
    token = _CONTINUED.set(keeper)
    try:
        yield keeper
    except KeyboardInterrupt as stop:
        keeper.end("stopped", keeper.stopped or str(stop) or "stopped by whoever asked")
        raise
    except BaseException as error:
        keeper.end("failed", f"{error}" or type(error).__name__)
        raise
    finally:
        _CONTINUED.reset(token)
    keeper.end("finished", None)


@contextmanager
def recorded(
    files: FileStore | None,
    job: Job,
    kind: str,
    through: str,
    progress: ProgressCallback | None,
) -> Iterator[ProgressCallback | None]:
    """Keep the record of a run while it lasts.

    Parameters
    ----------
    files : FileStore, optional
        The data root; without one nothing is recorded.
    job : Job
        What runs.
    kind : str
        ``study``, or which block of it.
    through : str
        What the user asked through, such as ``mc run``.
    progress : callable, optional
        Called with every `Progress` as well.

    Yields
    ------
    callable or None
        To be called with progress.
    """
    if files is None:
        yield progress
        return
    continued = _CONTINUED.get()
    if continued is not None:
        yield continued.told_as(kind, job.simulations, progress)
        return
    now, process = _now(), os.getpid()
    keeper = _Keeper(
        files,
        JobRecord(
            id=_new_id(now),
            kind=kind,
            study=job.study,
            fingerprint=job.fingerprint,
            world=job.world.id,
            cells=len(job.space) * len(job.seeds),
            state="running",
            done=0,
            total=job.simulations,
            failed=0,
            error=None,
            who=f"{_user()}, {through}",
            host=platform.node(),
            process=process,
            born=born(process),
            started=now,
            seen=now,
        ),
        progress,
    )
    keeper.begin()
    try:
        yield keeper
    except KeyboardInterrupt as stop:
        keeper.end("stopped", keeper.stopped or str(stop) or "stopped from the keyboard")
        raise
    except BaseException as error:
        keeper.end("failed", f"{error}" or type(error).__name__)
        raise
    keeper.end("finished", None)


class _Keeper:
    """Writes a record now and then. A run is not ended by a record that cannot be written."""

    def __init__(
        self, files: FileStore, record: JobRecord, progress: ProgressCallback | None
    ) -> None:
        self._files, self._record, self._progress = files, record, progress
        self._written = 0.0
        self.stopped = ""

    def begin(self) -> None:
        with suppress(OSError):
            for key in record_keys(self._files)[: -(_MOST_RECORDS - 1)]:
                self._files.delete(key)
                forget_stop(self._files, key.removeprefix(FOLDER).removesuffix(".json"))
        self._write()

    def __call__(self, now: Progress) -> None:
        self._record = replace(
            self._record, done=now.done, total=now.total, failed=now.failed, seen=_now()
        )
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self._write()
            self._stop_if_asked()
        if self._progress is not None:
            self._progress(now)

    def told_as(self, kind: str, total: int, progress: ProgressCallback | None) -> ProgressCallback:
        """Return what takes the progress of a run inside, of one block beside the blocks before."""
        before = self._record
        blocks = kind.startswith("block ")
        whole = max(before.total, total) if blocks else total

        def told(now: Progress) -> None:
            done = before.done + now.done if blocks else now.done
            failed = before.failed + now.failed if blocks else now.failed
            self(replace(now, done=done, total=whole, failed=failed))
            if progress is not None:
                progress(now)

        return told

    def end(self, state: str, error: str | None) -> None:
        now = _now()
        self._record = replace(self._record, state=state, error=error, seen=now, ended=now)
        self._write()

    def _stop_if_asked(self) -> None:
        """Stop as Ctrl-C does, where somebody asked for it on whichever machine."""
        who = None
        with suppress(OSError):
            who = who_stopped(self._files, self._record.id)
        if who is not None:
            self.stopped = f"stopped by {who}"
            raise KeyboardInterrupt(self.stopped)

    def _write(self) -> None:
        key = f"{FOLDER}{self._record.id}.json"
        with suppress(OSError):
            replace_file(self._files, key, json_bytes(self._record.to_json()))
        self._written = time.monotonic()


_CONTINUED: Final[ContextVar[_Keeper | None]] = ContextVar("_CONTINUED", default=None)


def _new_id(now: datetime.datetime) -> str:
    """Return an id that names a run; ids are in the order of their instants."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody"  # a container without names

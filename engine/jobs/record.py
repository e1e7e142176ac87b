"""Job records: what runs, ran and was killed, written where every face reads it alike.

A run of a study on a data root writes ``jobs/ID.json`` when it begins, every two seconds, and when
it ends. A process that is killed writes nothing any more, so *running* is not believed but asked
for: of the process itself on this machine, elsewhere of how long ago it was heard.
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
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from engine.files import FileStore, as_files
from engine.files.documents import read_json_document
from engine.files.documents import replace as replace_file
from engine.files.reading import DamagedFile
from engine.files.writing import json_bytes
from engine.jobs.job import Job
from engine.jobs.progress import Progress, ProgressCallback

__all__ = ["JobRecord", "read_records", "recorded"]

_FOLDER: Final = "jobs/"
_WRITE_SECONDS: Final = 2.0
# A run on another machine that was not heard for as long is taken for lost.
_SILENT_SECONDS: Final = 120.0
# Older records are deleted when a run begins.
_MOST_RECORDS: Final = 1000


@dataclass(frozen=True)
class JobRecord:
    """A run of a job.

    Parameters
    ----------
    id : str
        Names the run; ids are in the order in which runs began.
    kind : str
        ``study``, or ``block 07`` of one.
    study, fingerprint, world : str
        What runs.
    cells : int
        Parameter sets × seeds.
    state : str
        As it was written: ``running``, ``finished``, ``failed`` or ``stopped`` (from the keyboard).
    done, total : int
        Simulations, those that were found finished included.
    failed : int
        Simulations that failed.
    error : str or None
        Why it failed or stopped.
    who : str
        Who asked, and through what.
    host, process, born : str, int, str
        The process that runs it: its machine, number, and when it began, as that machine counts.
    started, seen : datetime.datetime
        When it began, and when it was last heard.
    ended : datetime.datetime or None
        When it ended.
    """

    id: str
    kind: str
    study: str
    fingerprint: str
    world: str
    cells: int
    state: str
    done: int
    total: int
    failed: int
    error: str | None
    who: str
    host: str
    process: int
    born: str
    started: datetime.datetime
    seen: datetime.datetime
    ended: datetime.datetime | None = None

    @property
    def state_now(self) -> str:
        """State as it is: ``killed`` or ``lost`` where nobody runs it any more.

        *Killed*: its process on this machine is gone. *Lost*: on another machine, it was not heard
        for two minutes.
        """
        if self.state != "running":
            return self.state
        if self.host == platform.node():
            return "running" if _is_alive(self.process, self.born) else "killed"
        silent = (_now() - self.seen).total_seconds()
        return "running" if silent < _SILENT_SECONDS else "lost"

    @property
    def seconds(self) -> float:
        """How long it took, or has taken until it was last heard."""
        return ((self.ended or self.seen) - self.started).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return {
            name: value.isoformat() if isinstance(value, datetime.datetime) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> JobRecord:
        """Read a record back.

        Raises
        ------
        ValueError
            If another version wrote it.
        """
        if set(content) != {item.name for item in fields(cls)}:
            raise ValueError("a record of another version")
        times = {
            name: datetime.datetime.fromisoformat(content[name])
            for name in ("started", "seen", "ended")
            if content[name] is not None
        }
        return cls(**(content | times))


def read_records(root: Path | FileStore) -> tuple[list[JobRecord], list[str]]:
    """Read the records of a data root.

    Parameters
    ----------
    root : Path or FileStore
        The data root.

    Returns
    -------
    records : list of JobRecord
        The newest first.
    damages : list of str
        A sentence about each record that cannot be read.
    """
    files, records, damages = as_files(root), [], []
    for key in reversed(_keys(files)):
        try:
            records.append(JobRecord.from_json(read_json_document(files, key)))
        except FileNotFoundError:
            continue  # deleted meanwhile
        except DamagedFile as damage:
            damages.append(str(damage))
        except (ValueError, TypeError):
            damages.append(f"{key} was written by another version of the engine")
    return records, damages


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
    now, process = _now(), os.getpid()
    keeper = _Keeper(
        files,
        JobRecord(
            id=f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}",
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
            born=_born(process),
            started=now,
            seen=now,
        ),
        progress,
    )
    keeper.begin()
    try:
        yield keeper
    except KeyboardInterrupt as stop:
        keeper.end("stopped", str(stop) or "stopped from the keyboard")
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

    def begin(self) -> None:
        with suppress(OSError):
            for key in _keys(self._files)[: -(_MOST_RECORDS - 1)]:
                self._files.delete(key)
        self._write()

    def __call__(self, now: Progress) -> None:
        self._record = replace(
            self._record, done=now.done, total=now.total, failed=now.failed, seen=_now()
        )
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self._write()
        if self._progress is not None:
            self._progress(now)

    def end(self, state: str, error: str | None) -> None:
        now = _now()
        self._record = replace(self._record, state=state, error=error, seen=now, ended=now)
        self._write()

    def _write(self) -> None:
        key = f"{_FOLDER}{self._record.id}.json"
        with suppress(OSError):
            replace_file(self._files, key, json_bytes(self._record.to_json()))
        self._written = time.monotonic()


def _keys(files: FileStore) -> list[str]:
    return [key for key in files.list(_FOLDER) if key.endswith(".json")]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody"  # a container without names


def _is_alive(process: int, born: str) -> bool:
    if born:
        return _born(process) == born
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


def _born(process: int) -> str:
    """When a process began, as Linux counts; empty where it cannot be told or there is none.

    Numbers of processes come again, also after a restart of the machine.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state == "Z" else f"{boot}/{rest[18]}"

"""Job records: what runs, ran and was killed, written where every face reads it alike.

A run of a study on a data root writes ``jobs/ID.json`` when it begins, every two seconds, and when
it ends. A process that is killed writes nothing any more, so *running* is not believed but asked
for: of the process itself on this machine, elsewhere of how long ago it was heard.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from engine.files import FileStore, as_files
from engine.files.documents import read_json_document
from engine.files.reading import DamagedFile
from engine.files.roots import Root
from engine.jobs.processes import is_alive

__all__ = ["FOLDER", "JobRecord", "read_record", "read_records", "record_keys"]

#: Where they lie under a data root.
FOLDER: Final = "jobs/"
# A run on another machine that was not heard for as long is taken for lost.
_SILENT_SECONDS: Final = 120.0
_MOST_ENDED: Final = 4096
_ENDED: Final[dict[tuple[str, int, int, int], JobRecord]] = {}
_ID: Final = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}")


@dataclass(frozen=True)
class JobRecord:
    """A run of a job.

    Parameters
    ----------
    id : str
        Names the run; ids are in the order in which runs began.
    kind : str
        ``study``, or ``block 07`` of one; of what `mc serve` began ``backtest``, ``search``,
        ``walk-forward`` or ``panel``, too.
    study, fingerprint, world : str
        What runs.
    cells : int
        Parameter sets × seeds.
    state : str
        As it was written: ``queued``, ``running``, ``finished``, ``failed`` or ``stopped`` (by
        whoever asked).
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
        if self.state not in ("queued", "running"):
            return self.state
        if self.host == platform.node():
            return self.state if is_alive(self.process, self.born) else "killed"
        silent = (datetime.datetime.now(datetime.UTC) - self.seen).total_seconds()
        return self.state if silent < _SILENT_SECONDS else "lost"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether its process is one of this machine."""
        return self.host == platform.node()

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


def read_records(root: Root) -> tuple[list[JobRecord], list[str]]:
    """Read the records of a data root.

    Parameters
    ----------
    root : path, address or FileStore
        The data root.

    Returns
    -------
    records : list of JobRecord
        The newest first.
    damages : list of str
        A sentence about each record that cannot be read.
    """
    files, records, damages = as_files(root), [], []
    for key in reversed(record_keys(files)):
        try:
            records.append(_record(files, key))
        except FileNotFoundError:
            continue  # deleted meanwhile
        except DamagedFile as damage:
            damages.append(str(damage))
        except (ValueError, TypeError):
            damages.append(f"{key} was written by another version of the engine")
    return records, damages


def read_record(root: Path | FileStore, job: str) -> JobRecord | None:
    """Read one record; None where there is none of that id, or it cannot be read.

    Parameters
    ----------
    root : Path or FileStore
        The data root.
    job : str
        Its id: nothing else is looked up.
    """
    if not _ID.fullmatch(job):
        return None
    try:
        return JobRecord.from_json(read_json_document(as_files(root), f"{FOLDER}{job}.json"))
    except (FileNotFoundError, DamagedFile, ValueError, TypeError):
        return None


def _record(files: FileStore, key: str) -> JobRecord:
    """Read one record; one that has ended is not read again for as long as its file is the same."""
    state = None
    if files.address is not None and "://" not in files.address:
        file = os.path.join(files.address, key)
        status = os.stat(file)
        state = (file, status.st_ino, status.st_mtime_ns, status.st_size)
        if state in _ENDED:
            return _ENDED[state]
    record = JobRecord.from_json(read_json_document(files, key))
    if state is not None and record.ended is not None:
        while len(_ENDED) >= _MOST_ENDED:
            _ENDED.pop(next(iter(_ENDED), state), None)
        _ENDED[state] = record
    return record


def record_keys(files: FileStore) -> list[str]:
    """Return the keys of the records of a data root, the oldest first."""
    return [key for key in files.list(FOLDER) if key.endswith(".json")]

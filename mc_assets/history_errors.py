"""Failures of Dagster's database, which lies in the data folder, in one sentence."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

__all__ = ["history_errors"]

# What the system says of a file that cannot be written, and SQLite of its database.
_OF_FILES: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "a file would be larger than allowed",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "the folder cannot be written",
}
# What SQLite says of the disk. Anything else it says is a bug and keeps its traceback.
_OF_THE_DISK: Final = {
    "disk is full": "the disk is full",
    "disk I/O error": "the disk is full or broken",
    "readonly database": "the file system is read-only",
    "unable to open database file": "the folder cannot be written",
    "malformed": "a database is damaged: move the folder away, the next run makes a new one",
    "not a database": "a database is damaged: move the folder away, the next run makes a new one",
}


@contextmanager
def history_errors(home: Path) -> Iterator[None]:
    """Raise an `OSError` with one sentence where Dagster's database fails for want of a disk.

    Parameters
    ----------
    home : Path
        The Dagster home.
    """
    try:
        with contextlib.redirect_stderr(_WithoutNotes(sys.stderr)):
            yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise OSError(
            f"cannot write Dagster's history in {home}: {reason}; bars and results that were "
            "stored before are intact, run the same command again to go on from them"
        ) from None


class _WithoutNotes:
    """Standard error without what Dagster writes there before it raises the same error."""

    _NOTES = ("Exception while storing event batch", "Exception while writing logger call")
    _MORE = "Falling back to storing multiple single-event storage requests"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        of_the_disk = text.startswith(self._NOTES) and any(said in text for said in _OF_THE_DISK)
        if of_the_disk or text.startswith(self._MORE):
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _reason(error: BaseException) -> str | None:
    """Look for what SQLite or the system says in an exception and in those that it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, OSError) and found.errno in _OF_FILES:
            return _OF_FILES[found.errno]
        if isinstance(found, sqlite3.Error):
            words = (reason for text, reason in _OF_THE_DISK.items() if text in str(found))
            return next(words, None)
        waiting += [found.__cause__, found.__context__, getattr(found, "orig", None)]
    return None

"""Errors that end a run; each says what is kept of it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

__all__ = [
    "StorageError",
    "StudyFailed",
    "StudyInterrupted",
    "WorkerLost",
    "clear_errors",
    "failure_text",
    "storage_reason",
]


class StorageError(OSError):
    """Results could not be written; the parts finished before are intact."""

    def __str__(self) -> str:
        return str(self.strerror)  # without the number of the error


@contextmanager
def clear_errors(path: PurePath) -> Iterator[None]:
    """Say which file could not be written, and why, in place of the system's error.

    Raises
    ------
    StorageError
        Where the system refused.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            error.errno,
            f"cannot write {path}: {storage_reason(error)}; parts finished before are intact, "
            "run the study again to go on from them",
        ) from error


def storage_reason(error: OSError) -> str:
    """Say in words why a file could not be written."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
    }
    return reasons.get(error.errno or 0) or error.strerror or str(error)


class StudyFailed(RuntimeError):
    """More simulations failed than the study allows; everything that succeeded is kept."""


def failure_text(study: str, failed: int, rows: int, allowance: float, error: str | None) -> str:
    """Say how many simulations of a study failed, and the first error."""
    return (
        f"study {study}: {failed:,} of {rows:,} simulations failed, allowed {allowance:.1%}; "
        f"the first error: {error}; what succeeded is kept"
    )


class WorkerLost(StudyFailed):
    """A worker that ran parts died; the parts finished before are intact."""


class StudyInterrupted(KeyboardInterrupt):
    """The study was stopped from the keyboard; finished parts are kept."""

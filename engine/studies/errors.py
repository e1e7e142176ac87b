"""Errors a reader of a study file can act on."""

from __future__ import annotations

import errno
from pathlib import Path

__all__ = [
    "ConfigurationError",
    "StorageError",
    "StudyFailed",
    "StudyInterrupted",
    "failure_text",
    "storage_reason",
]


class ConfigurationError(ValueError):
    """A setting that cannot be used: says where it stands, what was found, what is allowed.

    Parameters
    ----------
    field : str
        Dotted name of the setting, as written in the file.
    found : str
        What stands there.
    allowed : str
        What may stand there.
    file : Path, optional
        The file; settings given from Python have none.
    """

    def __init__(self, field: str, found: str, allowed: str, file: Path | None = None) -> None:
        self.field = field
        self.found = found
        self.allowed = allowed
        self.file = file
        where = f"{file}: " if file is not None else ""
        super().__init__(f"{where}{field}: found {found}, allowed {allowed}")

    def in_file(self, file: Path) -> ConfigurationError:
        """Return the same error, naming the file as well."""
        return ConfigurationError(self.field, self.found, self.allowed, self.file or file)


class StorageError(OSError):
    """Results could not be written; the parts finished before are intact."""

    def __str__(self) -> str:
        return str(self.strerror)  # without the number of the error


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


class StudyInterrupted(KeyboardInterrupt):
    """The study was stopped from the keyboard; finished parts are kept."""

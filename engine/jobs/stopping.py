"""Asking a job to stop, wherever its process runs: a file beside its record, which it looks for."""

from __future__ import annotations

from engine.files import FileStore
from engine.jobs.record import FOLDER

__all__ = ["ask_to_stop", "forget_stop", "who_stopped"]


def ask_to_stop(files: FileStore, job: str, who: str) -> None:
    """Ask the process of a job to stop; it looks when it writes its record, every two seconds.

    Parameters
    ----------
    files : FileStore
        The data root.
    job : str
        Id of its record.
    who : str
        Who asks, such as ``key desk``; the first of several is kept.
    """
    files.put_new(_key(job), who.encode())


def who_stopped(files: FileStore, job: str) -> str | None:
    """Return who asked a job to stop; None where nobody did."""
    try:
        return files.get(_key(job)).decode()
    except FileNotFoundError:
        return None


def forget_stop(files: FileStore, job: str) -> None:
    """Delete what asked a job to stop, with its record."""
    files.delete(_key(job))


def _key(job: str) -> str:
    return f"{FOLDER}{job}.stop"

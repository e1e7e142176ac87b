"""Stopping a job: what has finished of it is kept."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from engine.errors import Refusal
from engine.files import write_whole
from engine.jobs.record import JobRecord, read_record
from mc_assets.project import Project

__all__ = ["cancel_job", "check_stopped", "stopped_by"]


def cancel_job(project: Project, job: JobRecord, key: str) -> bool:
    """Ask the process of a job to stop, as Ctrl-C does.

    The marker is written before the state is read, and a process looks for it after it has written
    that it runs: one of the two sees the other.

    Parameters
    ----------
    project : Project
        Where everything lies.
    job : JobRecord
        As it was read.
    key : str
        Name of the key that asks.

    Returns
    -------
    bool
        Whether it was asked; False where the job had ended.

    Raises
    ------
    Refusal
        If it runs on another machine.
    """
    if job.state_now not in ("queued", "running"):
        return False
    if not job.is_on_this_machine:
        raise Refusal("job", f"runs on {job.host}", hint=f"ask a service on {job.host} to stop it")
    marker = _marker(project, job.id)
    marker.parent.mkdir(parents=True, exist_ok=True)
    write_whole(marker, key.encode())
    # A process that still begins or waits looks for the marker; it would die of the signal.
    now = read_record(project.data, job.id)
    if now is not None and now.state_now == "running":
        with suppress(ProcessLookupError):
            _interrupt(now)
    return True


def check_stopped(project: Project, job: str) -> None:
    """Raise `KeyboardInterrupt` if a job was stopped before its process could be interrupted."""
    who = stopped_by(project, job)
    if who is not None:
        raise KeyboardInterrupt(f"stopped by key {who}")


def stopped_by(project: Project, job: str) -> str | None:
    """Return the name of the key that stopped a job; None where none did."""
    try:
        return _marker(project, job).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _interrupt(job: JobRecord) -> None:
    """Interrupt the very process of the record, and none that has its number since."""
    handle = os.pidfd_open(job.process)
    try:
        if job.state_now == "running":
            signal.pidfd_send_signal(handle, signal.SIGINT)
    finally:
        os.close(handle)


def _marker(project: Project, job: str) -> Path:
    return project.data / "service" / "stopped" / job

"""Stopping a job: what has finished of it is kept."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from engine.files import as_files
from engine.jobs.record import JobRecord, read_record
from engine.jobs.stopping import ask_to_stop, who_stopped
from mc_assets.project import Project

__all__ = ["cancel_job", "check_stopped", "stopped_by"]


def cancel_job(project: Project, job: JobRecord, key: str) -> bool:
    """Ask the process of a job to stop, as Ctrl-C does.

    The request is written before the state is read, and a process looks for it after it has written
    that it runs: one of the two sees the other. A process of another machine looks for it when it
    writes its record; one of this machine is interrupted as well, and stops at once.

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
    """
    if job.state_now not in ("queued", "running"):
        return False
    ask_to_stop(as_files(project.data), job.id, f"key {key}")
    # A process that still begins or waits looks for the request; it would die of the signal.
    now = read_record(project.data, job.id)
    if now is not None and now.is_on_this_machine and now.state_now == "running":
        with suppress(ProcessLookupError):
            _interrupt(now)
    return True


def check_stopped(project: Project, job: str) -> None:
    """Raise `KeyboardInterrupt` if a job was stopped before its process could be interrupted."""
    who = stopped_by(project, job)
    if who is not None:
        raise KeyboardInterrupt(f"stopped by {who}")


def stopped_by(project: Project, job: str) -> str | None:
    """Return who stopped a job, such as ``key desk``; None where nobody did."""
    return who_stopped(as_files(project.data), job)


def _interrupt(job: JobRecord) -> None:
    """Interrupt the very process of the record, and none that has its number since."""
    handle = os.pidfd_open(job.process)
    try:
        if job.state_now == "running":
            signal.pidfd_send_signal(handle, signal.SIGINT)
    finally:
        os.close(handle)

"""Processes of this machine: whether one that was written down still is that one."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["born", "is_alive"]


def is_alive(process: int, since: str) -> bool:
    """Whether a process that began then, as `born` says it, still runs."""
    if since:
        return born(process) == since
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


def born(process: int) -> str:
    """Return when a process began, as Linux counts; empty if it cannot be told or there is none.

    Numbers of processes come again, also after a restart of the machine.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state == "Z" else f"{boot}/{rest[18]}"

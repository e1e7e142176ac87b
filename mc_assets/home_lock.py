"""Who uses a Dagster home: every process that has its instance open holds a shared lock on it.

The lock ends with the process, however it ends, so whether anybody still works there is asked of
the operating system and never assumed. One file descriptor serves a whole process, because two of
them would lock each other out.
"""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import dataclass
from pathlib import Path

__all__ = ["adopt", "descriptor", "hold", "is_in_use", "release", "share", "take"]

_FILE = ".in_use"


@dataclass
class _Held:
    descriptor: int
    users: int = 1


_held: dict[Path, _Held] = {}
_guard = threading.Lock()


def take(home: Path) -> bool:
    """Become a user of a home, alone if nobody else is one.

    Parameters
    ----------
    home : Path
        An existing folder.

    Returns
    -------
    bool
        Whether this process is alone there; nobody else becomes a user before `share`.
    """
    with _guard:
        if home in _held:
            _held[home].users += 1
            return False
        opened = _opened(home)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(opened, fcntl.LOCK_SH)
            alone = False
        else:
            alone = True
        _held[home] = _Held(opened)
        return alone


def share(home: Path) -> None:
    """Let others become users beside this process."""
    with _guard:
        fcntl.flock(_held[home].descriptor, fcntl.LOCK_SH)


def hold(home: Path) -> None:
    """Become a user of a home beside the others; waits while one is alone."""
    with _guard:
        if home in _held:
            _held[home].users += 1
            return
        opened = _opened(home)
        fcntl.flock(opened, fcntl.LOCK_SH)
        _held[home] = _Held(opened)


def adopt(home: Path, inherited: int) -> None:
    """Be the user of a home that the process is whose descriptor this one inherited."""
    with _guard:
        _held[home] = _Held(inherited)


def release(home: Path) -> None:
    """Take back one `take` or `hold`; with the last, this process is no user any more."""
    with _guard:
        held = _held[home]
        held.users -= 1
        if held.users == 0:
            os.close(held.descriptor)
            del _held[home]


def descriptor(home: Path) -> int:
    """Return the descriptor of the lock: a child that inherits it is a user as long as it lives."""
    with _guard:
        return _held[home].descriptor


def is_in_use(home: Path) -> bool:
    """Whether any process, this one or another, is a user of a home now; it need not exist."""
    with _guard:
        if home in _held:
            return True
        try:
            opened = os.open(home / _FILE, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(opened)
        return False


def _opened(home: Path) -> int:
    return os.open(home / _FILE, os.O_RDWR | os.O_CREAT, 0o644)

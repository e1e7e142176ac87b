"""How often and how much at once each key may ask, of all web workers of a data folder together."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Limiter", "TooMany"]

# A key's file is eight bytes long: when its bucket was, or will be, full again. Behind them nothing
# is stored, only locked: a byte for each request that runs, and one for whoever changes the eight.
_FULL_AT: Final = struct.Struct("<d")
_CHANGING: Final = _FULL_AT.size
_FIRST_SLOT: Final = 64


class TooMany(Exception):
    """A key that asks too often, or too much at once.

    Attributes
    ----------
    seconds : int
        When to ask again.
    """

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = max(1, int(seconds + 0.999))


@dataclass
class _Open:
    """A key's file as this process has it open, and which slots it has."""

    handle: int
    slots: set[int] = field(default_factory=set)


class Limiter:
    """A bucket of tokens for each key, and a count of what it has running.

    Both are kept in a file of the key under the data folder, so that several web workers of the
    same limits allow no more than one. A request that runs is a locked byte: a worker that is
    killed leaves none behind.

    Parameters
    ----------
    folder : Path
        Where the files lie; made when the first is.
    per_second : float
        Tokens that come each second; a bucket holds those of two.
    concurrent : int
        Requests that may run at once.
    clock : callable
        Seconds, the same for all workers.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> limiter = Limiter(folder, per_second=1.0, concurrent=5, clock=lambda: 100.0)
    >>> limiter.enter("desk"), limiter.enter("desk")
    (0, 1)
    >>> Limiter(folder, per_second=1.0, concurrent=5, clock=lambda: 100.0).enter("desk")
    Traceback (most recent call last):
    ...
    mc_assets.service.limits.TooMany: more than 1 requests a second
    """

    def __init__(
        self,
        folder: Path,
        per_second: float,
        concurrent: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._rate, self._most = per_second, concurrent
        self._clock = clock
        self._files: dict[str, _Open] = {}
        self._guard = threading.Lock()

    def enter(self, key: str) -> int:
        """Begin a request.

        Returns
        -------
        int
            Its slot, which `leave` gives back.

        Raises
        ------
        TooMany
            If the key has no token left, or as many running as it may.
        OSError
            If the data folder cannot be written.
        """
        with self._guard:
            file = self._file(key)
            slot = self._free_slot(file)
            if slot is None:
                raise TooMany(f"more than {self._most:,} requests at once", 1.0)
            try:
                self._take_token(file)
            except BaseException:
                self._give_back(file, slot)
                raise
        return slot

    def leave(self, key: str, slot: int) -> None:
        """End the request that has a slot."""
        with self._guard:
            self._give_back(self._file(key), slot)

    def _file(self, key: str) -> _Open:
        found = self._files.get(key)
        if found is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(f"{self._rate} {self._most} {key}".encode()).hexdigest()[:16]
            handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            found = self._files[key] = _Open(handle)
        return found

    def _free_slot(self, file: _Open) -> int | None:
        """Lock a byte that no request has, of this process or another."""
        for slot in range(self._most):
            if slot not in file.slots and _lock(file.handle, _FIRST_SLOT + slot, wait=False):
                file.slots.add(slot)
                return slot
        return None

    def _give_back(self, file: _Open, slot: int) -> None:
        file.slots.discard(slot)
        _unlock(file.handle, _FIRST_SLOT + slot)

    def _take_token(self, file: _Open) -> None:
        """Move on when the bucket is full again; refuse where that is farther off than it is deep.

        A clock that was set back empties a bucket at most.
        """
        token, deep = 1.0 / self._rate, max(2.0, 1.0 / self._rate)
        with _changing(file.handle):
            now = self._clock()
            stored = os.pread(file.handle, _FULL_AT.size, 0)
            known = len(stored) == _FULL_AT.size
            full_at = _FULL_AT.unpack(stored)[0] if known else now
            full_at = min(max(full_at, now), now + deep)
            late = full_at + token - now - deep
            allowed = late <= deep * 1e-9
            os.pwrite(file.handle, _FULL_AT.pack(full_at + token if allowed else full_at), 0)
        if not allowed:
            raise TooMany(f"more than {self._rate:g} requests a second", late)


@contextmanager
def _changing(handle: int) -> Iterator[None]:
    _lock(handle, _CHANGING, wait=True)
    try:
        yield
    finally:
        _unlock(handle, _CHANGING)


# The kernel's `struct flock`: kind, from where, start, length, process.
_FLOCK: Final = struct.Struct("hhqqi0q")


def _lock(handle: int, byte: int, *, wait: bool) -> bool:
    """Lock a byte for this opening of a file; whether it was free, unless one waits for that."""
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    try:
        fcntl.fcntl(handle, command, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except BlockingIOError:
        return False
    return True


def _unlock(handle: int, byte: int) -> None:
    wanted = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0)
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, wanted)

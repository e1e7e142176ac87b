"""Where the files of a data root lie: five verbs over relative keys.

A key is a relative path with forward slashes. What writes parts, manifests and the trial ledger
asks for nothing else, so that a folder, memory or an object store serve it alike.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from engine.errors import Refusal
from engine.files import writing

__all__ = ["FileStore", "LocalFiles", "MemoryFiles", "checked_key"]

# Nobody writes a file for as long.
_STALE_SECONDS: Final = 3600.0


@runtime_checkable
class FileStore(Protocol):
    """Files under a root, by their keys.

    Attributes
    ----------
    address : str or None
        The root as other programs spell it, such as a folder's path; None where they cannot reach
        it.
    """

    @property
    def address(self) -> str | None:
        """The root as other programs spell it."""

    def put_new(self, key: str, content: bytes) -> bool:
        """Write a file whole, unless there is one.

        Returns
        -------
        bool
            Whether it was written: False where a file stands, which stays as it is. Of several
            writers at once one is told True; a reader sees all of the file or none.
        """

    def get(self, key: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, sorted; files being written are none."""

    def delete(self, key: str) -> None:
        """Delete a file, if there is one."""

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, fewer where the file ends.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """


class LocalFiles:
    """A folder.

    Parameters
    ----------
    root : Path
        The folder; made when the first file is written.
    durable : bool
        Whether a new file is on the disk before it counts as written, so that a failure of power
        takes none that somebody has acted on. It costs milliseconds a file.

    Examples
    --------
    >>> import tempfile
    >>> files = LocalFiles(Path(tempfile.mkdtemp()))
    >>> files.put_new("ledger/a.json", b"1"), files.put_new("ledger/a.json", b"2")
    (True, False)
    >>> files.get("ledger/a.json"), files.list("ledger/")
    (b'1', ['ledger/a.json'])
    """

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self.root = root
        self.durable = durable

    @property
    def address(self) -> str | None:
        """Path of the folder."""
        return os.fspath(self.root)

    def path(self, key: str) -> Path:
        """Return the path of a file."""
        return self.root / checked_key(key)

    def put_new(self, key: str, content: bytes) -> bool:
        """Write a file whole, unless there is one."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = writing.write_new(path, content, durable=self.durable)
        if written and self.durable:
            # A new folder's own name is in the folder above it.
            for folder in path.parents[: len(path.relative_to(self.root).parts)]:
                writing.flush_folder(folder)
        return written

    def replace(self, key: str, content: bytes) -> None:
        """Put a file in place of another, in one step (`engine.files.documents.replace`)."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write_whole(path, content)

    def get(self, key: str) -> bytes:
        """Return the content of a file."""
        return self.path(key).read_bytes()

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        folder = self.root / prefix.rpartition("/")[0]
        start = len(os.fspath(self.root)) + 1
        found = []
        for where, _, names in os.walk(folder):
            for name in names:
                key = os.path.join(where, name)[start:].replace(os.sep, "/")
                if key.startswith(prefix) and not _is_temporary(name):
                    found.append(key)
        return sorted(found)

    def delete(self, key: str) -> None:
        """Delete a file, if there is one."""
        self.path(key).unlink(missing_ok=True)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`."""
        with self.path(key).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def state(self, key: str) -> tuple[int, float]:
        """Return size in bytes and age in seconds of a file (`engine.files.documents.state_of`)."""
        found = self.path(key).stat()
        return found.st_size, time.time() - found.st_mtime

    def tidy(self, prefix: str) -> None:
        """Remove the folders under a folder that are empty."""
        for where, _, _ in os.walk(self.root / prefix, topdown=False):
            if Path(where) != self.root / prefix and not os.listdir(where):
                with contextlib.suppress(OSError):  # another process has just filled it
                    os.rmdir(where)

    def sweep(self, prefix: str) -> None:
        """Delete temporary files that a killed process left behind long ago."""
        for path in (self.root / prefix).rglob(".*.tmp"):
            try:
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process swept it


class MemoryFiles:
    """Files in the memory of this process, for tests and for what needs no disk.

    Examples
    --------
    >>> files = MemoryFiles()
    >>> files.put_new("a", b"some text"), files.read_range("a", 5, 3)
    (True, b'tex')
    """

    address: str | None = None

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put_new(self, key: str, content: bytes) -> bool:
        """Keep a file, unless there is one."""
        with self._lock:
            if checked_key(key) in self._files:
                return False
            self._files[key] = bytes(content)
        return True

    def get(self, key: str) -> bytes:
        """Return the content of a file."""
        try:
            return self._files[checked_key(key)]
        except KeyError:
            raise FileNotFoundError(key) from None

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        with self._lock:
            return sorted(key for key in self._files if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Forget a file, if there is one."""
        with self._lock:
            self._files.pop(checked_key(key), None)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`."""
        return self.get(key)[start : start + length]


def checked_key(key: str) -> str:
    """Return a key as it is.

    Raises
    ------
    Refusal
        If it leads out of the root, or is that of a file being written.
    """
    parts = key.split("/")
    if "\\" in key or any(part in ("", ".", "..") for part in parts) or _is_temporary(parts[-1]):
        raise Refusal("key", repr(key), "a relative path such as 'ledger/WORLD/PART.parquet'")
    return key


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")

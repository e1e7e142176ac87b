"""Which files were found whole, so that each is read for its checksum once.

A file is known again by its size, its times of change and its inode: whoever writes to it changes
one of them. What was found is remembered in this process and, for the next one, in one small file
of the data root, to which lines are only ever added. A line that was cut short, or damaged, matches
no file, and that file is read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

from engine.files.seal import is_whole_file

__all__ = ["MEMORY", "VerifiedFiles", "verified_files"]

#: The memory's name under the data root.
MEMORY: Final = ".verified.jsonl"

# A file that changed a moment ago may change again without showing it in its times.
_SETTLED_SECONDS: Final = 2.0
_SEALED: Final = "sealed"
# The memory is rewritten where fewer than one in this many of its lines is still in use.
_STALE_LINES: Final = 4
_FEW_LINES: Final = 1000


class VerifiedFiles:
    """The files of a data root that are known to be whole.

    Parameters
    ----------
    root : Path
        The data root.
    remember : bool
        Whether to believe what was found before, and to write down what is found now.
    """

    def __init__(self, root: Path, *, remember: bool = True) -> None:
        self._root = root
        self._remember = remember
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, str]] | None = None

    def damage(self, path: Path, checksum: str | None = None) -> str | None:
        """Say what is wrong with a file; None where it is whole.

        Parameters
        ----------
        path : Path
            The file.
        checksum : str, optional
            Its SHA-256, where another file says it; otherwise the file must be sealed
            (`engine.files.seal`).

        Returns
        -------
        str or None
            Words that follow the file's name, such as ``is missing``.
        """
        return self.damages([(path, checksum)])[0]

    def damages(self, files: Iterable[tuple[Path, str | None]]) -> list[str | None]:
        """Say what is wrong with each of some files, as `damage`."""
        files = list(files)
        found: list[str | None] = [None] * len(files)
        unknown: list[int] = []
        known = self._memory()
        for number, (path, checksum) in enumerate(files):
            try:
                state = _state(os.stat(path))
            except FileNotFoundError:
                found[number] = "is missing"
            except OSError as error:
                found[number] = f"is damaged: it cannot be read ({error.strerror})"
            else:
                if known.get(self._name(path)) != (state, checksum or _SEALED):
                    unknown.append(number)
        if not unknown:
            return found
        asked = [files[number] for number in unknown]
        with ThreadPoolExecutor(max_workers=min(len(asked), os.cpu_count() or 1)) as pool:
            looked = list(pool.map(lambda file: _look(*file), asked))
        whole = {}
        for number, (reason, settled) in zip(unknown, looked, strict=True):
            found[number] = reason
            if settled is not None:
                path, checksum = files[number]
                whole[self._name(path)] = (settled, checksum or _SEALED)
        self._add(whole)
        return found

    def _name(self, path: Path) -> str:
        text = os.fspath(path)
        return text.removeprefix(f"{self._root}{os.sep}")

    def _memory(self) -> dict[str, tuple[str, str]]:
        with self._lock:
            if self._known is None:
                self._known = _read_memory(self._root / MEMORY) if self._remember else {}
            return self._known

    def _add(self, whole: dict[str, tuple[str, str]]) -> None:
        if not whole or not self._remember:
            return
        with self._lock:
            assert self._known is not None
            self._known |= whole
            try:
                with (self._root / MEMORY).open("a", encoding="utf-8") as file:
                    file.write(_lines(whole))
            except OSError:
                pass  # a full or read-only disk costs time, not the answer


@cache
def verified_files(root: Path) -> VerifiedFiles:
    """Return what is known of the files of a data root in this process."""
    return VerifiedFiles(root)


def _look(path: Path, checksum: str | None) -> tuple[str | None, str | None]:
    """Read a file: what is wrong with it, and the state by which it is known again, if any."""
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if checksum is not None:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                whole: bool | None = found == checksum
            else:
                whole = is_whole_file(file)
    except FileNotFoundError:
        return "is missing", None
    except OSError as error:
        return f"is damaged: it cannot be read ({error.strerror})", None
    if whole is None:
        return "is damaged: it has no checksum", None
    if not whole:
        return "is damaged: it does not match its checksum", None
    settled = time.time() - max(before.st_mtime, before.st_ctime) > _SETTLED_SECONDS
    return None, _state(before) if settled else None


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _lines(entries: dict[str, tuple[str, str]]) -> str:
    return "".join(json.dumps([name, *entry]) + "\n" for name, entry in entries.items())


def _read_memory(path: Path) -> dict[str, tuple[str, str]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    known: dict[str, tuple[str, str]] = {}
    for line in lines:
        try:
            name, state, checksum = json.loads(line)
        except (ValueError, TypeError):
            continue  # cut short by a kill
        known[str(name)] = (state, checksum)
    if len(lines) > _FEW_LINES and len(lines) > _STALE_LINES * len(known):
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(_lines(known), encoding="utf-8")
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
    return known

"""Receipts of finished steps: what went in and what lay there afterwards, so nothing is redone.

A step is *current* where its settings, the content of the files that it takes in, the code of this
project and all that it read and wrote lie as they did when it last ended well. Of what a step
wrote, size and time of change count, since nothing but this project writes there; `mc verify` reads
what they hold. Whatever is in doubt makes a step run again, which finds its work done.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from engine.home import shipped

__all__ = ["Needs", "Receipts"]

# Packages whose versions may change what is written.
_PACKAGES: Final = ("dagster", "duckdb", "numba", "numpy", "plotly", "polars", "pyarrow", "scipy")


@dataclass(frozen=True)
class Needs:
    """What a step depends on and what it makes.

    Parameters
    ----------
    name : str
        Name of the receipt.
    settings : str
        What it is told, as text.
    given : tuple of Path
        Files from outside, which count by their content.
    read, written : tuple of Path
        Files and folders that it reads and writes, which count by size and time of change.
    """

    name: str
    settings: str = ""
    given: tuple[Path, ...] = ()
    read: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()


class Receipts:
    """Receipts of a data folder.

    Parameters
    ----------
    data : Path
        The data folder; receipts lie in ``receipts.json``.
    forget : bool
        Begin without those that were kept.
    """

    def __init__(self, data: Path, *, forget: bool = False) -> None:
        self._file = data / "receipts.json"
        self._kept: dict[str, str] = {} if forget else _read(self._file)

    def is_current(self, needs: Needs | None) -> bool:
        """Return whether a step would do again what is done; without needs it always might."""
        return needs is not None and self._kept.get(needs.name) == _signature(
            self.before(needs), needs
        )

    def before(self, needs: Needs) -> str:
        """Return what a step takes in, to be asked before it runs."""
        digest = hashlib.sha256()
        for text in (_code(), needs.settings, *map(_content, needs.given)):
            digest.update(f"{len(text)} {text}\n".encode())
        for line in _listing(needs.read):
            digest.update(line.encode())
        return digest.hexdigest()

    def keep(self, needs: Needs, before: str) -> None:
        """Write down that a step has ended well.

        Parameters
        ----------
        needs : Needs
            As they are now: a step decides where some of what it writes lies.
        before : str
            What `before` returned when it began.
        """
        from engine.files import write_whole

        self._kept[needs.name] = _signature(before, needs)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # A receipt saves time and is nothing more: without it the step runs again.
        with suppress(OSError):
            write_whole(self._file, json.dumps(self._kept, indent=1).encode())


def _signature(before: str, needs: Needs) -> str:
    digest = hashlib.sha256(before.encode())
    for line in _listing(needs.written):
        digest.update(line.encode())
    return digest.hexdigest()


def _read(file: Path) -> dict[str, str]:
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(file: Path) -> str:
    """Hash of a file's content; of one that cannot be read, that it cannot."""
    try:
        with file.open("rb") as stream:
            return f"{file} {hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        return f"{file} {error.strerror}"


def _listing(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a line per file under some paths: its name, size and time of change."""
    for path in paths:
        if not path.is_dir():
            yield _line(path)
            continue
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                if not name.startswith("."):
                    yield _line(Path(folder, name))


def _line(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return f"{file} none\n"
    return f"{file} {found.st_size} {found.st_mtime_ns}\n"


@cache
def _code() -> str:
    """Hash of what this project's code is: its files by size and time, and what it stands on."""
    packages = [Path(str(resources.files(package))) for package in ("engine", "mc_assets")]
    digest = hashlib.sha256(sys.version.encode())
    for name in _PACKAGES:
        digest.update(f"{name} {version(name)}".encode())
    for line in _listing((*packages, shipped("mc_assets", "sql"), shipped("engine", "seeds"))):
        if "__pycache__" not in line:
            digest.update(line.encode())
    return digest.hexdigest()

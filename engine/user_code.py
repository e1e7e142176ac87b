"""A user's Python files: imported by their place, and found again in another process.

A file may import others that lie beside it. Nothing comes from Python's bytecode cache, which
takes an edit within the same second for no edit.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import linecache
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.errors import Refusal

__all__ = ["files_of", "import_user_file", "user_files"]

_PREFIX = "mc_user_"
# Content of the files that were imported, by module name: a file loads again if it changed.
_LOADED: dict[str, str] = {}
# The files beside it that each module imported, and the names these go by.
_BESIDE: dict[str, tuple[Path, ...]] = {}
_BESIDE_NAMES: set[str] = set()


def user_files(path: Path) -> list[Path]:
    """Return the file at `path`, or the ``.py`` files of the folder there.

    Raises
    ------
    ValueError
        If there is neither.
    """
    if not path.exists():
        raise Refusal("user file", f"no {path}", "an existing .py file or folder")
    return sorted(path.glob("*.py")) if path.is_dir() else [path]


def import_user_file(file: Path, content: str | None = None) -> ModuleType:
    """Import a file as a module of its own; once, unless it or one it imports beside it changed.

    Parameters
    ----------
    file : Path
        A Python file.
    content : str, optional
        SHA-256 that the file, and those it imports from its folder, must have.

    Raises
    ------
    ValueError
        If it cannot be imported, or is not the file that was meant; names the line where the
        syntax is wrong.
    """
    # Named by the place, so that two files of one name stay apart.
    key = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    name = f"{_PREFIX}{file.stem}_{key}"
    changed = f"{file}: found other code than the study was resolved with"
    if name in _LOADED and _digest(file, _BESIDE[name]) == _LOADED[name]:
        if content not in (None, _LOADED[name]):
            raise ValueError(changed)
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file, loader=_Source(name, str(file)))
    if spec is None or spec.loader is None:
        raise Refusal("user file", str(file), "a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with _folder_open(file.resolve().parent) as beside:
            spec.loader.exec_module(module)
        found = _digest(file, beside)
        if content not in (None, found):
            raise ValueError(changed)
    except BaseException as error:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        if isinstance(error, SyntaxError):
            raise ValueError(
                f"{error.filename or file}, line {error.lineno}: {error.msg}"
            ) from error
        if isinstance(error, ValueError) or not isinstance(error, Exception):
            raise
        raise ValueError(f"{file}: {type(error).__name__} on import: {error}") from error
    _LOADED[name], _BESIDE[name] = found, tuple(beside)
    return module


class _Source(SourceFileLoader):
    """Compiles the text as it is now: without a modification time there is no bytecode cache.

    The text is kept beside the code, so that an edit of the file leaves errors and hashes to the
    code that runs.
    """

    def path_stats(self, path: Any) -> Any:
        raise OSError(f"{path} is always compiled anew")

    def get_data(self, path: str) -> bytes:
        data = super().get_data(path)
        with suppress(SyntaxError, UnicodeError):  # of which compiling it tells more
            text = importlib.util.decode_source(data)
            # An entry without a modification time is never compared with the file.
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        return data


class _FolderFinder:
    """Finds modules in one folder, where nothing else is found, and notes their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return self.found_in(self.folder, name, target) if path is None else None

    def found_in(
        self, folder: Path, name: str, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = FileFinder(str(folder), (_Source, [".py"])).find_spec(name, target)
        if spec is None or spec.origin is None:
            return None
        self.files.append(Path(spec.origin))
        _BESIDE_NAMES.add(name)
        return spec


class _PackageFinder:
    """Finds the modules of packages in that folder, before Python's bytecode cache does."""

    def __init__(self, finder: _FolderFinder) -> None:
        self.finder = finder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in _BESIDE_NAMES:
            return None
        found = (self.finder.found_in(Path(folder), name, target) for folder in path or ())
        return next(filter(None, found), None)


@contextmanager
def _folder_open(folder: Path) -> Iterator[list[Path]]:
    """Let imports find the files of `folder`; gives those that were found."""
    # Of another folder, or since edited.
    for name in _BESIDE_NAMES:
        sys.modules.pop(name, None)
    _BESIDE_NAMES.clear()
    finder = _FolderFinder(folder)
    packages = _PackageFinder(finder)
    sys.meta_path.insert(0, packages)
    sys.meta_path.append(finder)
    try:
        yield finder.files
    finally:
        sys.meta_path.remove(packages)
        sys.meta_path.remove(finder)


def _digest(file: Path, beside: Iterable[Path]) -> str:
    """SHA-256 of a file, or of its own and its neighbours' if it has any; "" if one is gone."""
    try:
        parts = [hashlib.sha256(item.read_bytes()).hexdigest() for item in (file, *beside)]
    except OSError:
        return ""
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()


def files_of(*things: Any) -> list[tuple[str, str]]:
    """Place and SHA-256 of the user's files in which these classes and functions are defined.

    Their bases' files are among them. ``import_user_file`` makes them known to a process.
    """
    modules = [
        base.__module__
        for thing in things
        for base in (inspect.getmro(thing) if isinstance(thing, type) else (thing,))
    ]
    return [
        (str(sys.modules[name].__file__), _LOADED[name])
        for name in dict.fromkeys(modules)
        if name in _LOADED
    ]

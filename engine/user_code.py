"""A user's Python files: imported by their place, and found again in another process."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["files_of", "import_user_file", "user_files"]

_PREFIX = "mc_user_"
# Content of the files that were imported, by module name: a file loads again if it changed.
_LOADED: dict[str, str] = {}


def user_files(path: Path) -> list[Path]:
    """Return the file at `path`, or the ``.py`` files of the folder there.

    Raises
    ------
    ValueError
        If there is neither.
    """
    if not path.exists():
        raise ValueError(f"user file: found no {path}, allowed an existing .py file or folder")
    return sorted(path.glob("*.py")) if path.is_dir() else [path]


def import_user_file(file: Path, content: str | None = None) -> ModuleType:
    """Import a file as a module of its own; once, unless it changed.

    Parameters
    ----------
    file : Path
        A Python file.
    content : str, optional
        SHA-256 that the file must have.

    Raises
    ------
    ValueError
        If it cannot be imported, or is not the file that was meant; names the line where the
        syntax is wrong.
    """
    # Named by the place, so that two files of one name stay apart.
    key = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    name = f"{_PREFIX}{file.stem}_{key}"
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if content is not None and found != content:
        raise ValueError(f"{file}: found other code than the study was resolved with")
    if _LOADED.get(name) == found:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"user file: found {file}, allowed a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        if isinstance(error, SyntaxError):
            raise ValueError(f"{file}, line {error.lineno}: {error.msg}") from error
        if isinstance(error, ValueError) or not isinstance(error, Exception):
            raise
        raise ValueError(f"{file}: {type(error).__name__} on import: {error}") from error
    _LOADED[name] = found
    return module


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

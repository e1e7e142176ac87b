"""Where functions and classes come from: the user's code, the engine or a library."""

from __future__ import annotations

import types
from typing import Any

from engine.compiled.libraries import is_standard, library_of

__all__ = [
    "home_of",
    "is_engine",
    "is_users",
    "module_of",
    "public_name",
]


def home_of(value: Any) -> str:
    """Return the module that a function or class was written in."""
    if isinstance(value, types.FunctionType):
        return str(value.__globals__.get("__name__"))
    return module_of(value if isinstance(value, type) else type(value))


def is_engine(module: str) -> bool:
    """Whether a module belongs to this library."""
    return module.partition(".")[0] == "engine"


def is_users(module: str) -> bool:
    """Whether a module is the user's own."""
    return library_of(module) is None and not is_engine(module)


def module_of(cls: type) -> str:
    """Return the module that a class names as its own."""
    module = cls.__module__
    return module if isinstance(module, str) else ""  # a metaclass written in C may have another


def public_name(module: str | None, name: str) -> str:
    """Name something of a library; what is Python's own moves between modules of one package."""
    home = module or "builtins"
    if is_standard(home):
        # Written in C it lies in _decimal, else in decimal.
        return f"{home.partition('.')[0].lstrip('_')}:{name}"
    return f"{library_of(home) or ''}:{home}:{name}"

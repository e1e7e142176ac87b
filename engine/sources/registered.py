"""The table of sources by name, which every class with a name enters when it is defined."""

from __future__ import annotations

from typing import Any, Final

from engine.errors import Refusal
from engine.models import BUILT_IN

__all__ = ["SOURCES", "module_of", "register"]

#: The classes that are defined.
SOURCES: Final[dict[str, Any]] = {}


def register(cls: Any) -> None:
    """Enter a source class under its ``name``; defining the class does it.

    Raises
    ------
    ValueError
        If another class holds the name.
    """
    holder = SOURCES.get(cls.name)
    known = module_of(cls.name) if cls.name in BUILT_IN else cls.__module__
    if known != cls.__module__ or (holder and holder.__module__ != cls.__module__):
        raise Refusal("source name", repr(cls.name), "a name that is not taken")
    SOURCES[cls.name] = cls


def module_of(name: str) -> str:
    """Name the module of a built-in source."""
    return f"{__package__}.{name}"

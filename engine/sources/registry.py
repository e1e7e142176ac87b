"""Sources by name, the project's own and a user's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.bars import Bars
from engine.errors import Refusal
from engine.sources.registered import BUILT_IN, SOURCES
from engine.sources.source import Source
from engine.user_code import import_user_file, user_files

__all__ = ["get_source", "load_user_sources", "make_source", "source_names"]


def source_names() -> tuple[str, ...]:
    """Names of all sources that can be made."""
    return tuple(sorted(BUILT_IN.keys() | SOURCES.keys()))


def get_source(name: str) -> type[Source]:
    """Look up a source class.

    Raises
    ------
    ValueError
        If no source has this name.
    """
    if name in BUILT_IN and name not in SOURCES:
        import_module(BUILT_IN[name])
    if name not in SOURCES:
        raise Refusal("source", repr(name), ", ".join(source_names()))
    found: type[Source] = SOURCES[name]
    return found


def make_source(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    bars: Bars | tuple[Bars, ...] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Source:
    """Make a source from its name, as study files and calibrations do.

    Parameters
    ----------
    name : str
        One of `source_names`.
    parameters : dict
        Parameter values by name.
    bars : Bars or tuple of Bars, optional
        History, for the sources that need one.
    options : dict, optional
        Options by name, such as the bootstrap's ``method``; ``start_state`` is a calibration's
        filtered state (variance, convenience yield, regime probabilities).

    Raises
    ------
    ValueError
        If a name is unknown, a value is out of range, or history is missing.
    """
    given = dict(options or {})
    start = given.pop("start_state", None)
    history = () if bars is None else (bars,) if isinstance(bars, Bars) else tuple(bars)
    source = get_source(name).from_values(dict(parameters or {}), history, **given)
    return source if start is None else source.with_start_state(start)


def load_user_sources(path: str | Path) -> tuple[str, ...]:
    """Import a user's file, or every ``.py`` file of a folder, and return the sources it adds.

    Raises
    ------
    ValueError
        If the file does not exist, fails to import or defines no source.
    """
    path = Path(path)
    names: list[str] = []
    for file in user_files(path):
        module = import_user_file(file)
        names += [
            item.name
            for item in vars(module).values()
            if isinstance(item, type)
            and issubclass(item, Source)
            and item.__module__ == module.__name__
            and item.name
        ]
    if not names:
        raise Refusal(str(path), "no class with a source name", "at least one")
    return tuple(names)

"""Sources by name, the project's own and a user's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.bars import Bars
from engine.models import BUILT_IN, packaged
from engine.sources.source import Source
from engine.user_code import import_user_file, user_files

__all__ = [
    "get_source",
    "has_source",
    "load_user_sources",
    "make_source",
    "register",
    "source_names",
]

_SOURCES: dict[str, type[Source]] = {}


def source_names() -> tuple[str, ...]:
    """Names of all sources that can be made."""
    return tuple(sorted(BUILT_IN.keys() | _SOURCES.keys() | packaged().keys()))


def has_source(name: str) -> bool:
    """Whether a source of this name can be made."""
    return name in BUILT_IN or name in _SOURCES or name in packaged()


def get_source(name: str) -> type[Source]:
    """Look up a source class: a built-in, one of a loaded file, or one that a package declares.

    Raises
    ------
    ValueError
        If no source has this name, or a package declares what is none.
    """
    if name in BUILT_IN and name not in _SOURCES:
        import_module(_module_of(name))
    if name not in _SOURCES and name in (declared := packaged()):
        _import_packaged(name, declared[name])
    if name not in _SOURCES:
        raise ValueError(f"source: found {name!r}, allowed {', '.join(source_names())}")
    return _SOURCES[name]


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


def register(cls: type[Source]) -> None:
    """Enter a source class under its ``name``; defining the class does it.

    Raises
    ------
    ValueError
        If another class holds the name.
    """
    holder = _SOURCES.get(cls.name)
    known = _module_of(cls.name) if cls.name in BUILT_IN else cls.__module__
    if known != cls.__module__ or (holder and holder.__module__ != cls.__module__):
        raise ValueError(f"source name: found {cls.name!r}, allowed a name that is not taken")
    _SOURCES[cls.name] = cls


def _import_packaged(name: str, target: str) -> None:
    """Import the source that a package declares as an entry point; this registers it."""
    where = f"source {name}: found the entry point {target}"
    module, _, attribute = target.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        # Whatever a foreign package raises: the user wants to know which one it is.
        raise ValueError(
            f"{where}, which cannot be imported ({type(error).__name__}: "
            f"{str(error).strip() or 'no message'}), allowed a Source"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Source) and found.name == name):
        raise ValueError(f"{where}, allowed a subclass of Source with the name {name!r}")


def _module_of(name: str) -> str:
    """Name the module of a built-in source."""
    return f"{__package__}.{name}"


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
        raise ValueError(f"{path}: found no class with a source name, allowed at least one")
    return tuple(names)

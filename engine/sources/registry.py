"""Sources by name, the project's own and a user's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.bars import Bars
from engine.errors import Refusal
from engine.models import BUILT_IN, packaged
from engine.sources.registered import SOURCES, module_of
from engine.sources.source import Source
from engine.user_code import import_user_file, user_files

__all__ = ["get_source", "has_source", "load_user_sources", "make_source", "source_names"]


def source_names() -> tuple[str, ...]:
    """Names of all sources that can be made."""
    return tuple(sorted(BUILT_IN.keys() | SOURCES.keys() | packaged().keys()))


def has_source(name: str) -> bool:
    """Whether a source of this name can be made."""
    return name in BUILT_IN or name in SOURCES or name in packaged()


def get_source(name: str) -> type[Source]:
    """Look up a source class: a built-in, one of a loaded file, or one that a package declares.

    Raises
    ------
    ValueError
        If no source has this name, or a package declares something else under it.
    """
    if name in BUILT_IN and name not in SOURCES:
        import_module(module_of(name))
    if name not in SOURCES and name in packaged():
        _import_packaged(name, packaged()[name])
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
        raise Refusal(
            str(path),
            "defines no source",
            hint="derive a class with a `name` from `mc.StepModel` or `mc.PathModel`",
        )
    return tuple(names)


def _import_packaged(name: str, target: str) -> None:
    """Import the source that a package declares as an entry point; this registers it."""
    field, declared = f"source {name}", f"the entry point {target}"
    module, _, attribute = target.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        # A foreign package may raise anything; the error names the package.
        said = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
        raise Refusal(
            field, f"{declared}, which cannot be imported ({said})", "a subclass of Source"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Source) and found.name == name):
        raise Refusal(field, declared, f"a subclass of Source with the name {name!r}")

"""Which strategies and price sources a study may name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mc_assets.project import Project

__all__ = [
    "Catalogue",
    "CatalogueEntry",
    "ParameterEntry",
    "list_indicators",
    "list_sources",
    "list_strategies",
    "load_code_of_studies",
]


@dataclass(frozen=True)
class ParameterEntry:
    """A declared parameter of a strategy or source.

    Parameters
    ----------
    name : str
        As studies write it.
    default : Any
        Its value where a study gives none.
    allowed : str
        Which values it takes, in words.
    doc : str
        What it is.
    """

    name: str
    default: Any
    allowed: str
    doc: str

    def __str__(self) -> str:
        return f"{self.name} = {self.default}  ({self.allowed})  {self.doc}".rstrip()

    def to_json(self) -> str:
        """Return the parameter as a line of text."""
        return str(self)


@dataclass(frozen=True)
class CatalogueEntry:
    """A strategy, a price source or an indicator.

    Parameters
    ----------
    kind : {"strategy", "source", "indicator"}
        Which of them.
    name : str
        As studies write it.
    description : str
        First line of its documentation.
    parameters : tuple of ParameterEntry
        In the order of their declaration.
    options : tuple of ParameterEntry
        Settings of a source that no study sweeps.
    """

    kind: Literal["strategy", "source", "indicator"]
    name: str
    description: str
    parameters: tuple[ParameterEntry, ...]
    options: tuple[ParameterEntry, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """What studies may name.

    Parameters
    ----------
    entries : tuple of CatalogueEntry
        By name.
    problems : tuple of str
        Why a file of one's own that a study names could not be loaded, a sentence each.
    """

    entries: tuple[CatalogueEntry, ...]
    problems: tuple[str, ...]

    def to_json(self) -> list[CatalogueEntry]:
        """Return the entries."""
        return list(self.entries)


def list_strategies(project: Project) -> Catalogue:
    """List the built-in strategies and those in files that the project's studies name."""
    from engine.strategies import get_strategy, strategy_names

    problems = load_code_of_studies(project)
    entries = [_entry("strategy", name, get_strategy(name)) for name in strategy_names()]
    return Catalogue(tuple(entries), problems)


def list_sources(project: Project) -> Catalogue:
    """List the price sources: built-in, of installed packages, and in files that studies name."""
    from engine.sources import get_source, source_names

    problems = list(load_code_of_studies(project))
    entries = []
    for name in source_names():
        try:
            entries.append(_entry("source", name, get_source(name)))
        except ValueError as error:  # a package declares something that is not a source
            problems.append(str(error))
    return Catalogue(tuple(entries), tuple(problems))


def list_indicators() -> Catalogue:
    """List the built-in indicators; the rows of one that has several stand in its description."""
    from engine.strategies import Indicator
    from engine.strategies import indicators as room

    kinds = [getattr(room, name) for name in room.__all__]
    found = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Indicator)]
    return Catalogue(tuple(_entry("indicator", kind.__name__, kind) for kind in found), ())


def load_code_of_studies(project: Project) -> tuple[str, ...]:
    """Register the strategies and sources in the files that studies name, and trained policies.

    Returns
    -------
    tuple of str
        What is wrong with those that cannot be loaded, a sentence each.
    """
    from engine.sources import load_user_sources
    from engine.strategies import load_user_strategies
    from engine.studies import load_definition
    from engine.studies.resolve_source import load_file
    from engine.studies.trained_policies import policy_strategy_file

    problems = []
    for path in project.study_files.values():
        try:
            definition = load_definition(path)
        except ValueError:
            continue  # the list of studies says so
        named: tuple[tuple[str, str | None, Callable[..., object]], ...] = (
            ("strategy.file", definition.strategy.file, load_user_strategies),
            ("source.file", definition.source.file, load_user_sources),
        )
        for field, file, load in named:
            if file is None:
                continue
            try:
                load_file(field, path.parent / file, load)
            except ValueError as error:
                problems.append(f"{path}: {error}")
    for policy, path in project.policy_files.items():
        trained = policy_strategy_file(project.data, policy)
        if not trained.is_file():
            continue
        try:
            load_file("policy", trained, load_user_strategies)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    return tuple(problems)


def _entry(kind: Literal["strategy", "source", "indicator"], name: str, cls: Any) -> CatalogueEntry:
    lines = (cls.__doc__ or "").strip().splitlines()
    parameters = (
        ParameterEntry(key, value.default, value.allowed, value.doc)
        for key, value in cls.parameters.items()
    )
    options = _options(cls) if kind == "source" else ()
    return CatalogueEntry(kind, name, lines[0] if lines else "", tuple(parameters), options)


def _options(cls: Any) -> tuple[ParameterEntry, ...]:
    """Return the settings that a source declares with `engine.sources.option`."""
    return tuple(
        ParameterEntry(item.name, item.default, "option", item.metadata["doc"])
        for item in dataclasses.fields(cls)
        if "doc" in item.metadata
    )

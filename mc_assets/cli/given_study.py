"""Studies as they are named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mc_assets.project import Project

__all__ = ["load_code_of_studies", "study_name"]


def load_code_of_studies(project: Project) -> list[str]:
    """Register the strategies and sources in the files that studies name.

    Returns
    -------
    list of str
        What is wrong with those that cannot be loaded, a sentence each.
    """
    from engine.sources import load_user_sources
    from engine.strategies import load_user_strategies
    from engine.studies import load_definition
    from engine.studies.resolve_source import load_file

    wrong = []
    for path in project.study_files.values():
        try:
            definition = load_definition(path)
        except ValueError:
            continue  # the list of studies says so
        for field, file, load in (
            ("strategy.file", definition.strategy.file, load_user_strategies),
            ("source.file", definition.source.file, load_user_sources),
        ):
            if file is None:
                continue
            try:
                load_file(field, path.parent / file, load)
            except ValueError as error:
                wrong.append(f"{path}: {error}")
    return wrong


def study_name(given: str) -> str:
    """Return the name of a study that was given by name or by file."""
    from pathlib import Path

    from engine.studies import load_definition

    path = Path(given)
    return load_definition(path).name if path.suffix in (".yaml", ".yml") else given

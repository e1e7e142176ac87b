"""Which studies there are, and how far each is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import Refusal
from mc_assets.project import Project
from mc_assets.study_files import check_no_file_name

__all__ = ["StudyEntry", "StudyState", "list_studies", "study_name", "study_schema", "study_state"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyState:
    """How far a study is.

    Parameters
    ----------
    word : {"unreadable", "new", "damaged", "partial", "finished"}
        ``unreadable``: the file has a mistake; ``damaged``: its results cannot be read.
    done, total : int
        Simulations of the latest run that are stored, and all that it has.
    """

    word: Literal["unreadable", "new", "damaged", "partial", "finished"]
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        if self.word == "partial":
            return f"{self.done:,} of {self.total:,} simulations"
        words = {
            "unreadable": "cannot be read",
            "new": "not run yet",
            "damaged": "its results are damaged: run it again",
        }
        return words.get(self.word, f"{self.done:,} simulations")


@dataclass(frozen=True)
class StudyEntry:
    """A study file.

    Parameters
    ----------
    name : str
        Name inside the file; where it says none, the file's own.
    path : Path
        The file.
    state : StudyState
        How far it is.
    description : str
        What it asks; of a file that cannot be read, what is wrong with it.
    """

    name: str
    path: Path
    state: StudyState
    description: str

    def to_json(self) -> dict[str, Any]:
        """Return the entry with its state in words."""
        return {
            **{"name": self.name, "path": self.path},
            **{"state": str(self.state), "description": self.description},
        }


def list_studies(
    project: Project, state_of: Callable[[str], StudyState] | None = None
) -> list[StudyEntry]:
    """List the study files by name; one that cannot be read hides no other.

    Parameters
    ----------
    project : Project
        Where they lie.
    state_of : callable, optional
        Says how far a study is, by default `study_state`; who lists often may keep what it says.

    Raises
    ------
    Refusal
        If the project has no folder of studies.
    """
    from engine.studies import load_definition

    if not project.studies.is_dir():
        raise Refusal(
            "studies", f"there is no folder {project.studies}", hint="`mc init` begins a project"
        )
    entries = []
    for name, path in project.study_files.items():
        try:
            definition = load_definition(project.study_file(name))
        except ValueError as error:
            entries.append(StudyEntry(name, path, StudyState("unreadable"), str(error)))
        else:
            own = definition.name
            state = study_state(project, own) if state_of is None else state_of(own)
            entries.append(StudyEntry(name, path, state, definition.description))
    return entries


def study_state(project: Project, study: str) -> StudyState:
    """How far the latest run of a study is, by the name in its file."""
    from engine.files import as_files
    from engine.results import read_results

    if not as_files(project.results_root).list(f"results/{study}/current.json"):
        return StudyState("new")
    try:
        results = read_results(project.results_root, study)
    except (ValueError, OSError) as error:
        log.warning("%s", error)
        return StudyState("damaged")
    total = results.summary.simulations
    done = total - results.missing
    return StudyState("partial" if done < total else "finished", done, total)


def study_name(project: Project, given: str) -> str:
    """Return the name of a study that was given by name or by file.

    A study made in Python has results without a file.

    Raises
    ------
    Refusal
        If the file cannot be read, or a file's own name was given instead of the study's.
    """
    from engine.files import as_files
    from engine.studies import load_definition

    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        return load_definition(path).name
    if not as_files(project.results_root).list(f"results/{given}/"):
        check_no_file_name(project.studies, given)
    return given


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema of study files."""
    from engine.studies import schema

    return schema.study_schema()

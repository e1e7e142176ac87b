"""Reading study files, with errors that name file, field, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import Refusal
from engine.studies.definition import StudyDefinition
from engine.yaml_text import YamlError, read_yaml, read_yaml_file

__all__ = ["load_definition", "parse_definition"]


def load_definition(path: str | Path) -> StudyDefinition:
    """Read a study file.

    Raises
    ------
    Refusal
        If the file cannot be read, is not YAML, or says something a study cannot mean.
    """
    path = Path(path)
    try:
        return _definition(read_yaml_file(path), path)
    except FileNotFoundError:
        near = ", ".join(str(file) for file in sorted(path.parent.glob("*.yaml")))
        raise Refusal(
            "study",
            f"there is no file {path}",
            hint=f"there are {near}" if near else "`mc studies` lists the study files",
        ) from None
    except YamlError as error:
        raise _refusal(error, path) from None
    except OSError as error:
        raise Refusal("study", f"{path}: {error}", "a readable YAML file") from None


def parse_definition(text: str, file: Path | None = None) -> StudyDefinition:
    """Read a study from YAML text; `file` is named in errors."""
    try:
        content = read_yaml(text)
    except YamlError as error:
        raise _refusal(error, file) from None
    return _definition(content, file)


def _refusal(error: YamlError, file: Path | None) -> Refusal:
    where = "study" if error.line is None else f"line {error.line}"
    return Refusal(where, error.problem, "valid YAML with each key once", file=file)


def _definition(content: Any, file: Path | None) -> StudyDefinition:
    if not isinstance(content, dict):
        raise Refusal(
            "study",
            type(content).__name__,
            "a mapping with name, source, strategy, seeds",
            file=file,
        )
    try:
        return StudyDefinition.of(content)
    except Refusal as refusal:
        raise (refusal.in_file(file) if file else refusal) from None

"""Reading study files, with errors that name file, field, what was found, what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from engine.errors import Refusal
from engine.jobs.settings import settings_refusal
from engine.studies.definition import StudyDefinition

__all__ = ["StudyYaml", "load_definition", "parse_definition"]

_MERGE = "tag:yaml.org,2002:merge"


def load_definition(path: str | Path) -> StudyDefinition:
    """Read a study file.

    Raises
    ------
    Refusal
        If the file cannot be read, is not YAML, or says something a study cannot mean.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = ", ".join(str(file) for file in sorted(path.parent.glob("*.yaml")))
        raise Refusal(
            "study",
            f"there is no file {path}",
            hint=f"there are {near}" if near else "`mc studies` lists the study files",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("study", f"{path}: {error}", "a readable YAML file") from None
    return parse_definition(text, path)


def parse_definition(text: str, file: Path | None = None) -> StudyDefinition:
    """Read a study from YAML text; `file` is named in errors."""
    try:
        content = yaml.load(text, Loader=StudyYaml)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "text that is not YAML"
        problem = problem.removeprefix("but ").removeprefix("found ")
        where = f"line {mark.line + 1}" if mark is not None else "study"
        raise Refusal(where, str(problem), "valid YAML with each key once", file=file) from None
    except RecursionError:
        raise Refusal("study", "its lists are nested too deeply to be read", file=file) from None
    if not isinstance(content, dict):
        raise Refusal(
            "study",
            type(content).__name__,
            "a mapping with name, source, strategy, seeds",
            file=file,
        )
    try:
        return StudyDefinition.model_validate(content)
    except ValidationError as error:
        refusal = settings_refusal(error, StudyDefinition)
        raise (refusal.in_file(file) if file else refusal) from None


class StudyYaml(yaml.SafeLoader):
    """YAML with the numbers of its version 1.2, in which a repeated key is an error.

    PyYAML takes ``1e-3`` for text, ``010`` for eight and ``1:30`` for ninety, as version 1.1 did.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in forms if not tag.endswith((":int", ":float"))]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


StudyYaml.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"(?:[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+|0b[01_]+)$"),
    list("-+0123456789"),
)
StudyYaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def _mapping(loader: StudyYaml, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        # A merged mapping (`<<: *name`) gives way to the keys beside it.
        merge = key_node.tag == _MERGE
        key = key_node.value if merge else loader.construct_object(key_node, deep=True)
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r}", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


StudyYaml.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)

"""Reading study files, with errors that name file, field, what was found, what is allowed."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from engine.studies.definition import StudyDefinition
from engine.studies.errors import ConfigurationError

__all__ = ["StudyYaml", "configuration_error", "load_definition", "parse_definition"]

_MERGE = "tag:yaml.org,2002:merge"


def load_definition(path: str | Path) -> StudyDefinition:
    """Read a study file.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is not YAML, or says something a study cannot mean.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = ", ".join(str(file) for file in sorted(path.parent.glob("*.yaml")))
        raise ConfigurationError(
            "study", f"no file {path}", f"a study file{f' such as {near}' if near else ''}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("study", f"{path}: {error}", "a readable YAML file") from None
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
        raise ConfigurationError(
            where, str(problem), "valid YAML with each key once", file
        ) from None
    except RecursionError:
        raise ConfigurationError(
            "study", "lists within lists without end", "less deeply nested ones", file
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            "study", type(content).__name__, "a mapping with name, source, strategy, seeds", file
        )
    try:
        return StudyDefinition.model_validate(content)
    except ValidationError as error:
        raise configuration_error(error, StudyDefinition, file) from None


def configuration_error(
    error: ValidationError,
    model: type[BaseModel],
    file: Path | None = None,
    prefix: str = "",
) -> ConfigurationError:
    """Turn Pydantic's report into one sentence about its first and most telling entry."""
    # Of a union Pydantic reports every branch; a misspelt key explains more than the rest.
    # The deepest entry belongs to the branch that was meant.
    located = [
        ([part for part in entry["loc"] if not _is_branch(part)], entry) for entry in error.errors()
    ]
    location, entry = max(
        located, key=lambda item: (item[1]["type"] == "extra_forbidden", len(item[0]))
    )
    field = ".".join(str(part) for part in ([prefix] if prefix else []) + location)
    found = repr(entry["input"])
    if len(found) > 80:
        found = found[:77] + "..."
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(location[-1])
        names = _field_names(model, location[:-1])
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return ConfigurationError(field, f"unknown key{hint}", ", ".join(names), file)
    if kind == "missing":
        return ConfigurationError(field, "nothing", "a value: this field is required", file)
    if kind == "value_error":
        return _from_value_error(field, found, str(context.get("error", entry["msg"])), file)
    messages = [other["msg"] for place, other in located if place == location]
    allowed = " or ".join(dict.fromkeys(text.removeprefix("Input should be ") for text in messages))
    return ConfigurationError(field or "study", found, allowed, file)


def _from_value_error(field: str, found: str, text: str, file: Path | None) -> ConfigurationError:
    head, separator, allowed = text.partition(", allowed ")
    if not separator:
        return ConfigurationError(field or "study", found, text, file)
    inner, _, found = head.rpartition("found ")
    inner = inner.strip().rstrip(":")
    field = ".".join(part for part in (field, inner) if part) or "study"
    return ConfigurationError(field, found, allowed, file)


def _is_branch(part: int | str) -> bool:
    """Whether Pydantic named a branch of a union rather than a field."""
    text = str(part)
    return any(mark in text for mark in ("[", "(", "-")) or text in (
        "str",
        "int",
        "date",
        "SeedRange",
        "constrained",
    )


def _field_names(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            return sorted(model.model_fields)
        options = [field.annotation, *typing.get_args(field.annotation)]
        inner = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not inner:
            break
        model = inner[0]
    return sorted(model.model_fields)


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

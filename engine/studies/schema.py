"""The JSON Schema of study files, in which every key says what it means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel

from engine.execution import Execution
from engine.options.settings import OptionSettings
from engine.studies.definition import StudyDefinition

__all__ = ["study_schema"]

# A parameter of a numpydoc section, and the indented lines that say what it is.
_PARAMETER: Final = re.compile(r"^(\w[\w, ]*) : .*\n((?: {4}.*\n|\n)*)", re.MULTILINE)

_NEXT_SECTION: Final = re.compile(r"\n\n\w+\n-{3,}\n")


def study_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a study file, all its settings included."""
    schema = StudyDefinition.model_json_schema(mode="validation")
    execution = Execution.model_json_schema(mode="validation")
    definitions = schema.setdefault("$defs", {})
    definitions |= execution.pop("$defs", {})
    definitions["Execution"] = execution
    description = schema["properties"]["execution"].get("description", "")
    schema["properties"]["execution"] = {"$ref": "#/$defs/Execution", "description": description}
    options = OptionSettings.model_json_schema(mode="validation")
    definitions |= options.pop("$defs", {})
    definitions["OptionSettings"] = options
    description = schema["properties"]["options"].get("description", "")
    schema["properties"]["options"] = {
        "$ref": "#/$defs/OptionSettings",
        "description": description,
    }
    one = {"type": "string"}
    many = schema["properties"]["constraint"]
    schema["properties"]["constraint"] = {
        "anyOf": [one, {"type": "array", "items": one}],
        "description": many.get("description", ""),
    }
    for model in {
        *_models(StudyDefinition),
        *_models(Execution),
        *_models(OptionSettings),
    }:
        own = schema if model is StudyDefinition else definitions.get(model.__name__)
        if own is not None:
            _describe(own, model)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and all that its fields are made of."""
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            yield from _models(part)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add what the model's page says of a field that says nothing itself."""
    page = _parameters_of(model)
    for name, entry in schema.get("properties", {}).items():
        if not entry.get("description") and name in page:
            entry["description"] = page[name]


def _parameters_of(model: type[BaseModel]) -> dict[str, str]:
    text = inspect.getdoc(model) or ""
    _, _, section = text.partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    for names, lines in _PARAMETER.findall(_NEXT_SECTION.split(section)[0] + "\n"):
        meaning = " ".join(lines.split()).replace("``", "`")
        found |= dict.fromkeys(map(str.strip, names.split(",")), meaning)
    return found

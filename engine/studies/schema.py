"""The JSON Schema of study files."""

from __future__ import annotations

from typing import Any

from engine.execution import Execution
from engine.studies.definition import StudyDefinition

__all__ = ["study_schema"]


def study_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a study file, execution settings included."""
    schema = StudyDefinition.model_json_schema(mode="validation")
    execution = Execution.model_json_schema(mode="validation")
    definitions = schema.setdefault("$defs", {})
    definitions |= execution.pop("$defs", {})
    definitions["Execution"] = execution
    description = schema["properties"]["execution"].get("description", "")
    schema["properties"]["execution"] = {"$ref": "#/$defs/Execution", "description": description}
    one = {"type": "string"}
    many = schema["properties"]["constraint"]
    schema["properties"]["constraint"] = {
        "anyOf": [one, {"type": "array", "items": one}],
        "description": many.get("description", ""),
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

"""The description of the service in OpenAPI 3.1: every answer with its schema and an example."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

__all__ = ["describe"]

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_EVENTS: Final = "text/event-stream"
_EVENT: Final = (
    'event: progress\ndata: {"state": "running", "done": 1200, "of": 9000}\nid: running\n\n'
)


def describe(app: FastAPI) -> None:
    """Let an application describe itself, its examples filled in.

    The description is made now. FastAPI builds its routes with it; with the first request, those of
    two applications would be built at once in two threads, out of the same declarations.
    """
    document = _completed(app.openapi())
    app.openapi = lambda: document  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                _complete(status, answer, schemas)
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if "example" not in media and "examples" not in media["schema"]:
                    media["example"] = _example(media["schema"], schemas)
    return document


def _complete(status: str, answer: dict[str, Any], schemas: dict[str, Any]) -> None:
    content = answer.get("content", {})
    if _PROBLEM in content:
        # FastAPI documents problems under the media type of the route, too.
        problem = content[_PROBLEM] | {"schema": {"$ref": "#/components/schemas/Problem"}}
        answer["content"] = {_PROBLEM: problem}
        if status in ("429", "503"):
            seconds = {"schema": {"type": "integer"}, "description": "Ask again after seconds."}
            answer["headers"] = {"Retry-After": seconds}
        return
    if _EVENTS in content:
        # What FastAPI writes of the events is OpenAPI 3.2.
        content[_EVENTS] = {"schema": {"type": "string"}, "example": _EVENT}
    if _JSON in content and "example" not in content[_JSON]:
        content[_JSON]["example"] = _example(content[_JSON]["schema"], schemas)


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a value that a schema allows, of its own examples and defaults where it has them."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    kind = schema.get("type")
    if kind == "object":
        return {
            name: _example(inner, schemas) for name, inner in schema.get("properties", {}).items()
        }
    if kind == "array":
        return [_example(schema.get("items", {}), schemas)]
    if schema.get("format") == "date-time":
        return "2026-11-27T10:15:00Z"
    plain = {"integer": 1, "number": 0.5, "boolean": True, "string": "text"}
    return plain.get(str(kind))

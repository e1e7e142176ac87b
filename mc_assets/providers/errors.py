"""The room's error, and a validation failure as one sentence."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

__all__ = ["MarketDataError", "first_error"]


class MarketDataError(ValueError):
    """Input that cannot be used; the text is one sentence meant for the user."""


def first_error(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """Say the first failure of a Pydantic validation in one sentence.

    Parameters
    ----------
    error : ValidationError
        What Pydantic raised.
    where : str
        File and place, the start of the sentence.
    model : type
        The model that was validated; names the allowed keys.
    """
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    field = f"{where}.{place}" if place else where
    found = problem.get("input")
    if problem["type"] == "extra_forbidden":
        keys = _keys(model, problem["loc"][:-1])
        return f"{field}: found an unknown key, allowed {', '.join(keys)}"
    if problem["type"] == "missing":
        return f"{field}: found nothing, allowed a value (the key is required)"
    if problem["type"] == "value_error":
        return f"{field}: {problem['ctx']['error']}"
    if problem["type"] == "literal_error":
        return f"{field}: found {found!r}, allowed {problem['ctx']['expected']}"
    if problem["type"] == "string_type":
        return f"{field}: found {found!r}, allowed text (in quotes, where YAML reads it otherwise)"
    if problem["type"].startswith("date"):
        return f"{field}: found {str(found)!r}, allowed a date such as 2020-01-31"
    text = problem["msg"].removeprefix("Input should be ")
    return f"{field}: found {found!r}, allowed {text}"


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for part in place:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return list(model.model_fields)

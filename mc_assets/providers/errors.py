"""Pydantic errors of series and providers as one sentence."""

from __future__ import annotations

import reprlib
from typing import Final

from pydantic import BaseModel, ValidationError

from engine.tables.errors import MarketDataError

__all__ = ["MarketDataError", "first_error", "shown"]

_LONGEST: Final = 80


def shown(value: object) -> str:
    """Abbreviate a value to at most eighty characters without rendering all of it first."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 70
    short.maxlevel, short.maxdict = 3, 3
    text = " ".join(short.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def first_error(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """Describe the first error of a Pydantic validation in one sentence.

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
    place = [part for part in problem["loc"] if part != "[key]"]
    field = where + "".join(f"[{part}]" if isinstance(part, int) else f".{_word(part)}"
                            for part in place)  # fmt: skip
    found = shown(problem.get("input"))
    kind = problem["type"]
    if kind == "extra_forbidden":
        keys = _keys(model, problem["loc"][:-1])
        return f"{field}: found an unknown key, allowed {', '.join(keys)}"
    if kind == "invalid_key":
        return f"{where}: found the key {shown(place[-1])}, allowed keys of text"
    if kind == "missing":
        return f"{field}: found nothing, allowed a value (the key is required)"
    if kind == "value_error":
        return f"{field}: {problem['ctx']['error']}"
    if kind == "literal_error":
        return f"{field}: found {found}, allowed {problem['ctx']['expected']}"
    if kind == "string_type":
        return f"{field}: found {found}, allowed text (in quotes, where YAML reads it otherwise)"
    if kind.startswith("date"):
        plain = problem.get("input")
        found = shown(str(plain)) if isinstance(plain, int | float) else found
        return f"{field}: found {found}, allowed a date such as 2020-01-31"
    text = problem["msg"].removeprefix("Input should be ")
    return f"{field}: found {found}, allowed {text}"


def _word(part: object) -> str:
    text = str(part)
    return text if len(text) <= _LONGEST and text.isprintable() else shown(text)


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for part in place:
        name = str(part)
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return list(model.model_fields)

"""Groups of settings: what may be written, and one sentence about what may not."""

from __future__ import annotations

import typing
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import Refusal, did_you_mean

__all__ = ["SettingsGroup", "SettingsModel"]

# What Pydantic calls otherwise.
_KINDS: Final = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_PATTERN: Final = "String should match pattern"


class SettingsModel(BaseModel):
    """A Pydantic model that refuses arguments in one sentence, as a file's settings are.

    `of` does so with a mapping; `model_validate` raises Pydantic's own report.

    Raises
    ------
    Refusal
        If an argument cannot be, naming class and field.
    """

    def __init__(self, /, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            kind = type(self)
            raise _refusal(error, kind).within(kind.__name__) from None

    # Pydantic then validates groups inside groups by itself, and reports all of them as one.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def of(cls, given: object, place: str = "") -> Self:
        """Return the settings that a mapping says.

        Parameters
        ----------
        given : mapping
            Settings by name.
        place : str
            Name of the whole group, where it has one.

        Raises
        ------
        Refusal
            If one cannot be, naming place and field.
        """
        try:
            return cls.model_validate(dict(given) if isinstance(given, Mapping) else given)
        except ValidationError as error:
            raise _refusal(error, cls).within(place) from None


class SettingsGroup(SettingsModel):
    """A group of settings: unknown keys are errors, numbers are finite, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _refusal(error: ValidationError, model: type[BaseModel]) -> Refusal:
    """Turn Pydantic's report into one sentence about its most telling entry.

    Of a union Pydantic reports every branch; a misspelt key explains more than the rest, and the
    deepest entry belongs to the branch that was meant.
    """
    branches = _kinds(model)
    located = [(_place(entry["loc"], entry["type"], branches), entry) for entry in error.errors()]
    location, entry = max(
        located, key=lambda item: (item[1]["type"] == "extra_forbidden", len(item[0]))
    )
    field = ".".join(str(part) for part in location)
    kind, cause = entry["type"], entry.get("ctx", {}).get("error")
    if kind == "extra_forbidden":
        kinds = [branches[part] for part in entry["loc"] if part in branches]
        names = sorted(kinds[0].model_fields) if kinds else _field_names(model, location[:-1])
        near = did_you_mean(location[-1], names)
        return Refusal(field, f"unknown key{near}", ", ".join(names))
    if kind == "missing":
        return Refusal(field, "this field is required")
    if isinstance(cause, Refusal):
        return cause.within(field)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_refusal(field, entry["ctx"], entry["input"])
    if kind in ("model_type", "model_attributes_type"):
        return Refusal(field, repr(entry["input"]), "a mapping")
    # Of "a valid number, unable to parse string as a number" the first half says it.
    messages = [
        _KINDS.get(other["type"], other["msg"].split(", unable")[0])
        for place, other in located
        if place == location
    ]
    texts = [
        text.removeprefix("Input should be ").replace(_PATTERN, "text of the form")
        for text in messages
    ]
    allowed = " or ".join(
        dict.fromkeys(text.replace(_PATTERN, "text of the form") for text in texts)
    )
    return Refusal(field or "study", repr(entry["input"]), allowed)


def _tag_refusal(field: str, about: dict[str, Any], given: Any) -> Refusal:
    """Refuse a group of settings whose key `kind`, or one like it, names none of the kinds."""
    key = str(about["discriminator"]).strip("'")
    place = f"{field}.{key}"
    if "tag" in about:
        return Refusal(place, repr(about["tag"]), about["expected_tags"])
    if isinstance(given, dict):
        return Refusal(place, "this field is required")
    return Refusal(field, repr(given), f"a mapping with `{key}`")


def _place(
    parts: tuple[int | str, ...], kind: str, branches: Container[int | str]
) -> list[int | str]:
    """Where in the document an entry is; an unknown key counts however it is spelt."""
    last = parts[-1:] if kind == "extra_forbidden" else ()
    before = parts[: len(parts) - len(last)]
    return [*(part for part in before if part not in branches and not _is_branch(part)), *last]


def _kinds(model: type[BaseModel]) -> dict[int | str, type[BaseModel]]:
    """Return the groups of settings that the one word of a key tells apart, by that word."""
    found: dict[int | str, type[BaseModel]] = {}
    for field in model.model_fields.values():
        for option in typing.get_args(field.annotation):
            if isinstance(option, type) and issubclass(option, BaseModel):
                keys = [typing.get_args(key.annotation) for key in option.model_fields.values()]
                words = [key for key in keys if len(key) == 1 and isinstance(key[0], str)]
                found |= dict.fromkeys(words[0] if words else (), option)
    return found


def _is_branch(part: int | str) -> bool:
    """Whether Pydantic named a branch of a union rather than a field."""
    text = str(part)
    return any(mark in text for mark in ("[", "(", "-")) or text in (
        "str",
        "int",
        "date",
        "SeedRange",
        "RateSeries",
        "StoredRate",
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

"""The fields of a study file, as the arguments of `Study` name them."""

from __future__ import annotations

from engine.errors import Refusal
from engine.jobs.settings import PathSettings
from engine.jobs.space import MODEL_PREFIX

__all__ = ["as_in_python"]


def as_in_python(refusal: Refusal) -> Refusal:
    """Name the field as the argument of `Study`, not as the key of a study file."""
    first, _, rest = refusal.field.partition(".")
    field = refusal.field
    if first == "source":
        inner, _, name = rest.partition(".")
        field = f"parameters.{MODEL_PREFIX}{name}" if inner == "parameters" else rest
        if inner not in ("parameters", *PathSettings.model_fields):
            field = "source"
    elif first == "strategy":
        field = rest if rest.startswith("parameters") else "strategy"
    return Refusal(field, refusal.found, refusal.allowed, hint=refusal.hint)

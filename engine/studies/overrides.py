"""Changing a study from the command line: ``strategy.fast=5,10``, another seed set, storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import Refusal
from engine.studies.definition import StudyDefinition
from engine.yaml_text import YamlError, read_yaml

__all__ = ["override"]


def override(
    definition: StudyDefinition,
    settings: Sequence[str] = (),
    *,
    seeds: str | None = None,
    storage: str | None = None,
    workers: str | int | None = None,
) -> StudyDefinition:
    """Return the definition with some settings changed.

    Parameters
    ----------
    definition : StudyDefinition
        As read from its file.
    settings : sequence of str
        ``KEY=VALUE``. ``strategy.NAME`` and ``model.NAME`` set a parameter, several values
        separated by commas; any other dotted key is the field of that name, such as
        ``source.steps=504`` or ``execution.cash=50000``.
    seeds, storage, workers : optional
        The fields of these names.

    Raises
    ------
    Refusal
        If a setting has no ``=``, or the study cannot mean it.
    """
    content = definition.model_dump(mode="json", exclude_unset=True)
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not key.strip():
            raise Refusal("--set", repr(setting), "KEY=VALUE, as in strategy.fast=5,10")
        _assign(content, key.strip(), text.strip())
    more = {"seeds": seeds, "storage": storage, "workers": workers}
    content |= {name: value for name, value in more.items() if value is not None}
    for name in ("seeds", "workers"):
        # A number is a count, not the name of a seed set.
        if isinstance(content.get(name), str) and content[name].isdecimal():
            content[name] = int(content[name])
    return StudyDefinition.of(content)


def _assign(content: dict[str, Any], key: str, text: str) -> None:
    parts = key.split(".")
    if parts[0] == "model" and len(parts) == 2:
        parts = ["source", "parameters", parts[1]]
        value = _values(text, key)
    elif parts[0] == "strategy" and len(parts) == 2 and parts[1] not in ("name", "file"):
        parts = ["strategy", "parameters", parts[1]]
        value = _values(text, key)
    else:
        value = _parsed(text, key)
    target = content
    for part in parts[:-1]:
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            raise Refusal(key, repr(inner), "a field with settings in it")
        target = inner
    target[parts[-1]] = value


def _values(text: str, key: str) -> Any:
    if text[:1] not in "[{" and "," in text:
        return [_parsed(part, key) for part in text.split(",")]
    return _parsed(text, key)


def _parsed(text: str, key: str) -> Any:
    try:
        return read_yaml(text)
    except YamlError:
        raise Refusal(key, repr(text), "a YAML value") from None

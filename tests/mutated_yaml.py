"""Small changes of YAML files, of their values and of their text, each from one integer."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["assert_one_sentence", "mutated"]

# What people and hostile files put where something else belongs.
_WRONG: Final[tuple[Any, ...]] = (
    *(None, "", " ", "x", True, False, [], {}, [[]], [1, 2], ["a"], [None], {"a": 1}, {1: 2}),
    *(0, -1, 1, 2, 3.5, 1e9, 1e308, -1e308, 1e-320, float("inf"), float("nan"), [1e308] * 3),
    *(2**63, -(2**63), 2**64, 10**30, "10", "1e999", "0x10", "1_000", "٣", "𝟙"),
    *("2020-02-30", "12:30", "1d", "1h", "XLON", "auto", "latest", "gbm", "heston", "null", "yes"),
    *(
        "../../etc/hosts",
        "/etc/hosts",
        "<b>",
        "'; DROP TABLE",
        "a\0b",
        "a\nb",
        "\u202e",
        "a" * 5000,
    ),
    *({"file": "x.py"}, {None: 1}, {"step_range": [0, 1, 0]}, {"uniform": [1, 0]}),
    *({"linspace": [0, 1, 10**9]}, {"logspace": [-1, 1, 3]}, list(range(2000))),
)
_KEYS: Final = ("x[", "a.b", "", 7, 2.5, None, True)
_SCALES: Final = (10, 0.1, 1e3, 1e-3, 1e6, 1e-6, 0, -1)
_NUMBERS: Final = (1e12, 1e-12, 1e15, 3, 0.5, 1)
_CHARACTERS: Final = "{}[]:,&*!|>'\"%@`#-\t\n \0\x85\u2028xyz019.é"

_MOST_CHARACTERS: Final = 1_500

_Place = tuple[Any, ...]


def mutated(text: str, number: int) -> str:
    """Return a YAML document with a few changes, the same for the same number.

    One in five is changed as text; of the others half have another number where one stood, which
    a study may well mean, and half something that belongs elsewhere, or nowhere.
    """
    rng = random.Random(number)
    if rng.random() < 0.2:
        return _changed_text(rng, text)
    tree = copy.deepcopy(yaml.safe_load(text))
    if rng.random() < 0.5:
        _change_numbers(rng, tree)
    else:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            _change_value(rng, tree)
    return str(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False))


def assert_one_sentence(error: Exception, number: int, file: Path) -> None:
    """Assert that an error is a sentence of bearable length which names the file."""
    text = str(error)
    assert text, number
    assert "\n" not in text, (number, text)
    assert len(text) < _MOST_CHARACTERS, (number, text)
    assert file.name in text, (number, text)


def _places(tree: Any, at: _Place = ()) -> Iterator[_Place]:
    """Yield where values stand, as keys and indices from the top."""
    if at:
        yield at
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _places(value, (*at, key))


def _value(tree: Any, place: _Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def _change_numbers(rng: random.Random, tree: Any) -> None:
    numbers = [place for place in _places(tree) if type(_value(tree, place)) in (int, float)]
    for place in rng.sample(numbers, min(len(numbers), rng.choice([1, 1, 2]))):
        old = _value(tree, place)
        new = rng.choice([*(old * scale for scale in _SCALES), old + 1, old - 1, *_NUMBERS])
        _value(tree, place[:-1])[place[-1]] = new


def _change_value(rng: random.Random, tree: Any) -> None:
    places = list(_places(tree))
    if not places:
        return
    place = rng.choice(places)
    parent, key = _value(tree, place[:-1]), place[-1]
    wrong = copy.deepcopy(rng.choice(_WRONG))
    match rng.choice(["replace", "replace", "replace", "delete", "rename", "swap"]):
        case "replace":
            parent[key] = wrong
        case "delete":
            del parent[key]
        case "rename" if isinstance(parent, dict):
            parent[rng.choice([f"{key}s", str(key).upper(), *_KEYS])] = parent.pop(key)
        case "rename":
            parent.insert(0, wrong)
        case _:
            parent[key] = copy.deepcopy(_value(tree, rng.choice(places)))


def _changed_text(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(text))
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice(_CHARACTERS) + text[at + 1 :]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[:at] + rng.choice(_CHARACTERS) + text[at:]
            case 3:
                text = text[:at]
            case 4:
                text = "\n".join([*lines[:line], rng.choice(lines), *lines[line:]])
            case _:
                lines[line] = " " * rng.randrange(5) + lines[line]
                text = "\n".join(lines)
        text = text or "\n"
    return text

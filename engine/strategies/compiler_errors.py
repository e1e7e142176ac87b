"""Turns the compiler's errors into one sentence about the user's line."""

from __future__ import annotations

import linecache
import os
import re
from pathlib import Path

import numba

from engine.strategies.hook_text import StrategyError

__all__ = ["explain"]

_COLOUR = re.compile("\x1b" + r"\[[0-9;]*m")
_PLACE = re.compile(r'^File "(.+?)", line (\d+):', re.MULTILINE)
_SIGNATURE = re.compile(r"^ >>> (.+)$", re.MULTILINE)
_SPECIFIC = re.compile(r"^ +(?:TypingError|NumbaTypeError|ValueError): (.+)$", re.MULTILINE)
_OPCODE = re.compile(r"unsupported opcode \((\w+)\) found\. Raised from (.+) \((\d+)\)")
_ENGINE = Path(__file__).resolve().parents[1]
_STRATEGIES = _ENGINE / "strategies"
_OURS = (
    *(_STRATEGIES, _STRATEGIES / "indicators"),
    *(_ENGINE / "execution", _ENGINE / "compiled", _ENGINE / "environment"),
)
_NUMBA = Path(numba.__file__).resolve().parent

# What the compiler calls it, and what the user should read.
_PLAIN_WORDS = (
    (_OPCODE, r"not supported by the compiler, which calls it \1"),
    (
        re.compile(r"Cannot modify readonly array"),
        "an array from outside is shared by all simulations, not changed; keep state on self",
    ),
    (
        re.compile(r"The use of a (?:reflected )?(\w+).*? assigned to variable '(\w+)' in globals"),
        r"`\2` is a \1, allowed a tuple or an array of numbers",
    ),
    (
        re.compile(r"Untyped global name '(\w+)'"),
        r"`\1` is not supported: found neither number, array of numbers nor function",
    ),
    (
        re.compile(r"Cannot unify (.+?) and (.+?) for '(?:\$.*?|([A-Za-z_]\w*)(?:\.\d+)?)'"),
        r"one value is \1 here and \2 there, allowed one kind of value",
    ),
    (
        re.compile(r"Unknown attribute '(\w+)' of type (\w+)"),
        r"found attribute `\1` of type \2, which has none of that name",
    ),
    (
        re.compile(r"unsupported NumPy function '([\w.]+)'"),
        r"`\1` is not supported by the compiler",
    ),
)


def explain(error: Exception, cls: type) -> StrategyError:
    """Return an error that names the first of the user's lines the compiler complains about.

    `cls` is the strategy, the indicator or the reward that does not compile.
    """
    # Numba writes in colours wherever colorama happens to be installed.
    text = _COLOUR.sub("", str(error))
    opcode = _OPCODE.search(text)
    if opcode:
        # Numba's one error that says where it is at its end.
        text = f'File "{opcode[2]}", line {opcode[3]}:\n{text}'
    place = next((found for found in _PLACE.findall(text) if not _is_ours(found[0])), None)
    reason = _reason(text)
    if place is None:
        return StrategyError(f"{cls.__name__}: {reason}")
    file, line = os.path.abspath(place[0]), int(place[1])
    shown = linecache.getline(file, line).strip()
    return StrategyError(f"{file}, line {line}: {reason}\n    {shown}")


def _is_ours(file: str) -> bool:
    path = Path(file).resolve()
    return path.parent in _OURS or path.is_relative_to(_NUMBA)


def _reason(text: str) -> str:
    for pattern, words in _PLAIN_WORDS:
        found = pattern.search(text)
        if found:
            return found.expand(words)
    specific = _SPECIFIC.search(text)
    if specific:
        return specific.group(1)
    lines = [line.strip() for line in text.splitlines()]
    reason = next(
        (
            line
            for line in lines
            if line and not line.startswith(("Failed in nopython", "During:", "File ", ">>>"))
        ),
        "not supported by the compiler",
    )
    signature = _SIGNATURE.search(text)
    if reason.startswith("No implementation of function") and signature:
        return f"not supported on these types: {signature.group(1)}"
    return reason

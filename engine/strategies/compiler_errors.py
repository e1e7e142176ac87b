"""Turns the compiler's errors into one sentence about the user's line."""

from __future__ import annotations

import linecache
import os
import re
from pathlib import Path

from numba.core.errors import NumbaError

from engine.strategies.source_text import StrategyError
from engine.strategies.strategy import Strategy

__all__ = ["explain"]

_PLACE = re.compile(r'^File "(.+?)", line (\d+):', re.MULTILINE)
_SIGNATURE = re.compile(r"^ >>> (.+)$", re.MULTILINE)
_SPECIFIC = re.compile(r"^ +(?:TypingError|NumbaTypeError|ValueError): (.+)$", re.MULTILINE)
_OURS = Path(__file__).resolve().parents[1]


def explain(error: NumbaError, cls: type[Strategy]) -> StrategyError:
    """Return an error that names the first of the user's lines the compiler complains about."""
    text = str(error)
    place = next((found for found in _PLACE.findall(text) if not _is_ours(found[0])), None)
    reason = _reason(text)
    if place is None:
        return StrategyError(f"{cls.__name__}: {reason}")
    file, line = os.path.abspath(place[0]), int(place[1])
    shown = linecache.getline(file, line).strip()
    return StrategyError(f"{file}, line {line}: {reason}\n    {shown}")


def _is_ours(file: str) -> bool:
    return Path(file).resolve().parent in (_OURS / "strategies", _OURS / "execution")


def _reason(text: str) -> str:
    specific = _SPECIFIC.search(text)
    if specific:
        return specific.group(1)
    lines = [line.strip() for line in text.splitlines()]
    reason = next(line for line in lines if line and not line.startswith("Failed in nopython"))
    signature = _SIGNATURE.search(text)
    if reason.startswith("No implementation of function") and signature:
        return f"not supported on these types: {signature.group(1)}"
    return reason

"""What a function brings with it from outside."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

__all__ = ["captured_values", "parts_of"]


def captured_values(function: types.FunctionType) -> dict[str, Any]:
    """Return the global and enclosing names that a function uses, and what they mean.

    Those of its comprehensions too, which before Python 3.12 are functions of their own.
    """
    found: dict[str, Any] = {}
    for code in parts_of(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                found[name] = function.__globals__[name]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    return found


def parts_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of a function and of what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from parts_of(constant)

"""What a function brings with it from outside."""

from __future__ import annotations

import dis
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["captured_values", "from_library", "parts_of", "taken_from"]

_LIBRARIES: Final = frozenset(("engine", "llvmlite", "numba", "numpy", "scipy"))
_GLOBAL: Final = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"))
_STANDARD: Final = Path(os.__file__).parent


def captured_values(function: types.FunctionType) -> dict[str, Any]:
    """Return the global and enclosing names that a function uses, and what they mean.

    Those of its comprehensions too, which before Python 3.12 are functions of their own.
    """
    found: dict[str, Any] = {}
    for code in parts_of(function.__code__):
        for instruction in dis.get_instructions(code):
            # Names of attributes stand in `co_names` too: ``bar.mood`` is no global ``mood``.
            name = instruction.argval
            if instruction.opname in _GLOBAL and name in function.__globals__:
                found[name] = function.__globals__[name]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    return found


def taken_from(module: types.ModuleType, function: types.FunctionType) -> dict[str, Any]:
    """Return what a function may take from a module of the user's; nothing of a library's."""
    if from_library(module.__name__):
        return {}
    names = {name for code in parts_of(function.__code__) for name in code.co_names}
    return {name: value for name, value in vars(module).items() if name in names}


def from_library(module: str | None) -> bool:
    """Whether a module is part of the project, of a library it uses, or of Python itself."""
    name = (module or "").split(".")[0]
    if name not in sys.stdlib_module_names:
        return name in _LIBRARIES
    # A user's file may have such a name too.
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is None or Path(file).is_relative_to(_STANDARD)


def parts_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of a function and of what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from parts_of(constant)

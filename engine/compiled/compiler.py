"""What callers need to know of the compiler: its errors, and which functions it made."""

from __future__ import annotations

from typing import Any, Final

from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError, UnsupportedBytecodeError

__all__ = ["COMPILER_ERRORS", "original_of"]

#: What compiling a function raises where it cannot be compiled.
COMPILER_ERRORS: Final[tuple[type[Exception], ...]] = (NumbaError, UnsupportedBytecodeError)


def original_of(value: Any) -> Any:
    """Return the Python function that a compiled function was made from; else the value itself."""
    return value.py_func if isinstance(value, Dispatcher) else value

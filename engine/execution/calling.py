"""How the parts of the order engine are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["called", "part"]

F = TypeVar("F", bound=Callable[..., Any])

# Arrays that a simulation borrows need no reference counts, and nothing calls these from Python:
# without both, the order engine compiles in half the time.
_OPTIONS: Any = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


def part(function: F) -> F:
    """Compile a small piece that is merged into its callers."""
    return numba.njit(forceinline=True, **_OPTIONS)(function)


def called(function: F) -> F:
    """Compile a larger piece that runs once per order or fill; LLVM decides about merging."""
    return numba.njit(**_OPTIONS)(function)

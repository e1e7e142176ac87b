"""How the parts of the order engine are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from engine.compiled.cache import KernelCache
from engine.compiled.pieces import PieceCompiler

__all__ = ["called", "hook", "part", "rare", "users_hook"]

F = TypeVar("F", bound=Callable[..., Any])

# Nothing calls these from Python, and arrays that a simulation borrows need no reference counts:
# without both, the order engine compiles in half the time.
_FROM_KERNELS: Any = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
_BORROWING: Any = {**_FROM_KERNELS, "_nrt": False, "pipeline_class": PieceCompiler}


def part(function: F) -> F:
    """Compile a piece that is merged into its callers, and optimised there.

    Every strategy uses the same ones: a process reads them rather than compile them anew. Merged
    are larger pieces, too: as calls they would make a fill half as dear again.
    """
    return _cached(numba.njit(forceinline=True, **_BORROWING)(function), function)


def called(function: F) -> F:
    """Compile a larger piece, which is merged where its caller is."""
    return _cached(numba.njit(**_BORROWING)(function), function)


def rare(function: F) -> F:
    """Compile a larger piece that seldom runs; it says `keep_apart` to stay out of its callers."""
    return _cached(numba.njit(forceinline=False, **_BORROWING)(function), function)


def hook(function: F) -> F:
    """Compile a piece of one strategy, to be merged into its kernel."""
    return numba.njit(forceinline=True, **_FROM_KERNELS)(function)


def users_hook(function: F) -> F:
    """Compile what a user wrote: an index beyond an array fails the simulation, not the process."""
    return numba.njit(forceinline=True, boundscheck=True, **_FROM_KERNELS)(function)


def _cached(dispatcher: Any, function: F) -> F:
    if hasattr(dispatcher, "_cache"):  # absent under NUMBA_DISABLE_JIT
        dispatcher._cache = KernelCache(function, dispatcher.targetoptions)
    return cast("F", dispatcher)

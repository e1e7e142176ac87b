"""The two ways this project compiles a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

import numba

from engine.compiled.cache import SourceHashCache

__all__ = ["inlined", "kernel"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, boundscheck: bool = False) -> Callable[[F], F]: ...
def kernel(function: F | None = None, *, boundscheck: bool = False) -> F | Callable[[F], F]:
    """Compile a hot loop: releases the GIL, cached on disk, same bits on every machine.

    No fast-math, so LLVM may not reorder a sum; NumPy's error model, so a division is a division
    and loops vectorise. Use only ``+ - * /``, ``sqrt``, `fma` and the functions of
    `engine.compiled.elementary` where results must be the same everywhere: the C library's
    ``exp`` and ``log`` are not.

    Parameters
    ----------
    function : callable
        The Python function to compile; a closure is fine.
    boundscheck : bool
        Check every index (for code that users write).

    Returns
    -------
    callable
        The compiled function; ``.py_func`` is the original.
    """
    options = {"nogil": True, "error_model": "numpy", "boundscheck": boundscheck}

    def compiled(target: F) -> F:
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", boundscheck=boundscheck)(
            target
        )
        if hasattr(dispatcher, "_cache"):  # absent under NUMBA_DISABLE_JIT
            dispatcher._cache = SourceHashCache(target, options)
        return cast("F", dispatcher)

    return compiled if function is None else compiled(function)


def inlined(function: F) -> F:
    """Compile a small piece that is merged into every kernel that calls it.

    A call inside a loop keeps LLVM from vectorising it; NumPy's error model must hold here as in
    the kernel, or a division brings a branch.
    """
    return cast("F", numba.njit(forceinline=True, error_model="numpy")(function))

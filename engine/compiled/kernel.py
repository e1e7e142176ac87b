"""The two ways this project compiles a function."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast, overload

import numba

from engine.compiled.cache import KernelCache
from engine.compiled.code_hash import bytecode_hash

__all__ = ["inlined", "kernel", "named_by_content"]

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
        if target.__closure__ or not target.__module__.startswith("engine."):
            target = named_by_content(target)
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", boundscheck=boundscheck)(
            target
        )
        if hasattr(dispatcher, "_cache"):  # absent under NUMBA_DISABLE_JIT
            dispatcher._cache = KernelCache(target, options)
        return cast("F", dispatcher)

    return compiled if function is None else compiled(function)


def inlined(function: F) -> F:
    """Compile a small piece that is merged into every kernel that calls it.

    A call inside a loop keeps LLVM from vectorising it; NumPy's error model must hold here as in
    the kernel, or a division brings a branch.
    """
    return cast("F", numba.njit(forceinline=True, error_model="numpy")(function))


def named_by_content(function: F) -> F:
    """Return a copy of a function whose qualified name ends in a hash of what it computes.

    Numba tells functions of one name apart by a counter of the process. Kernels that two
    processes compiled meet in a third that reads both from disk; under one symbol it would run
    one of them for both.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = function.__annotations__
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    copy.__qualname__ = f"{function.__qualname__}.{bytecode_hash(function).digest[:16]}"
    return cast("F", copy)

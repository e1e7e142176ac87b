"""What a user's function calls, compiled."""

from __future__ import annotations

import builtins
import types
from functools import cache
from typing import Any

import numba

from engine.compiled.kernel import named_by_content
from engine.strategies.captured import captured_values, taken_from
from engine.strategies.series import crossed_above, crossed_below

__all__ = ["compiled_function", "namespace_of"]


def namespace_of(function: types.FunctionType) -> dict[str, Any]:
    """Return what the global and captured names of a function mean, helpers compiled."""
    return {
        name: _compiled_helper(value, function) for name, value in captured_values(function).items()
    }


@cache
def compiled_function(function: types.FunctionType) -> Any:
    """Compile a user's function and its helpers: an index beyond an array raises."""
    scope = {"__builtins__": builtins, **namespace_of(function)}
    copy = types.FunctionType(
        function.__code__.replace(co_freevars=())
        if not function.__closure__
        else function.__code__,
        scope,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__ = function.__module__
    return numba.njit(error_model="numpy", boundscheck=True)(named_by_content(copy))


def _compiled_helper(value: Any, user: types.FunctionType) -> Any:
    if isinstance(value, types.FunctionType) and value not in (crossed_above, crossed_below):
        return compiled_function(value)
    taken = taken_from(value, user) if isinstance(value, types.ModuleType) else {}
    if not taken:
        return value
    # A module as the compiler should see it: with its functions compiled.
    module = types.ModuleType(value.__name__)
    for name, item in taken.items():
        setattr(module, name, _compiled_helper(item, user))
    return module

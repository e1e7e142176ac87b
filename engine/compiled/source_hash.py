"""A hash of everything that decides what a function computes."""

from __future__ import annotations

import enum
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.types import Type
from numba.extending import _Intrinsic

__all__ = ["modules_of", "source_hash"]

# Their behaviour is named by their version, which the kernel cache adds to its key.
_FOREIGN = ("numba", "numpy", "llvmlite", "scipy", "math", "builtins", "typing", "operator")

_CODE = types.FunctionType | Dispatcher | staticmethod | classmethod


def source_hash(function: Callable[..., Any]) -> str:
    """SHA-256 of a function, everything it calls and every constant it captures.

    The code object is hashed, not the text of the file, so comments and line numbers do not
    count and the hash is that of the code which runs, even when the file was edited since its
    import. Globals and closure cells are followed by name, compiled functions through their
    Python originals, recursively. Functions of NumPy, Numba and the standard library count by
    name only.

    Parameters
    ----------
    function : callable
        A Python function, a compiled function or a class.

    Returns
    -------
    str
        64 hexadecimal digits. They depend on the Python minor version, whose bytecode they hash.
    """
    return _walk(function)[0]


def modules_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Modules of a function and all it calls: machine code refers to them by name."""
    return tuple(sorted(_walk(function)[1].modules))


@dataclass
class _Walk:
    """What was met, by identity, and the modules it came from."""

    order: dict[int, int] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)


def _walk(function: Callable[..., Any]) -> tuple[str, _Walk]:
    digest = hashlib.sha256()
    seen = _Walk()
    for token in _tokens(function, seen):
        digest.update(token.encode())
        digest.update(b"\0")
    return digest.hexdigest(), seen


def _tokens(value: Any, seen: _Walk) -> Iterator[str]:
    """Describe `value` without addresses; what was met before is named by its order."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield f"{type(value).__name__}:{value!r}"
    elif isinstance(value, np.generic | np.dtype | Type | range | type(Ellipsis)):
        yield f"{type(value).__name__}:{value!s}"
    elif id(value) in seen.order:
        yield f"seen:{seen.order[id(value)]}"
    else:
        seen.order[id(value)] = len(seen.order)
        yield from _compound_tokens(value, seen)


def _compound_tokens(value: Any, seen: _Walk) -> Iterator[str]:
    if isinstance(value, Dispatcher):
        yield f"compiled:{sorted((k, str(v)) for k, v in value.targetoptions.items())}"
        yield from _tokens(value.py_func, seen)
    elif isinstance(value, _Intrinsic):
        yield "intrinsic"
        yield from _tokens(value._defn, seen)
    elif isinstance(value, types.FunctionType):
        yield from _function_tokens(value, seen)
    elif isinstance(value, types.MethodType | staticmethod | classmethod):
        yield from _tokens(value.__func__, seen)
    elif isinstance(value, types.BuiltinFunctionType):
        yield f"builtin:{value.__qualname__}"  # its text form holds an address
    elif isinstance(value, types.ModuleType):
        yield f"module:{value.__name__}"
    elif isinstance(value, np.ndarray):
        yield f"array:{value.dtype}:{value.shape}"
        yield hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    elif isinstance(value, enum.Enum):
        yield f"enum:{value!s}:{value.value!r}"
    elif isinstance(value, tuple | list):
        yield f"{type(value).__name__}:{len(value)}:{getattr(value, '_fields', '')}"
        for item in value:
            yield from _tokens(item, seen)
    elif isinstance(value, dict):
        yield f"dict:{len(value)}"
        for key, item in value.items():
            yield from _tokens(key, seen)
            yield from _tokens(item, seen)
    elif isinstance(value, set | frozenset):
        yield f"{type(value).__name__}:{sorted(map(repr, value))}"
    elif inspect.isclass(value):
        yield from _class_tokens(value, seen)
    else:
        yield f"object:{type(value).__module__}.{type(value).__qualname__}"
        if type(value).__repr__ is not object.__repr__:
            yield repr(value)


def _function_tokens(function: types.FunctionType, seen: _Walk) -> Iterator[str]:
    yield f"function:{function.__qualname__}"
    if _is_foreign(function.__module__):
        return
    seen.modules.add(str(function.__module__))
    yield from _tokens(function.__defaults__, seen)
    yield from _tokens(function.__kwdefaults__, seen)
    yield from _code_tokens(function.__code__, function.__globals__, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"cell:{name}"
        try:
            content = cell.cell_contents
        except ValueError:  # an empty cell: the name is not yet bound
            yield "empty"
        else:
            yield from _tokens(content, seen)


def _code_tokens(code: types.CodeType, namespace: dict[str, Any], seen: _Walk) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_argcount, code.co_kwonlyargcount))
    for constant in _without_docstring(code):
        if isinstance(constant, types.CodeType):
            yield from _code_tokens(constant, namespace, seen)
        else:
            yield f"constant:{constant!r}"
    for name in code.co_names:
        if name in namespace:
            yield f"global:{name}"
            yield from _tokens(namespace[name], seen)
            yield from _attribute_tokens((name,), (namespace[name],), code.co_names, seen)


def _attribute_tokens(
    path: tuple[str, ...], owners: tuple[Any, ...], names: tuple[str, ...], seen: _Walk
) -> Iterator[str]:
    """Describe what code with these names may take from a module, and from modules in it."""
    module = owners[-1]
    if not isinstance(module, types.ModuleType) or _is_foreign(module.__name__):
        return
    for attribute in names:
        value = getattr(module, attribute, None)
        if hasattr(module, attribute) and not any(value is owner for owner in owners):
            yield f"attribute:{'.'.join((*path, attribute))}"
            yield from _tokens(value, seen)
            yield from _attribute_tokens((*path, attribute), (*owners, value), names, seen)


def _without_docstring(code: types.CodeType) -> tuple[Any, ...]:
    constants = code.co_consts
    documented = bool(constants) and isinstance(constants[0], str)
    if sys.version_info >= (3, 13):  # before, a function without one had None in its place
        documented = bool(code.co_flags & 0x4000000)
    return constants[1:] if documented else constants


def _class_tokens(cls: type, seen: _Walk) -> Iterator[str]:
    yield f"class:{cls.__qualname__}:{getattr(cls, '_fields', '')}"
    if _is_foreign(cls.__module__):
        return
    for name, member in vars(cls).items():
        constant = isinstance(member, bool | int | float | str | tuple)
        if isinstance(member, _CODE) or (constant and not name.startswith("__")):
            yield f"member:{name}"
            yield from _tokens(member, seen)


def _is_foreign(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in _FOREIGN

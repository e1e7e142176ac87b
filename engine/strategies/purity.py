"""What a hook may not touch: a decision follows from bars, parameters and state alone.

The text of a hook and of every helper it calls is searched for chance, clocks, files and output,
and for changes of what simulations share. What cannot be seen in the text, the look-ahead audit
measures.
"""

from __future__ import annotations

import ast
import builtins
import ctypes
import inspect
import random
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

import numba
import numpy as np

from engine.compiled.compiler import original_of
from engine.strategies.captured import captured_values, from_library, parts_of, taken_from
from engine.strategies.hook_text import HookText, StrategyError

__all__ = ["check_purity", "pieces_of"]

_IMPURE_MODULES: Final = frozenset(
    (
        "_ctypes",
        "cffi",
        "ctypes",
        "datetime",
        "io",
        "mtrand",
        "multiprocessing",
        "numpy.random",
        "os",
        "pathlib",
        "posix",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "sys",
        "threading",
        "time",
        "uuid",
    )
)
_IMPURE_BUILTINS: Final = frozenset(
    getattr(builtins, name)
    for name in (
        "__import__",
        "compile",
        "eval",
        "exec",
        "getattr",
        "globals",
        "hash",
        "id",
        "input",
        "locals",
        "open",
        "print",
        "setattr",
        "vars",
    )
)
_BACK_DOORS: Final = tuple(getattr(numba, name) for name in ("objmode", "carray", "farray"))
_CHANCE: Final = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_MUTABLE: Final = (list, dict, set, bytearray, np.ndarray)
_CHANGES: Final = frozenset(
    (
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "fill",
        "insert",
        "itemset",
        "partition",
        "pop",
        "popitem",
        "put",
        "remove",
        "resize",
        "reverse",
        "setdefault",
        "sort",
        "update",
    )
)
_REASON: Final = "a decision follows from bars, parameters and state alone"
_MISSING: Final = object()


def check_purity(hook: types.FunctionType) -> None:
    """Refuse a hook that reads or changes anything outside its simulation.

    Raises
    ------
    StrategyError
        If it, or a helper it calls, does; names the line.
    """
    for function in pieces_of(hook):
        _check(function)


def pieces_of(hook: types.FunctionType) -> Iterator[types.FunctionType]:
    """Yield a hook and the user's helpers that it calls, each once."""
    waiting, known = [hook], {hook}
    while waiting:
        function = waiting.pop()
        yield function
        for value in _within_reach(function):
            helper = original_of(value)
            if not isinstance(helper, types.FunctionType) or helper in known:
                continue
            if not from_library(helper.__module__):
                known.add(helper)
                waiting.append(helper)


def _within_reach(function: types.FunctionType) -> Iterator[Any]:
    for value in captured_values(function).values():
        yield value
        if isinstance(value, types.ModuleType):
            yield from taken_from(value, function).values()


def _check(function: types.FunctionType) -> None:
    scope = _Scope(function)
    tree, error = _text_of(function)
    for name, default in _defaults(function):
        if isinstance(default, _MUTABLE):
            raise error(
                tree,
                f"the default of {name!r} is shared by all simulations; found "
                f"{type(default).__name__}, allowed a number",
            )
    known: set[ast.AST] = set()
    for node in (item for statement in tree.body for item in ast.walk(statement)):
        if isinstance(node, ast.With):
            raise error(node, "`with` is not supported")
        if isinstance(node, ast.Global | ast.Nonlocal):
            word = type(node).__name__.lower()
            raise error(node, f"`{word}` is not supported; keep state on self")
        _check_change(node, scope, error)
        if isinstance(node, ast.Name | ast.Attribute) and node not in known:
            # The longest dotted name comes first: np.random.normal, not np.random.
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute):
                inner = inner.value
                known.add(inner)
            value = scope.value(node, error)
            if value is not _MISSING:
                _check_value(node, value, error)


def _check_value(node: ast.AST, value: Any, error: Callable[..., StrategyError]) -> None:
    text = ast.unparse(node)
    if value is print:
        raise error(node, "`print` is not supported; trades and orders are recorded on request")
    owner = getattr(value, "__self__", None)
    impure = (
        _is_impure_module(value.__name__ if isinstance(value, types.ModuleType) else "")
        or (callable(value) and _is_impure_module(str(getattr(value, "__module__", ""))))
        or _is_impure_module(type(value).__module__)
        or isinstance(value, _CHANCE)
        or isinstance(owner, _CHANCE)
        or (isinstance(owner, type) and _is_impure_module(owner.__module__))
        or any(value is door for door in _BACK_DOORS)
        or (isinstance(value, types.BuiltinFunctionType) and value in _IMPURE_BUILTINS)
        or isinstance(value, ctypes._SimpleCData)
    )
    if impure:
        raise error(node, f"`{text}` is not supported: {_REASON}")
    if isinstance(value, np.ndarray) and value.dtype.names:
        raise error(node, f"`{text}` is an array of records, allowed arrays of numbers")


def _is_impure_module(name: str) -> bool:
    return any(name == item or name.startswith(f"{item}.") for item in _IMPURE_MODULES)


def _check_change(node: ast.AST, scope: _Scope, error: Callable[..., StrategyError]) -> None:
    """Refuse a change of something that was made outside the function."""
    root: ast.AST | None = None
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        root = node.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _CHANGES
    ):
        root = node.func.value
    while isinstance(root, ast.Subscript | ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and not scope.is_local(root.id):
        value = scope.value(root, error)
        if value is not _MISSING and not isinstance(value, types.ModuleType):
            raise error(
                node, f"`{root.id}` is shared by all simulations, not changed; keep state on self"
            )


class _Scope:
    """What the names of a function mean."""

    def __init__(self, function: types.FunctionType) -> None:
        self.local = set(function.__code__.co_cellvars)
        for code in parts_of(function.__code__):
            self.local |= set(code.co_varnames)
        self.names = {
            **vars(builtins),
            **function.__globals__,
            **captured_values(function),
        }

    def is_local(self, name: str) -> bool:
        return name in self.local or name not in self.names

    def value(self, node: ast.AST, error: Callable[..., StrategyError]) -> Any:
        """Return what a dotted name stands for, if that is known before the run."""
        if isinstance(node, ast.Name):
            return _MISSING if self.is_local(node.id) else self.names[node.id]
        if not isinstance(node, ast.Attribute):
            return _MISSING
        owner = self.value(node.value, error)
        if not isinstance(owner, (types.ModuleType, type, *_CHANCE)):
            # Of anything else the owner decides: it may be a clock or a generator itself.
            return owner
        found = getattr(owner, node.attr, _MISSING)
        if found is _MISSING and isinstance(owner, types.ModuleType):
            raise error(node, f"`{ast.unparse(node)}` is not defined")
        return found


def _defaults(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            yield name, parameter.default


def _text_of(
    function: types.FunctionType,
) -> tuple[ast.FunctionDef | ast.Module, Callable[..., StrategyError]]:
    """Return the syntax tree of a function, and what makes errors that point into it.

    A function without readable text, such as a lambda, is searched by the names it uses.
    """
    try:
        hook = HookText(function)
        return hook.definition(), hook.error
    except (StrategyError, SyntaxError):
        pass
    code = function.__code__
    names = [ast.Expr(ast.Name(name, ast.Load())) for name in code.co_names]
    tree = ast.fix_missing_locations(ast.Module(body=list(names), type_ignores=[]))

    def error(node: ast.AST, message: str) -> StrategyError:
        return StrategyError(f"{code.co_filename}, line {code.co_firstlineno}: {message}")

    return tree, error

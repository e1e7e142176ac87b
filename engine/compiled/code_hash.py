"""Hashes of everything that decides what a function computes.

`code_hash` says what code *means*: it names stored results, so it is equal on every machine.
`bytecode_hash` says what this interpreter *runs*: it names compiled kernels, which belong to one
version of Python anyway; nothing is parsed for it, and a process hashes hundreds of functions
before its first simulation.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterable
from typing import Any, NamedTuple

from engine.compiled.libraries import library_of
from engine.compiled.outer_names import Import
from engine.compiled.running_code import code_form, syntax_form_of
from engine.compiled.value_hash import ValueWalk

__all__ = ["BytecodeHash", "bytecode_hash", "code_hash"]


def code_hash(value: Any) -> str:
    """SHA-256 of what a function or class means, of all it calls and of every value it captures.

    Parameters
    ----------
    value : object
        A function, a class or a compiled function; also plain values, containers, arrays and
        objects, with the functions in them.

    Returns
    -------
    str
        64 hexadecimal digits: equal in every process and folder, on every machine and version of
        Python, and whatever the hash seed.

    Notes
    -----
    A function counts by the canonical form of its syntax tree (`engine.compiled.syntax_form`):
    comments, docstrings, places, formatting and annotations do not. Names from outside are
    followed by value, recursively: globals, enclosing names, and the attributes of modules that
    the function names. NumPy, Numba, SciPy and Python's own functions count by name, those of
    other installed packages by name and version. What a user's code takes of the engine counts by
    name too, kernels aside: `ENGINE_VERSION` stands for it, and its tables of what was loaded say
    nothing. Of a class counts what was written in it: not what `dataclass` generates, nor
    values of fields with ``compare=False``. An object that has no value, such as a lock, counts by
    its class.

    The code that runs is meant, even when its file was edited since the import: a text is trusted
    if it compiles to the function's code. Without such a text (code made by `exec`, or edited)
    the bytecode is hashed: equal in every process, but of one version of Python only.

    Examples
    --------
    >>> code_hash({"fee": 0.1}) == code_hash({"fee": 1e-1})
    True
    """
    return _Meaning(engine_by_name=True).hash_of(value)


class BytecodeHash(NamedTuple):
    """What this interpreter runs when it calls a function."""

    digest: str
    """64 hexadecimal digits; they depend on the version of Python."""
    modules: tuple[str, ...]
    """Modules of the function and of all it calls: machine code refers to them by name."""


def bytecode_hash(function: Any) -> BytecodeHash:
    """SHA-256 of a function's bytecode, of all it calls and of every value it captures.

    Parameters
    ----------
    function : callable
        A Python function or a compiled function.
    """
    walk = _Bytecode(engine_by_name=False)
    digest = walk.hash_of(function)
    return BytecodeHash(digest, tuple(sorted(walk.modules)))


class _FunctionWalk(ValueWalk):
    """What both hashes say of a function besides its code."""

    def _add_outside(
        self, function: types.FunctionType, names: Iterable[str], attributes: Iterable[str]
    ) -> None:
        """Add the defaults of a function and what its names from outside mean."""
        self._add(function.__defaults__)
        self._add(function.__kwdefaults__)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for name in names:
            self._say(name)
            if name in cells:
                self._add_cell(cells[name])
            # A module's own names, such as __file__, would tell a folder.
            elif name in function.__globals__ and not name.startswith("__"):
                value = function.__globals__[name]
                self._add(value)
                self._add_attributes((value,), attributes)

    def _add_attributes(self, owners: tuple[Any, ...], attributes: Iterable[str]) -> None:
        """Add what code with these attributes may take from a module, and from modules in it."""
        module = owners[-1]
        if not isinstance(module, types.ModuleType) or library_of(module.__name__) is not None:
            return
        for name in attributes:
            value = getattr(module, name, None)
            if hasattr(module, name) and not any(value is owner for owner in owners):
                self._say(name)
                self._add(value)
                self._add_attributes((*owners, value), attributes)


class _Meaning(_FunctionWalk):
    def _describe_function(self, function: types.FunctionType) -> None:
        form = syntax_form_of(function)
        if form is None:
            code = code_form(function.__code__)
            self._say("bytecode", code.digest)
            self._add_outside(function, (*code.names, *code.free), code.names)
        else:
            self._say("function", form.digest)
            self._add_outside(function, form.names, form.attributes)
            for item in form.imports:
                value = _imported(item, function)
                self._say("import")
                self._add(value)
                self._add_attributes((value,), form.attributes)
        for name, value in sorted(vars(function).items()):
            if not name.startswith("__"):
                self._say(name)
                self._add(value)


class _Bytecode(_FunctionWalk):
    def _describe_function(self, function: types.FunctionType) -> None:
        code = code_form(function.__code__)
        # Machine code is named by the name of the function.
        self._say("function", function.__qualname__, code.digest)
        self._add_outside(function, (*code.names, *code.free), code.names)


def _imported(item: Import, function: types.FunctionType) -> Any:
    """Return what an import inside a function binds; None where there is no such thing."""
    package = function.__globals__.get("__package__")
    try:
        module = importlib.import_module("." * item.level + item.module, package)
        if item.name is None:
            return module
        if not hasattr(module, item.name):
            return importlib.import_module(f"{module.__name__}.{item.name}")
    except Exception:  # whatever a module does when it is imported
        return None
    return getattr(module, item.name)

"""The code that runs: its own form, and the syntax tree that it was compiled from.

A file may have been edited since it was imported. So a text counts as the text of a function
only if compiling it again gives the function's code, wherever in the file that stands now.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import sys
import types
import warnings
import weakref
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from engine.compiled.syntax_form import FunctionNode, SyntaxForm, form_of_constant, syntax_form

__all__ = ["CodeForm", "code_form", "syntax_form_of"]

# Texts of a file that are remembered: it may be edited and loaded again by a running process.
_TEXTS_PER_FILE = 4
_FILES = 64
_HAS_DOCSTRING = 0x4000000
_KIND = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


class CodeForm(NamedTuple):
    """What the bytecode of a function says, for this version of Python."""

    digest: str
    """SHA-256 of the instructions and constants, without places and docstring."""
    names: tuple[str, ...]
    """Global and attribute names that it uses, those of functions inside it too."""
    free: tuple[str, ...]
    """Names of enclosing functions that it uses."""


def code_form(code: types.CodeType) -> CodeForm:
    """Return the form of a code object; equal in every process of one version of Python."""
    known = _CODE_FORMS.get(code)
    if known is None:
        content = hashlib.sha256()
        for part in _code_parts(code):
            content.update(part.encode("utf-8", "surrogatepass"))
            content.update(b"\0")
        names = dict.fromkeys(name for part in _codes_in(code) for name in part.co_names)
        known = CodeForm(content.hexdigest(), tuple(names), code.co_freevars)
        _CODE_FORMS.set(code, known)
    return known


def syntax_form_of(function: types.FunctionType) -> SyntaxForm | None:
    """Return the canonical form of the text that a function was compiled from.

    Parameters
    ----------
    function : function
        Any Python function: of a file, a notebook or a text in `linecache`.

    Returns
    -------
    SyntaxForm or None
        None where there is no text, or none that gives this code: the function was made by
        `exec`, or edited in its file since the import.
    """
    code = function.__code__
    found = _SYNTAX_FORMS.get(code)
    if found is None:
        node = _syntax_of(code, function.__globals__)
        if node is None:
            return None
        found = syntax_form(node)
        _SYNTAX_FORMS.set(code, found)
    return found


F = TypeVar("F")


class _ByIdentity(Generic[F]):
    """A table of code objects; equal ones stay apart, and each is forgotten with its code."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[types.CodeType], F]] = {}

    def get(self, code: types.CodeType) -> F | None:
        entry = self._entries.get(id(code))
        return entry[1] if entry is not None and entry[0]() is code else None

    def set(self, code: types.CodeType, value: F) -> None:
        key, entries = id(code), self._entries
        entries[key] = (weakref.ref(code, lambda _: entries.pop(key, None)), value)


_CODE_FORMS: _ByIdentity[CodeForm] = _ByIdentity()
_SYNTAX_FORMS: _ByIdentity[SyntaxForm] = _ByIdentity()


def _code_parts(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield code.co_exceptiontable.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    yield repr((counts, code.co_flags & _KIND))
    for constant in _without_docstring(code):
        if isinstance(constant, types.CodeType):
            yield code_form(constant).digest
        else:
            yield form_of_constant(constant)


def _without_docstring(code: types.CodeType) -> tuple[Any, ...]:
    constants = code.co_consts
    if sys.version_info >= (3, 13):
        return constants[1:] if code.co_flags & _HAS_DOCSTRING else constants
    # Before, None stands in its place: in functions, not in classes, lambdas and comprehensions.
    is_function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
    documented = is_function and constants and isinstance(constants[0], str)
    return (None, *constants[1:]) if documented else constants


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those of all functions and classes inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes_in(constant)


def _syntax_of(code: types.CodeType, namespace: dict[str, Any]) -> FunctionNode | None:
    name = code.co_filename
    texts = _TEXTS.get(name, [])
    for known in texts:
        node = known.node_of(code)
        if node is not None:
            return node
    linecache.checkcache(name)
    text = "".join(linecache.getlines(name, namespace))
    if not text or any(known.text == text for known in texts):
        return None
    parsed = _Parsed(text)
    _TEXTS.pop(name, None)  # the newest file comes last
    _TEXTS[name] = [parsed, *texts[: _TEXTS_PER_FILE - 1]]
    while len(_TEXTS) > _FILES:
        del _TEXTS[next(iter(_TEXTS))]
    return parsed.node_of(code)


class _Parsed:
    """A text, its tree, and the code that it compiles to."""

    def __init__(self, text: str) -> None:
        self.text = text

    def node_of(self, code: types.CodeType) -> FunctionNode | None:
        """Return the function that compiles to `code`, or None."""
        same = [
            twin
            for twin in self._codes.get(code.co_qualname, ())
            if code_form(twin).digest == code_form(code).digest
        ]
        if not same:
            return None
        twin = min(
            same,
            key=lambda twin: (
                twin.co_firstlineno != code.co_firstlineno,
                twin.co_linetable != code.co_linetable,
            ),
        )
        if twin.co_name == "<lambda>":
            return self._lambda_at(twin)
        return self._definitions.get((twin.co_firstlineno, twin.co_name))

    @cached_property
    def _tree(self) -> ast.Module:
        return _tree_of(self.text)

    @cached_property
    def _codes(self) -> dict[str, list[types.CodeType]]:
        found: dict[str, list[types.CodeType]] = defaultdict(list)
        for code in _compiled(self._tree):
            found[code.co_qualname].append(code)
        return found

    @cached_property
    def _definitions(self) -> dict[tuple[int, str], FunctionNode]:
        found: dict[tuple[int, str], FunctionNode] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.decorator_list[0] if node.decorator_list else node
                found[first.lineno, node.name] = node
        return found

    def _lambda_at(self, twin: types.CodeType) -> FunctionNode | None:
        for line, node, marked in self._lambdas:
            if line == twin.co_firstlineno and code_form(marked).digest == code_form(twin).digest:
                return node
        return None

    @cached_property
    def _lambdas(self) -> list[tuple[int, ast.Lambda, types.CodeType]]:
        """Line, tree and code of each.

        Several may stand on one line, and what returns a constant has no place at all. So each is
        compiled as if it stood on lines of its own, which its code is known by.
        """
        tree = _tree_of(self.text)
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        lines = [node.lineno for node in nodes]
        span = self.text.count("\n") + 2
        for number, node in enumerate(nodes, 1):  # those inside another come after it
            for part in ast.walk(node):
                if isinstance(part, ast.expr | ast.arg | ast.keyword):
                    part.lineno = part.lineno % span + number * span
                    part.end_lineno = (part.end_lineno or 0) % span + number * span
        codes = {code.co_firstlineno: code for code in _compiled(tree)}
        return [
            (line, node, codes[node.lineno])
            for line, node in zip(lines, nodes, strict=True)
            if node.lineno in codes
        ]


def _tree_of(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])  # half an edit


def _compiled(tree: ast.Module) -> list[types.CodeType]:
    """Return the code of a module and of all that is defined in it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = compile(tree, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(_codes_in(module))


_TEXTS: dict[str, list[_Parsed]] = {}

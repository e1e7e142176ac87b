"""The canonical form of a function's syntax: what it says, not how it is written.

`ast.dump` differs between Python versions and repeats what cannot matter. Here a tree becomes one
text that is equal on every version: without places, comments, docstrings, statements without
effect, and annotations; with constants told apart by type.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from engine.compiled.outer_names import Import, OuterNames

__all__ = ["FunctionNode", "SyntaxForm", "canonical_text", "form_of_constant", "syntax_form"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

# Fields that follow from others, tell how something is written, or cannot matter in a function.
_UNREAD = frozenset(("annotation", "ctx", "kind", "returns", "type_comment", "type_params"))
_STATEMENTS = frozenset(("body", "finalbody", "orelse"))
_Part = ast.AST | str


class SyntaxForm(NamedTuple):
    """What the text of a function says."""

    digest: str
    """SHA-256 of the canonical text."""
    names: tuple[str, ...]
    """Names that it takes from outside, in the order of their first use."""
    attributes: tuple[str, ...]
    """Names of the attributes that it reads or writes, of whatever object."""
    imports: tuple[Import, ...]
    """What it imports when it runs."""


def syntax_form(function: FunctionNode) -> SyntaxForm:
    """Return the canonical form of a function.

    Its name, decorators and defaults are left out: what they made is known by value.

    Parameters
    ----------
    function : ast.FunctionDef, ast.AsyncFunctionDef or ast.Lambda
        A tree as `ast.parse` makes it, of any Python version.
    """
    found = OuterNames(function)
    text = _joined([f"({type(function).__name__}", *_root_parts(function), ")"])
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return SyntaxForm(digest, found.names, found.attributes, found.imports)


def canonical_text(tree: ast.AST) -> str:
    """Return the canonical text of a tree.

    Examples
    --------
    >>> canonical_text(ast.parse("x = 1_000  # many", mode="exec").body[0])
    "(Assign targets[ (Name id'x' ) ] value (Constant int:0x3e8 ) )"
    """
    return _joined([tree])


def form_of_constant(value: Any) -> str:
    """Return a text that is equal for equal constants of one type.

    1, 1.0 and True differ, and so do 0.0 and -0.0; the members of a frozenset have no order.
    """
    kind = type(value)
    if kind is int:
        return f"int:{value:#x}"
    if kind is float:
        return f"float:{value.hex()}"
    if kind is complex:
        return f"complex:{value.real.hex()},{value.imag.hex()}"
    if kind is tuple:
        return f"tuple:({', '.join(map(form_of_constant, value))})"
    if kind is frozenset:
        return f"frozenset:({', '.join(sorted(map(form_of_constant, value)))})"
    return f"{kind.__name__}:{value!r}"  # None, True, an ellipsis, text and bytes


def _joined(parts: Iterable[_Part]) -> str:
    """Join parts in order; iterative, since a sum of a thousand terms is a thousand levels deep."""
    found: list[str] = []
    waiting = list(parts)[::-1]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            found.append(part)
        else:
            waiting.extend(reversed(_parts(part)))
    return " ".join(found)


def _root_parts(function: FunctionNode) -> list[_Part]:
    given = ast.arguments(
        posonlyargs=function.args.posonlyargs,
        args=function.args.args,
        vararg=function.args.vararg,
        kwonlyargs=function.args.kwonlyargs,
        kw_defaults=[],
        kwarg=function.args.kwarg,
        defaults=[],
    )
    if isinstance(function, ast.Lambda):
        return [given, function.body]
    return [given, *_statements(function.body)]


def _parts(node: ast.AST) -> list[_Part]:
    kind = type(node)
    if kind is ast.Constant or kind is ast.MatchSingleton:
        return [f"({kind.__name__}", form_of_constant(node.value), ")"]  # type: ignore[attr-defined]
    if isinstance(node, ast.JoinedStr):
        return _text_parts(node)
    if isinstance(node, ast.ClassDef):
        return _class_parts(node)
    parts: list[_Part] = [f"({kind.__name__}"]
    for name in _fields(kind._fields):
        value = getattr(node, name, None)
        if value is None or value == []:
            continue  # so that a field which a newer Python adds does not count until it is used
        if isinstance(value, list):
            items = _items(name, value)
            parts += [f"{name}[", *items, "]"] if items else []
        elif isinstance(value, ast.AST):
            if name == "format_spec" and isinstance(value, ast.JoinedStr) and not _pieces(value):
                continue
            parts += [name, value]
        else:
            parts.append(f"{name}{value!r}")
    return [*parts, ")"]


@cache
def _fields(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - _UNREAD))


def _items(name: str, values: list[Any]) -> list[_Part]:
    if name in _STATEMENTS and all(isinstance(value, ast.stmt) for value in values):
        return _statements(values)
    return [
        "None" if value is None else value if isinstance(value, ast.AST) else repr(value)
        for value in values
    ]


def _statements(body: list[ast.stmt]) -> list[_Part]:
    """Return the statements that do something; an annotated assignment is an assignment."""
    found: list[_Part] = []
    for statement in body:
        if isinstance(statement, ast.AnnAssign):
            if statement.value is not None:
                found.append(ast.Assign([statement.target], statement.value))
        elif not _does_nothing(statement):
            found.append(statement)
    return found


def _does_nothing(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Pass)


def _class_parts(node: ast.ClassDef) -> list[_Part]:
    """Keep the annotations of a class body: they are what makes the fields of a dataclass."""
    parts: list[_Part] = ["(ClassDef", repr(node.name)]
    for name in ("decorator_list", "bases", "keywords"):
        parts += [f"{name}[", *getattr(node, name), "]"]
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            parts += ["(Field", statement.target, statement.annotation]
            parts += [statement.value or "None", ")"]
        elif not _does_nothing(statement):
            parts.append(statement)
    return [*parts, ")"]


def _text_parts(node: ast.JoinedStr) -> list[_Part]:
    pieces = _pieces(node)
    if all(isinstance(piece, str) for piece in pieces):
        return [f"(Constant {form_of_constant(''.join(map(str, pieces)))} )"]
    texts: list[_Part] = [p if isinstance(p, ast.AST) else form_of_constant(p) for p in pieces]
    return ["(JoinedStr", *texts, ")"]


def _pieces(node: ast.JoinedStr) -> list[_Part]:
    """Return the parts of an f-string; Python's versions cut the text between values differently.

    An f-string without values inside another one is text like any other.
    """
    found: list[_Part] = []
    for value in node.values:
        inner = _pieces(value) if isinstance(value, ast.JoinedStr) else [value]
        for item in inner:
            piece = str(item.value) if isinstance(item, ast.Constant) else item
            if isinstance(piece, str) and found and isinstance(found[-1], str):
                found[-1] += piece
            elif piece != "":
                found.append(piece)
    return found

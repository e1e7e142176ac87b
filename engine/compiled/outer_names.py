"""Which names a function takes from outside, found in its syntax tree.

A code object lists them too, but differently in each Python version: comprehensions are functions
of their own before 3.12, and dead code is dropped sooner or later.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Import", "OuterNames"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Import(NamedTuple):
    """One name that an import statement inside a function binds."""

    module: str
    """The module, after the dots of a relative import."""
    level: int
    """Number of these dots."""
    name: str | None
    """What is taken from the module; None for the module itself."""


@dataclass
class _Scope:
    """A function, class or comprehension, and the names that it binds."""

    parent: _Scope | None
    kind: str  # "function", "class" or "comprehension"
    bound: set[str] = field(default_factory=set)
    global_: set[str] = field(default_factory=set)  # declared so
    nonlocal_: set[str] = field(default_factory=set)


class OuterNames:
    """What a function takes from outside.

    Parameters
    ----------
    function : ast.FunctionDef, ast.AsyncFunctionDef or ast.Lambda
        Its tree. Decorators, defaults and annotations are not read.

    Attributes
    ----------
    names : tuple of str
        Global, enclosing and built-in names, in the order of their first use.
    attributes : tuple of str
        Attributes of whatever object, in the order of their first use.
    imports : tuple of Import
        What is imported when it runs.
    """

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._uses: list[tuple[str, _Scope]] = []
        self._attributes: dict[str, None] = {}
        self._imports: dict[Import, None] = {}
        # Last in, first out; iterative, as expressions can be nested deeply.
        self._waiting: list[tuple[ast.AST, _Scope]] = []
        self._enter_function(function, None)
        while self._waiting:
            self._visit(*self._waiting.pop())
        outer = [name for name, scope in self._uses if _is_outer(name, scope)]
        self.names = tuple(dict.fromkeys(outer))
        self.attributes = tuple(self._attributes)
        self.imports = tuple(self._imports)

    def _push(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        self._waiting += [(node, scope) for node in reversed([*nodes]) if node is not None]

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._uses.append((node.id, scope))
            else:
                scope.bound.add(node.id)
        elif isinstance(node, _FUNCTIONS):
            self._enter_function(node, scope)
        elif isinstance(node, _COMPREHENSIONS):
            self._enter_comprehension(node, scope)
        elif isinstance(node, ast.ClassDef):
            scope.bound.add(node.name)
            self._push(node.body, _Scope(scope, "class"))
            self._push([*node.decorator_list, *node.bases, *node.keywords], scope)
        elif isinstance(node, ast.NamedExpr):
            # In a comprehension it binds a name of the function around.
            owner = scope
            while owner.kind == "comprehension" and owner.parent is not None:
                owner = owner.parent
            owner.bound.add(node.target.id)
            self._push([node.value], scope)
        elif isinstance(node, ast.AnnAssign):
            annotation = node.annotation if scope.kind == "class" else None
            self._push([node.target, annotation, node.value], scope)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            declared = scope.global_ if isinstance(node, ast.Global) else scope.nonlocal_
            declared.update(node.names)
            self._uses += [(name, scope) for name in node.names]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, scope)
        else:
            if isinstance(node, ast.Attribute):
                self._attributes[node.attr] = None
            scope.bound.update(_bound_by(node))
            self._push(ast.iter_child_nodes(node), scope)

    def _enter_function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        parent: _Scope | None,
    ) -> None:
        inner = _Scope(parent, "function")
        given = node.args
        every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
        inner.bound.update(argument.arg for argument in every if argument is not None)
        self._push([node.body] if isinstance(node, ast.Lambda) else node.body, inner)
        if parent is None:
            return
        self._push([*given.defaults, *given.kw_defaults], parent)
        if not isinstance(node, ast.Lambda):
            parent.bound.add(node.name)
            self._push(node.decorator_list, parent)

    def _enter_comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: _Scope,
    ) -> None:
        inner = _Scope(scope, "comprehension")
        if isinstance(node, ast.DictComp):
            self._push([node.key, node.value], inner)
        else:
            self._push([node.elt], inner)
        for index, part in reversed([*enumerate(node.generators)]):
            self._push([part.target, *part.ifs], inner)
            # The first iterable is computed outside.
            self._push([part.iter], inner if index else scope)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                scope.bound.add(alias.asname or alias.name.partition(".")[0])
                self._imports[Import(alias.name, 0, None)] = None
            else:
                scope.bound.add(alias.asname or alias.name)
                self._imports[Import(node.module or "", node.level, alias.name)] = None


def _bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node binds as plain text."""
    found: str | None = None
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        found = node.name
    elif isinstance(node, ast.MatchMapping):
        found = node.rest
    return [] if found is None else [found]


def _is_outer(name: str, scope: _Scope) -> bool:
    # What a class body binds may still be read from outside, before it is bound.
    here = scope.parent if scope.kind == "class" else scope
    while here is not None:
        if name in here.global_:
            return True
        if here.kind != "class" and name in here.bound and name not in here.nonlocal_:
            return False
        here = here.parent
    return True

"""Whether a strategy can tell a bar's high and low from its open and close.

Exact highs and lows of a simulated bar cost several times what its close costs. A strategy that
reads none, whose orders all fill at an open or a close, and whose account nothing inside a bar can
call for margin earns the same without them, to the bit. The proof is by the text of its hooks; what
it cannot decide counts as a read.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from engine.strategies.expression import Field
from engine.strategies.hook_text import definition_of
from engine.strategies.parameters import Choice
from engine.strategies.strategy import Strategy

__all__ = ["Values", "range_reads"]

#: What the parameter sets of a study choose: least and largest value by parameter, encoded.
Values = Mapping[str, tuple[float, float]]

_RANGES: Final = ("high", "low")
# Calls that place nothing that rests, opens nothing, and takes what is there.
_HARMLESS: Final = ("cancel", "cancel_all", "close", "good_till", "tag")
# Calls whose first argument alone says how much is bought; all others are the prices of a rest.
_SIZED: Final = (
    *("market", "market_on_close", "market_on_open"),
    *("percent", "target", "target_percent"),
)


def range_reads(cls: type[Strategy], values: Values, *, shortable: bool = True) -> tuple[str, ...]:
    """Return what of a strategy needs the ranges of bars, such as ``bar.high`` or ``order.limit``.

    Parameters
    ----------
    cls : type
        The strategy.
    values : mapping of str to (float, float)
        Least and largest encoded value of each parameter over the sets that will be run.
    shortable : bool
        Whether a position may be negative: a short can lose all of an account inside a bar.

    Returns
    -------
    tuple of str
        Sorted; empty where closes decide everything.

    Examples
    --------
    >>> from engine.strategies import get_strategy
    >>> range_reads(get_strategy("sma_crossover"), {})
    ()
    >>> range_reads(get_strategy("breakout"), {"sides": (0.0, 0.0)})
    ('indicator inner', 'indicator outer')
    """
    found = {
        f"indicator {name}"
        for name, item in cls.indicators.items()
        if any(isinstance(part, Field) and part.name in _RANGES for part in item.walk())
    }
    for name, function in cls.hooks().items():
        reader = _Reader(cls, values, shortable=shortable, of_targets=name == "signals")
        reader.read(definition_of(function))
        found |= reader.found
    return tuple(sorted(found))


class _Reader(ast.NodeVisitor):
    """Collects reads of ranges, leaving out branches that no parameter set takes."""

    def __init__(
        self, cls: type[Strategy], values: Values, *, shortable: bool, of_targets: bool
    ) -> None:
        self.cls = cls
        self.values = values
        self.shortable = shortable
        self.of_targets = of_targets
        self.found: set[str] = set()

    def read(self, definition: ast.FunctionDef) -> None:
        """Visit a hook."""
        arguments = [item.arg for item in definition.args.args]
        self.self_name = arguments[0] if arguments else ""
        self.target = arguments[2] if self.of_targets and len(arguments) > 2 else ""
        for statement in definition.body:
            self.visit(statement)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Take any attribute of this name for the bar's: a wrong guess costs time alone."""
        if node.attr in _RANGES:
            self.found.add(f"bar.{node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Judge the orders."""
        if isinstance(node.func, ast.Attribute) and _owner(node.func.value) == "order":
            self._order(node, node.func.attr)
        self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        """Visit the branches that some parameter set takes."""
        decided = self._decided(node.test)
        self.visit(node.test)
        for branch, taken in ((node.body, True), (node.orelse, False)):
            if decided is None or decided is taken:
                for item in branch if isinstance(branch, list) else [branch]:
                    self.visit(item)

    visit_IfExp = visit_If

    def visit_Assign(self, node: ast.Assign) -> None:
        """Judge what the vector form asks to hold."""
        for target in node.targets:
            if self.target and _owner(target) == self.target:
                if not self._is_holding(node.value):
                    self._may_be_short("signals")
            else:
                self.visit(target)
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        """Take the target under another name, or in a helper's hands, for one that may be short."""
        if self.target and node.id == self.target:
            self._may_be_short("signals")

    def _order(self, node: ast.Call, name: str) -> None:
        given = (*node.args, *(keyword.value for keyword in node.keywords))
        if name in _HARMLESS or (name == "long" and not given):
            pass
        elif name in _SIZED and len(given) == 1:
            if not self._is_holding(given[0]):
                self._may_be_short(f"order.{name}")
        elif name == "short" and not given:
            self._may_be_short("order.short")
        else:
            self.found.add(f"order.{name}")

    def _may_be_short(self, what: str) -> None:
        if self.shortable:
            self.found.add(f"a short position by {what}")

    def _is_holding(self, node: ast.AST) -> bool:
        """Whether an expression cannot be below zero."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return value >= 0
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.UnaryOp(op=ast.UAdd(), operand=value):
                return self._is_holding(value)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.Div(), right=right):
                return self._is_holding(left) and self._is_holding(right)
            case ast.BoolOp(values=several):
                return all(map(self._is_holding, several))
            case ast.IfExp(body=one, orelse=other):
                return self._is_holding(one) and self._is_holding(other)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == self.self_name:
                least = self.values.get(name, (-1.0, -1.0))[0]
                return name in self.cls.parameters and least >= 0.0
        return False

    def _decided(self, test: ast.expr) -> bool | None:
        """Return what a condition is in every parameter set; None where it depends."""
        match test:
            case ast.BoolOp(op=operator, values=several):
                known = [self._decided(item) for item in several]
                decisive = isinstance(operator, ast.Or)
                if decisive in known:
                    return decisive
                return None if None in known else not decisive
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                known_inner = self._decided(inner)
                return None if known_inner is None else not known_inner
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as asked], comparators=[right]):
                equal = self._equal(left, right)
                return None if equal is None else equal is isinstance(asked, ast.Eq)
        return None

    def _equal(self, read: ast.AST, constant: ast.AST) -> bool | None:
        """Return whether a `Choice` of words equals a constant, where all sets choose alike."""
        if isinstance(read, ast.Constant):
            read, constant = constant, read
        match read, constant:
            case ast.Attribute(value=ast.Name(id=owner), attr=name), ast.Constant(value=value):
                declared = self.cls.parameters.get(name)
                least, largest = self.values.get(name, (0.0, 1.0))
                if owner == self.self_name and isinstance(declared, Choice) and declared.words:
                    return bool(declared.decode(least) == value) if least == largest else None
        return None


def _owner(node: ast.AST) -> str:
    """Return the name before a dot, with or without an index."""
    inner = node.value if isinstance(node, ast.Subscript) else node
    return inner.id if isinstance(inner, ast.Name) else ""

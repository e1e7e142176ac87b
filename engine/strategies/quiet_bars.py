"""On which bars a hook can do anything at all, by its text.

Most bars of a strategy that waits for crossings are quiet. Where an ``on_bar`` acts behind them
alone, the event loop asks for them of many bars at once, with whatever else of bars, indicators and
parameters a condition asks, and calls the hook where the answer may be yes. The rest of a
condition, such as the position, is left out of the question, which makes the answer yes more often.
What the text does not decide is no question: the hook is called at every bar. So is one whose
conditions may hold for long: asking them twice would cost more than it saves.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from engine.strategies.crossings import Crossing
from engine.strategies.syntax import call, load

__all__ = ["Acts", "when_it_acts"]

# Reads of a series as the rewriter writes them: how many bars back, behind the other arguments.
_NOW: Final = {"mc_value": 4, "mc_field": 4}
_PAST: Final = {"mc_past": "mc_value", "mc_past_field": "mc_field"}
# Where the bar stands among their arguments.
_BAR: Final = {"mc_value": 3, "mc_field": 1}
_FUNCTIONS: Final = ("abs", "max", "min")
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


class Acts(NamedTuple):
    """Whether a hook may act at a bar.

    Parameters
    ----------
    function : callable
        ``(bar, simulation, parameters, rows, values) -> bool``, to be compiled; false where the
        hook changes nothing.
    bars_back : int
        Bars before it that it reads: it can be asked from this bar of a path on.
    """

    function: Callable[..., bool]
    bars_back: int


class _Event(ast.BinOp):
    """A condition that a crossing is part of."""


class _Undecided(Exception):
    """The text does not tell."""


def when_it_acts(definition: ast.FunctionDef, scope: Mapping[str, Any]) -> Acts | None:
    """Return when a rewritten hook without state may act; None if that may be at any bar.

    Parameters
    ----------
    definition : ast.FunctionDef
        The hook as `engine.strategies.rewriting` leaves it.
    scope : mapping of str to object
        What its names mean.
    """
    asker = _Asker(definition, scope)
    try:
        asked = asker.of_block(definition.body)
    except _Undecided:
        return None
    if not isinstance(asked, _Event):
        return None
    made = ast.parse("def acts(mc_t, mc_s, mc_p, mc_r, mc_rows): return None").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.body = [ast.Return(asked)]
    module = ast.Module(body=[ast.copy_location(made, definition)], type_ignores=[])
    ast.fix_missing_locations(module)
    names = dict(scope)
    exec(compile(module, "<when a hook acts>", "exec"), names)
    return Acts(names["acts"], asker.bars_back)


class _Asker:
    def __init__(self, definition: ast.FunctionDef, scope: Mapping[str, Any]) -> None:
        self.scope = scope
        self.bars_back = 0
        # What a name stands for that is given a value once, before all that reads it.
        self.meant: dict[str, ast.expr | None] = {}
        stored = [
            item.id
            for item in ast.walk(definition)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        ]
        self.given_once = {name for name in stored if stored.count(name) == 1}
        self.whole = definition.body

    # --- statements ---------------------------------------------------------------------

    def of_block(self, statements: Iterable[ast.stmt]) -> ast.expr:
        """Return the condition that any of some statements changes something."""
        return _any(self.of_statement(item) for item in statements)

    def of_statement(self, node: ast.stmt) -> ast.expr:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return ast.Constant(False)
            case ast.Return(value=ast.Tuple(elts=[])):
                return ast.Constant(False)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if name in self.given_once and node in self.whole and self.is_harmless(value):
                    self.meant[name] = self.number(value)
                    return ast.Constant(False)
            case ast.If(test=test, body=body, orelse=orelse):
                if not self.is_harmless(test):
                    raise _Undecided
                return _any([_both(self.at_most(test), self.of_block(body)), self.of_block(orelse)])
        return ast.Constant(True)

    # --- conditions -----------------------------------------------------------------------

    def at_most(self, node: ast.expr) -> ast.expr:
        """Return a condition that holds wherever that of the text does."""
        exact = self.condition(node)
        if exact is not None:
            return exact
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                asked: ast.expr = ast.Constant(True)
                for value in values:
                    asked = _both(asked, self.at_most(value))
                return asked
            case ast.BoolOp(op=ast.Or(), values=values):
                return _any(map(self.at_most, values))
        return ast.Constant(True)

    def condition(self, node: ast.expr) -> ast.expr | None:
        """Return the condition itself, without branches; None if it asks for something else."""
        match node:
            case ast.BoolOp(op=operator, values=values):
                several = [self.condition(value) for value in values]
                known = [value for value in several if value is not None]
                if len(known) < len(several):
                    return None
                if isinstance(operator, ast.Or):
                    return _any(known)
                kind = _Event if isinstance(node, Crossing) else ast.BinOp
                return _all(known, kind)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                opposite = self.condition(inner)
                return None if opposite is None else ast.UnaryOp(ast.Not(), opposite)
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [self.number(side) for side in (left, *others)]
                pairs: list[ast.expr] = [
                    ast.Compare(one, [operator], [other])
                    for one, operator, other in zip(sides, operators, sides[1:], strict=False)
                    if one is not None and other is not None and isinstance(operator, _COMPARISONS)
                ]
                return _all(pairs) if len(pairs) == len(operators) else None
        value = self.number(node)
        return None if value is None else ast.Compare(value, [ast.NotEq()], [ast.Constant(0)])

    def number(self, node: ast.expr) -> ast.expr | None:
        """Return a number of bars, indicators and parameters; None if it is of something else."""
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return node
            case ast.Name(id=name):
                return copy.deepcopy(self.meant.get(name))
            case ast.Subscript(value=ast.Name(id="mc_p"), slice=ast.Constant()):
                return node
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as operator, operand=inner):
                value = self.number(inner)
                return None if value is None else ast.UnaryOp(operator, value)
            case ast.BinOp(left=left, op=operator, right=right):
                one, other = self.number(left), self.number(right)
                if one is None or other is None or not isinstance(operator, _ARITHMETIC):
                    return None
                return ast.BinOp(one, operator, other)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.read(name, arguments)
        return None

    def read(self, name: str, arguments: list[ast.expr]) -> ast.expr | None:
        if name in _FUNCTIONS and name not in self.scope:
            values = [value for value in map(self.number, arguments) if value is not None]
            return call(name, *values) if len(values) == len(arguments) else None
        if name in _NOW and all(map(_is_plain, arguments)):
            return call(name, *arguments)
        if name in _PAST and all(map(_is_plain, arguments[:-1])):
            back = self.bars(arguments[-1])
            if back is not None:
                self.bars_back = max(self.bars_back, back)
                now = _PAST[name]
                given = list(arguments[:-1])
                given[_BAR[now]] = ast.BinOp(load("mc_t"), ast.Sub(), ast.Constant(back))
                return call(now, *given)
        return None

    def bars(self, node: ast.expr) -> int | None:
        """Return a number of bars that the text states."""
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name) and node.id.startswith("mc_"):
            value = self.scope.get(node.id)
        try:
            back = int(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None
        return back if back >= 0 and back == value else None

    def is_harmless(self, node: ast.expr) -> bool:
        """Whether finding out a value changes and raises nothing."""
        match node:
            case ast.Constant() | ast.Name():
                return True
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name.startswith("mc_account_") or name in _NOW or name == "mc_index":
                    return all(map(_is_plain, arguments))
                return self.read(name, arguments) is not None
            case ast.BinOp(left=left, op=operator, right=right):
                known = isinstance(operator, _ARITHMETIC)
                return known and self.is_harmless(left) and self.is_harmless(right)
            case ast.UnaryOp(operand=inner):
                return self.is_harmless(inner)
            case ast.BoolOp(values=values):
                return all(map(self.is_harmless, values))
            case ast.Compare(left=left, ops=operators, comparators=others):
                known = all(isinstance(operator, _COMPARISONS) for operator in operators)
                return known and all(map(self.is_harmless, (left, *others)))
        return self.number(node) is not None


def _is_plain(node: ast.expr) -> bool:
    """Whether an argument is a name, or the place of an indicator's row."""
    match node:
        case ast.Name() | ast.Constant():
            return True
        case ast.Subscript(value=ast.Name(id="mc_r"), slice=ast.Constant()):
            return True
    return False


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _both(one: ast.expr, other: ast.expr) -> ast.expr:
    if _is(one, True) or _is(other, False):
        return other
    if _is(other, True) or _is(one, False):
        return one
    return _all([one, other])


def _all(conditions: list[ast.expr], kind: type[ast.BinOp] = ast.BinOp) -> ast.expr:
    """Join conditions by an operator that asks for all of them: branches would stop a vector."""
    if any(isinstance(condition, _Event) for condition in conditions):
        kind = _Event
    return functools.reduce(lambda one, other: kind(one, ast.BitAnd(), other), conditions)


def _any(conditions: Iterable[ast.expr]) -> ast.expr:
    known: list[ast.expr] = []
    for condition in conditions:
        if _is(condition, True):
            return condition
        if not _is(condition, False):
            known.append(condition)
    if not known:
        return ast.Constant(False)
    every = all(isinstance(condition, _Event) for condition in known)
    kind = _Event if every else ast.BinOp
    return functools.reduce(lambda one, other: kind(one, ast.BitOr(), other), known)

"""Conditions over indicators as text: ``close > sma(50) and rsi(14) < 30``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.strategies import indicators
from engine.strategies.expression import Expression, Field, as_series
from engine.strategies.hook_text import StrategyError
from engine.strategies.indicator import Indicator
from engine.strategies.parameters import Parameter

__all__ = [
    "ABOVE",
    "AND",
    "AT_LEAST",
    "AT_MOST",
    "BELOW",
    "NOT",
    "OR",
    "STEP_WIDTH",
    "Condition",
    "read_condition",
]

# What a step of a condition does, and to which of its comparisons.
ABOVE: Final = 0
AT_LEAST: Final = 1
BELOW: Final = 2
AT_MOST: Final = 3
AND: Final = 4
OR: Final = 5
NOT: Final = 6
STEP_WIDTH: Final = 2

#: Values that a condition may have at hand at once: comparisons in brackets in brackets.
DEEPEST: Final = 8

_LONGEST: Final = 500
_LARGEST: Final = 1e15
_RELATIONS: Final[dict[type[ast.cmpop], int]] = {
    ast.Gt: ABOVE, ast.GtE: AT_LEAST, ast.Lt: BELOW, ast.LtE: AT_MOST,
}  # fmt: skip
_OPERATIONS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}
_INDICATORS: Final[dict[str, type[Indicator]]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): getattr(indicators, name)
    for name in indicators.__all__
}
_ALLOWED: Final = "a condition such as close > sma(50) and rsi(14) < 30"


@dataclass(frozen=True)
class Condition:
    """A condition over the bars of a path, as series and steps.

    Parameters
    ----------
    text : str
        As it was written.
    series : tuple of Expression
        The left side of each comparison less its right side.
    operations : tuple of (int, int)
        What is done, in the order of a stack: a comparison of one of `series` with zero, or
        ``and``, ``or`` and ``not`` of what was found last.
    """

    text: str
    series: tuple[Expression, ...]
    operations: tuple[tuple[int, int], ...]

    def coded(self) -> NDArray[np.int64]:
        """Return its steps as numbers.

        Returns
        -------
        ndarray of int64, shape (steps, STEP_WIDTH)
        """
        return np.array(self.operations, dtype=np.int64).reshape(-1, STEP_WIDTH)


def read_condition(text: str, parameters: Mapping[str, Parameter] | None = None) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Comparisons by ``<``, ``<=``, ``>`` or ``>=``, joined by ``and``, ``or`` and ``not``. Their
        sides are numbers, fields of the bars by name (a model's states and own columns, too),
        built-in indicators in small letters such as ``sma(50)``, ``macd(12, 26, 9).line`` or
        ``sma(close - sma(20), 5)``, values some bars ago (``close[1]``), and what ``+ - * /`` make
        of them.
    parameters : mapping of str to Parameter, optional
        What else may stand for a number, by name.

    Returns
    -------
    Condition
        Where a side has no value yet, it does not hold.

    Raises
    ------
    Refusal
        If the text is none; it says which part.

    Examples
    --------
    >>> found = read_condition("close > sma(50) and not rsi(14) > 70")
    >>> len(found.series), len(found.operations)
    (2, 4)
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
        found = f"{len(text)} characters" if isinstance(text, str) and text.strip() else repr(text)
        raise Refusal("when", found, f"{_ALLOWED}, at most {_LONGEST} characters")
    try:
        # In a block of YAML a condition may go over several lines.
        tree = ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refusal("when", repr(text), _ALLOWED) from None
    reader = _Reader(parameters or {})
    reader.condition(tree)
    if reader.deepest > DEEPEST:
        raise Refusal("when", f"{reader.deepest} conditions in each other", f"at most {DEEPEST}")
    return Condition(" ".join(text.split()), tuple(reader.series), tuple(reader.steps))


class _Reader:
    """Turns the syntax of a condition into series and steps."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self.series: list[Expression] = []
        self.steps: list[tuple[int, int]] = []
        self._held = 0
        self.deepest = 0

    def condition(self, node: ast.expr) -> None:
        """Read what is true or not."""
        if isinstance(node, ast.BoolOp):
            self.condition(node.values[0])
            for value in node.values[1:]:
                self.condition(value)
                self._step(AND if isinstance(node.op, ast.And) else OR)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.condition(node.operand)
            self._step(NOT)
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for place, operation in enumerate(node.ops):
                self._compare(sides[place], operation, sides[place + 1])
                if place > 0:
                    self._step(AND)
        else:
            raise self._refusal(node, "comparisons by <, <=, >, >=, joined by and, or, not")

    def _step(self, what: int) -> None:
        self.steps.append((what, 0))
        self._held -= what in (AND, OR)

    def _compare(self, left: ast.expr, operation: ast.cmpop, right: ast.expr) -> None:
        if type(operation) not in _RELATIONS:
            raise self._refusal(ast.Compare(left, [operation], [right]), "<, <=, >, >=")
        sides = self._side(left), self._side(right)
        if not any(isinstance(side, Expression) for side in sides):
            raise self._refusal(
                ast.Compare(left, [operation], [right]), "a series on one side at least"
            )
        self.steps.append((_RELATIONS[type(operation)], len(self.series)))
        self.series.append(self._made(left, lambda: _one(sides[0]) - _one(sides[1])))
        self._held += 1
        self.deepest = max(self.deepest, self._held)

    def _side(self, node: ast.expr) -> Any:
        """Return a series, a number or a parameter."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return self._number(node, node.value)
        if isinstance(node, ast.Name):
            return self._parameters.get(node.id) or Field(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._side(node.operand)
            return self._made(node, lambda: -inner)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            left, right = self._side(node.left), self._side(node.right)
            if isinstance(node.op, ast.Div) and isinstance(right, int | float) and right == 0:
                raise self._refusal(node, "a divisor other than 0")
            return self._made(node, lambda: _OPERATIONS[type(node.op)](left, right))
        if isinstance(node, ast.Subscript):
            series, back = self._side(node.value), self._side(node.slice)
            return self._made(node, lambda: series[back])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._indicator(node, node.func.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
            return self._output(node)
        raise self._refusal(node, "a number, a field of the bars or an indicator")

    def _number(self, node: ast.expr, value: Any) -> Any:
        if not abs(value) < _LARGEST:
            raise self._refusal(node, f"numbers below {_LARGEST:.0e}")
        return value

    def _indicator(self, node: ast.Call, name: str) -> Any:
        kind = _INDICATORS.get(name) or _INDICATORS.get(name.lower())
        if kind is None:
            raise self._refusal(node.func, ", ".join(sorted(_INDICATORS)))
        arguments = [self._side(argument) for argument in node.args]
        named = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._refusal(node, "arguments by place or name")
            word = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
            if word and keyword.arg in ("timeframe", "field"):
                named[keyword.arg] = keyword.value.value  # type: ignore[attr-defined]
            else:
                named[keyword.arg] = self._side(keyword.value)
        return self._made(node, lambda: kind(*arguments, **named))

    def _output(self, node: ast.Attribute) -> Any:
        made = self._side(node.value)
        outputs = getattr(made, "outputs", ())
        if node.attr not in outputs or outputs == ("value",):
            names = ", ".join(outputs) if outputs != ("value",) else "no name behind it"
            raise self._refusal(node, names)
        return getattr(made, node.attr)

    def _made(self, node: ast.expr, make: Callable[[], Any]) -> Any:
        """Return what is made, or a refusal that names the part of the text."""
        try:
            return make()
        except (StrategyError, Refusal) as error:
            told = _sentence(error)
            # What a declaration says has a `found` of its own, and a sentence has one.
            raise Refusal("when", f"{ast.unparse(node)}: {told}") from None
        except (TypeError, ZeroDivisionError) as error:
            raise Refusal("when", f"{ast.unparse(node)} cannot be computed: {error}") from None

    def _refusal(self, node: ast.AST, allowed: str) -> Refusal:
        return Refusal("when", repr(ast.unparse(node)), allowed)


def _one(side: Any) -> Any:
    """Return a side as it is, unless it is an indicator of several rows."""
    return as_series(side) if isinstance(side, Expression) else side


def _sentence(error: ValueError) -> str:
    """Return what an error says of the declaration, without the place in a file that it names."""
    first = str(error).splitlines()[0]
    return first.partition(", line ")[2].partition(": ")[2] or first

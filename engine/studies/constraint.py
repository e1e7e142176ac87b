"""Constraints: expressions over parameter names, evaluated without `eval`."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import Refusal

__all__ = ["Constraint", "ConstraintLike"]

#: What a constraint may be in Python: an expression, or a function of the parameter values.
ConstraintLike = str | Callable[[Mapping[str, Any]], bool]

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}
_CONSTANTS: dict[str, Any] = {"null": None, "true": True, "false": False}
_ALLOWED = (
    "parameter names, numbers, text, + - * / // % **, < <= > >= == !=, in, and or not, "
    + " ".join(f"{name}()" for name in sorted(_FUNCTIONS))
)


class Constraint:
    """An expression such as ``fast < slow`` or ``2 * model.kappa * model.theta > model.xi ** 2``.

    An ordering in which a side is ``null`` holds: a parameter that is switched off has nothing
    to keep to. Equality with ``null`` is tested as it stands.

    Parameters
    ----------
    text : str
        The expression.
    names : collection of str
        Parameter names it may use; source parameters are written ``model.name``.
    field : str
        Where it stands, for errors.

    Raises
    ------
    Refusal
        If the expression cannot be read, or uses an unknown name or an operation other than
        arithmetic, comparison, logic and a few functions.
    """

    def __init__(self, text: str, names: Mapping[str, Any] | set[str], field: str) -> None:
        self.text = text
        self._field = field
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Refusal(field, _short(text), "an expression of " + _ALLOWED) from None
        try:
            self._check(self._tree, set(names))
        except RecursionError:
            raise Refusal(field, _short(text), "a less deeply nested one") from None

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the expression is true for these parameter values.

        Raises
        ------
        Refusal
            If it cannot be computed, for example a division by zero.
        """
        try:
            return bool(self._value(self._tree, values))
        except (ArithmeticError, TypeError, ValueError) as error:
            found = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise Refusal(
                self._field,
                f"{_short(self.text)} cannot be computed at {found}: {error}",
            ) from None

    def _check(self, node: ast.expr, names: set[str]) -> None:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return
            case ast.Name(id=name) if name in _CONSTANTS and name not in names:
                return
            case ast.Name() | ast.Attribute():
                name = ast.unparse(node)
                if name not in names:
                    raise Refusal(self._field, f"unknown name {name!r}", ", ".join(sorted(names)))
                return
            case ast.BoolOp(values=parts):
                children = parts
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
                children = [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY or isinstance(
                op, ast.Pow
            ):
                children = [left, right]
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(
                type(op) in _ORDER or isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
                for op in ops
            ):
                children = [left, *rest]
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                children = elements
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if (
                name in _FUNCTIONS and arguments
            ):
                children = arguments
            case _:
                raise Refusal(self._field, repr(ast.unparse(node)), _ALLOWED)
        for child in children:
            self._check(child, names)

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                name = ast.unparse(node)
                return values[name] if name in values else _CONSTANTS[name]
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(self._value(part, values) for part in parts)
            case ast.BoolOp(values=parts):
                return any(self._value(part, values) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, values)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand, values)
            case ast.UnaryOp(operand=operand):
                return +self._value(operand, values)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                # Whole numbers to whole powers grow without bound; doubles overflow at once.
                return math.pow(self._value(left, values), self._value(right, values))
            case ast.BinOp(left=left, op=op, right=right):
                return _arithmetic(op, self._value(left, values), self._value(right, values))
            case ast.Compare(left=left, ops=ops, comparators=rest):
                sides = [self._value(side, values) for side in (left, *rest)]
                return all(
                    _compare(op, a, b) for op, a, b in zip(ops, sides[:-1], sides[1:], strict=True)
                )
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self._value(element, values) for element in elements]
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return _FUNCTIONS[name](*(self._value(argument, values) for argument in arguments))
        raise AssertionError(f"unchecked node {ast.dump(node)}")


def _short(text: str) -> str:
    return repr(text) if len(text) <= 80 else repr(f"{text[:77]}...")


def _arithmetic(op: ast.operator, left: Any, right: Any) -> Any:
    for side in (left, right):
        if not isinstance(side, int | float):
            raise TypeError(f"{side!r} is not a number")
    return _BINARY[type(op)](left, right)


def _compare(op: ast.cmpop, left: Any, right: Any) -> bool:
    if isinstance(op, ast.Eq):
        return bool(left == right)
    if isinstance(op, ast.NotEq):
        return bool(left != right)
    if isinstance(op, ast.In):
        return left in right
    if isinstance(op, ast.NotIn):
        return left not in right
    return left is None or right is None or _ORDER[type(op)](left, right)

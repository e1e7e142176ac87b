"""Small pieces of syntax trees."""

from __future__ import annotations

import ast

__all__ = ["as_float", "call", "is_negative", "is_none", "load", "read"]


def load(name: str) -> ast.Name:
    """Return a read of a name."""
    return ast.Name(name, ast.Load())


def call(name: str, *arguments: ast.expr) -> ast.Call:
    """Return a call of a named function."""
    return ast.Call(load(name), list(arguments), [])


def read(now: str, past: str, common: list[ast.expr], back: ast.expr | None) -> ast.Call:
    """Return a read of a series at the current bar, or `back` bars ago."""
    return call(now, *common) if back is None else call(past, *common, back)


def as_float(node: ast.expr) -> ast.expr:
    """Return a whole number as written, such as ``-1``, as a float; anything else as it is."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return ast.copy_location(ast.UnaryOp(node.op, as_float(node.operand)), node)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return ast.copy_location(ast.Constant(float(node.value)), node)
    return node


def is_none(node: ast.AST) -> bool:
    """Whether the node is the word None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_negative(node: ast.AST) -> bool:
    """Whether the node is a negative number as written."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and node.operand.value != 0
    return False

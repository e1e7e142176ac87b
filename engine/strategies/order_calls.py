"""From ``order.limit(10, 95.0)`` in a hook to the call of the order book that it stands for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from engine.execution import handles
from engine.execution.orders import TIMES_IN_FORCE
from engine.strategies.hook_text import HookText
from engine.strategies.syntax import as_float, call, is_negative, load

__all__ = ["order_call"]


def order_call(
    node: ast.Call,
    symbol: ast.expr,
    *,
    hook: HookText,
    visit: Callable[[ast.AST], Any],
    offered: Any = handles,
    times: Mapping[str, float] = TIMES_IN_FORCE,
    unit: str = "bars",
) -> ast.expr:
    """Return the call of an order function, with every argument written out as a float.

    One compiled form of each order function serves all its calls.

    Parameters
    ----------
    node : ast.Call
        The call, of an attribute of ``order``.
    symbol : ast.expr
        Number of the symbol that it trades.
    hook : HookText
        The text that errors point into.
    visit : callable
        Rewrites an argument.
    offered : module, optional
        Whose functions ``order_NAME`` there are; by default those of bars.
    times : mapping of str to float, optional
        Words of `tif`, and the numbers that they stand for.
    unit : str, optional
        What a number given as `tif` counts.

    Raises
    ------
    StrategyError
        If there is no such order, or its arguments are not those it takes.
    """
    assert isinstance(node.func, ast.Attribute)
    method = node.func.attr
    function = getattr(offered, f"order_{method}", None)
    if function is None:
        names = [name[6:] for name in vars(offered) if name.startswith("order_")]
        raise hook.error(node, f"found order.{method}, allowed {', '.join(names)}")
    parameters = _parameters(node, method, function, hook)
    given = {k.arg or "": visit(k.value) for k in node.keywords}
    given |= {name: visit(argument) for name, argument in zip(parameters, node.args, strict=False)}
    arguments = []
    for name, parameter in parameters.items():
        value = given.get(name, ast.Constant(parameter.default))
        if name == "tif":
            value = _time_in_force(value, hook, times, unit)
        value = as_float(value) if parameter.annotation == "float" else value
        arguments.append(_number(value, node, hook))
    head = [load("mc_s"), load("mc_t"), symbol]
    return ast.Call(load(f"mc_order_{method}"), [*head, *arguments], [])


def _parameters(
    node: ast.Call, method: str, function: Any, hook: HookText
) -> dict[str, inspect.Parameter]:
    """Return what an order takes behind simulation, bar and symbol, if the call fits it."""
    signature = inspect.signature(getattr(function, "py_func", function))
    taken = dict(list(signature.parameters.items())[3:])
    keywords = {keyword.arg or "": None for keyword in node.keywords}
    try:
        signature.bind(None, None, None, *(None for _ in node.args), **keywords)
    except TypeError as error:
        allowed = ", ".join(taken) or "none"
        raise hook.error(node, f"order.{method}: {error}; its arguments are {allowed}") from error
    return taken


def _number(value: ast.expr, node: ast.Call, hook: HookText) -> ast.expr:
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        inner = _number(value.operand, node, hook)
        return ast.copy_location(ast.UnaryOp(value.op, inner), node)
    if not isinstance(value, ast.Constant):
        return ast.copy_location(call("mc_as_number", value), node)
    if isinstance(value.value, int | float):
        return ast.copy_location(ast.Constant(float(value.value)), node)
    raise hook.error(node, f"{ast.unparse(node.func)}: found {value.value!r}, allowed a number")


def _time_in_force(
    node: ast.expr, hook: HookText, times: Mapping[str, float], unit: str
) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value not in times:
            raise hook.error(
                node, f"tif: found {node.value!r}, allowed {', '.join(times)} or {unit}"
            )
        return ast.Constant(times[node.value])
    if is_negative(node) or (isinstance(node, ast.Constant) and node.value == 0):
        least = "at least 1" if times is TIMES_IN_FORCE else "above 0"
        raise hook.error(
            node, f"tif: found {ast.unparse(node)}, allowed {', '.join(times)} or {unit}, {least}"
        )
    return node

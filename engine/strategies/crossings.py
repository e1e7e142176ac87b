"""From ``crossed_above(a, b)`` in a hook to the comparisons that it stands for."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeAlias

from engine.strategies.hook_text import HookText
from engine.strategies.syntax import load

__all__ = ["Crossing", "crossing"]

#: What makes a read of a series, some bars back.
Reader: TypeAlias = Callable[[ast.expr | None], ast.expr]


class Crossing(ast.BoolOp):
    """The comparisons of a crossing, which holds at few bars."""


def crossing(
    node: ast.Call,
    *,
    above: bool,
    hook: HookText,
    series: Callable[[ast.AST], Reader | None],
    visit: Callable[[ast.AST], Any],
) -> ast.expr:
    """Return the comparisons of a crossing, at the last bar and now.

    Parameters
    ----------
    node : ast.Call
        The call.
    above : bool
        Whether it is `crossed_above`.
    hook : HookText
        The text that errors point into.
    series : callable
        What makes a read of an indicator or a field of the bars; None for anything else.
    visit : callable
        Rewrites what is neither.

    Raises
    ------
    StrategyError
        If it takes anything but two series and a word.
    """
    sides, touch = _arguments(node, hook)
    before, now = [], []
    for side in sides:
        reader = series(side)
        if reader is None:
            if any(series(part) is not None for part in ast.walk(side)):
                raise hook.error(
                    node,
                    f"a crossing: found {ast.unparse(side)}, allowed indicators, bar fields and "
                    "numbers",
                )
            value = visit(side)
            before.append(value)
            now.append(value)
        else:
            before.append(reader(load("mc_1")))
            now.append(reader(None))
    is_now: ast.cmpop = ast.Gt() if above else ast.Lt()
    was: ast.cmpop = ast.Lt() if above else ast.Gt()
    if touch:
        was = ast.LtE() if above else ast.GtE()
    return Crossing(
        ast.And(),
        [ast.Compare(before[0], [was], [before[1]]), ast.Compare(now[0], [is_now], [now[1]])],
    )


def _arguments(node: ast.Call, hook: HookText) -> tuple[list[ast.expr], bool]:
    """Return both sides of a crossing, and whether it counts a touch."""
    words = [*node.args[2:], *(item.value for item in node.keywords if item.arg == "touch")]
    if len(node.args) + len(node.keywords) != 2 + len(words) or len(words) > 1:
        raise hook.error(node, "a crossing takes two series, and touch=True or touch=False")
    for word in words:
        if not isinstance(word, ast.Constant) or not isinstance(word.value, bool):
            raise hook.error(node, f"touch: found {ast.unparse(word)}, allowed True or False")
        return node.args[:2], word.value
    return node.args, False

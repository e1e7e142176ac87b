"""Whether orders of a strategy live by sessions, so that a calendar has to be known."""

from __future__ import annotations

import ast

from engine.strategies.hook_text import definition_of
from engine.strategies.strategy import Strategy

__all__ = ["lives_by_sessions"]

# Orders that wait for an open or a close, and those with a day as their last.
_ORDERS = ("good_till", "market_on_close", "market_on_open")


def lives_by_sessions(cls: type[Strategy]) -> bool:
    """Return whether a strategy places orders for the day, an open, a close or until an instant.

    Told by the text of its hooks; a time in force that is no literal counts as one.

    Parameters
    ----------
    cls : type
        The strategy.

    Examples
    --------
    >>> from engine.strategies import get_strategy
    >>> lives_by_sessions(get_strategy("sma_crossover"))
    False
    """
    return any(
        _is_of_sessions(node)
        for hook in cls.hooks().values()
        for node in ast.walk(definition_of(hook))
    )


def _is_of_sessions(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name):
            return name in _ORDERS
        case ast.Constant(value=value):
            return value == "day"
        case ast.keyword(arg="tif", value=value):
            return not isinstance(value, ast.Constant)
    return False

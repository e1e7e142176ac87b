"""Which columns beside prices and volume a strategy reads: its user's, or a model's states."""

from __future__ import annotations

import ast
from typing import Final

from engine.bars import BAR_FIELDS
from engine.execution.layout import CLOCK_NAMES
from engine.strategies.expression import Field
from engine.strategies.hook_text import HookText
from engine.strategies.strategy import Strategy

__all__ = ["column_reads"]

# What a bar and indicators know by themselves.
_OF_EVERY_BAR: Final = frozenset((*BAR_FIELDS, *CLOCK_NAMES, "index", "session"))


def column_reads(cls: type[Strategy]) -> tuple[str, ...]:
    """Return the columns that hooks and indicators read by name, sorted.

    Parameters
    ----------
    cls : type
        The strategy.

    Examples
    --------
    >>> from engine.strategies import get_strategy
    >>> column_reads(get_strategy("sma_crossover"))
    ()
    """
    found = {
        part.name
        for item in cls.indicators.values()
        for part in item.walk()
        if isinstance(part, Field)
    }
    for name, function in cls.hooks().items():
        definition = HookText(function).definition()
        # The second argument of `signals` may be called as one likes.
        bars = [item.arg for item in definition.args.args][1:2] if name == "signals" else ["bar"]
        for node in ast.walk(definition):
            if isinstance(node, ast.Attribute):
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                if isinstance(owner, ast.Name) and owner.id in bars:
                    found.add(node.attr)
    return tuple(sorted(found - _OF_EVERY_BAR))

"""How many bars a search on history warms up on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.bars import Bars
from engine.strategies import Strategy

__all__ = ["is_drawn", "warm_up_on"]


def is_drawn(values: Any) -> bool:
    """Whether values of a parameter are drawn from a distribution, not listed."""
    return type(values).__name__ == "Distribution" or isinstance(values, Mapping)


def warm_up_on(cls: type[Strategy], searched: Mapping[str, Any], bars: Bars) -> Any:
    """As many bars as indicators need, unless that is more than half of the history."""
    highest: dict[str, Any] = {}
    for name, values in searched.items():
        declared = cls.parameters.get(name)
        if declared is not None and declared.high is not None and is_drawn(values):
            highest[name] = declared.decode(declared.encode(declared.high))
        elif isinstance(values, list | tuple) and all(isinstance(v, int | float) for v in values):
            highest[name] = max(values)
    try:
        needed = cls.warm_up(highest, bars.calendar, bars.bars_per_session)
    except ValueError:
        return "auto"
    return "auto" if needed <= len(bars) // 2 else 0

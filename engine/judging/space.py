"""What is searched where nothing is said of it: every declared parameter between its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.bars import Bars
from engine.strategies import Strategy
from engine.strategies.parameters import Choice, Int, Parameter
from engine.studies import choice, integer, log_uniform, uniform

__all__ = ["declared_space", "is_drawn", "warm_up_on"]


def declared_space(cls: type[Strategy]) -> dict[str, Any]:
    """Every parameter between its bounds; one without bounds keeps its default."""
    found: dict[str, Any] = {}
    for name, parameter in cls.parameters.items():
        space = _space(parameter)
        if space is not None:
            found[name] = space
    return found


def _space(parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return choice(list(parameter.choices)) if len(parameter.choices) > 1 else None
    low, high = parameter.low, parameter.high
    if low is None or high is None or low == high:
        return None
    if isinstance(parameter, Int):
        return integer(int(low), int(high))
    return log_uniform(low, high) if parameter.log else uniform(low, high)


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

"""What is searched where nothing is said of it: every declared parameter between its bounds."""

from __future__ import annotations

from typing import Any

from engine.strategies import Strategy
from engine.strategies.parameters import Choice, Int, Parameter
from engine.studies import choice, integer, log_integer, log_uniform, uniform

__all__ = ["declared_space"]


def declared_space(cls: type[Strategy]) -> dict[str, Any]:
    """Return every parameter between its bounds; one without bounds keeps its default.

    Examples
    --------
    >>> from engine.strategies import get_strategy
    >>> declared_space(get_strategy("rsi_reversal"))["period"].kind
    'log_integer'
    """
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
        return (log_integer if parameter.log else integer)(int(low), int(high))
    return log_uniform(low, high) if parameter.log else uniform(low, high)

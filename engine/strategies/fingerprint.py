"""The fingerprint of a strategy: a hash of everything that decides what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.compiled.code_hash import code_hash
from engine.compiled.version import ENGINE_VERSION
from engine.strategies.captured import from_library
from engine.strategies.indicator import Indicator
from engine.strategies.parameters import Parameter

__all__ = ["fingerprint_of"]


def fingerprint_of(
    *,
    parameters: Mapping[str, Parameter],
    indicators: Mapping[str, Indicator],
    state: Mapping[str, float],
    constants: Mapping[str, float],
    hooks: Mapping[str, Any],
    time_zone: str = "",
) -> str:
    """SHA-256 of a strategy's declarations, hooks and all they call, and the engine's version.

    What a declaration is documented with does not count.

    Parameters
    ----------
    parameters, indicators, state, constants : mapping
        What the class declares, by name.
    hooks : mapping of str to callable
        Its functions.
    time_zone : str
        Zone of the clock that hooks see, where the class names one.
    """
    return code_hash(
        {
            "engine": ENGINE_VERSION,
            "parameters": {name: _without_doc(item) for name, item in parameters.items()},
            "indicators": {name: _told(item) for name, item in indicators.items()},
            "state": sorted(state.items()),
            "constants": sorted(constants.items()),
            "hooks": sorted(hooks.items()),
            "time_zone": time_zone,
        }
    )


def _without_doc(parameter: Parameter) -> dict[str, Any]:
    return {name: value for name, value in parameter.describe().items() if name != "doc"}


def _told(indicator: Indicator) -> tuple[Any, ...]:
    """Say what an indicator computes: a built-in by its name, a user's by its code."""
    kind = type(indicator)
    arguments = [getattr(item, "name", item) for item in indicator.arguments]
    told = (kind.__name__, indicator.reads, indicator.symbols, arguments)
    if from_library(kind.__module__):
        return told
    parameters = [(name, item.kind) for name, item in kind.parameters.items()]
    return *told, parameters, kind.outputs, kind.fill, kind.warm_up

"""The fingerprint of a strategy: a hash of everything that decides what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.compiled.code_hash import code_hash
from engine.strategies.captured import from_library
from engine.strategies.expression import Expression
from engine.strategies.indicator import Indicator
from engine.strategies.parameters import Parameter

__all__ = ["fingerprint_of"]


# Hashes that ledgers hold were made with it. The engine's version is no part of what a strategy
# does, or every set would be a trial again with each: a world has it beside this hash.
_FORM: Final = "11"

# What fields, outputs of an indicator and arithmetic are told apart by, beside their inputs.
_OWN: Final = ("name", "operation", "number_first", "symbols")


def fingerprint_of(
    *,
    parameters: Mapping[str, Parameter],
    indicators: Mapping[str, Expression],
    state: Mapping[str, float],
    constants: Mapping[str, Any],
    hooks: Mapping[str, Any],
    time_zone: str = "",
) -> str:
    """SHA-256 of a strategy's declarations, hooks and all they call.

    What a declaration is documented with does not count, nor do bounds and defaults of parameters:
    every set carries its own values.

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
            "engine": _FORM,
            "parameters": {name: _as_compiled(item) for name, item in parameters.items()},
            "indicators": {name: _told(item) for name, item in indicators.items()},
            "state": sorted(state.items()),
            "constants": sorted(constants.items()),
            "hooks": sorted(hooks.items()),
            "time_zone": time_zone,
        }
    )


def _as_compiled(parameter: Parameter) -> dict[str, Any]:
    """Return what hooks are compiled for; a set has its values, within whatever bounds."""
    return {
        name: value
        for name, value in parameter.describe().items()
        if name not in ("default", "low", "high", "log", "doc")
    }


def _told(item: Expression) -> tuple[Any, ...]:
    """Say what an expression computes: a built-in by its name, a user's indicator by its code."""
    name = type(item).__name__
    arguments = [_name_of(argument) for argument in item.arguments]
    if isinstance(item, Indicator) and item.reads_fields:
        told: tuple[Any, ...] = (name, item.reads, item.symbols, arguments)
    else:
        own = [vars(item).get(key) for key in (() if isinstance(item, Indicator) else _OWN)]
        told = (name, own, arguments, [_told(part) for part in item.inputs])
    if item.timeframe is not None:
        told += (("timeframe", _name_of(item.timeframe)),)
    if not isinstance(item, Indicator) or from_library(type(item).__module__):
        return told
    kind = type(item)
    parameters = [(key, declared.kind) for key, declared in kind.parameters.items()]
    return *told, parameters, kind.outputs, kind.fill, kind.warm_up


def _name_of(argument: Any) -> Any:
    return argument.name if isinstance(argument, Parameter) else argument

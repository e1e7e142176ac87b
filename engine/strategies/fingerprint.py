"""The fingerprint of a strategy: a hash of everything that decides what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from engine.compiled.source_hash import source_hash
from engine.compiled.version import ENGINE_VERSION
from engine.strategies.indicators import Indicator
from engine.strategies.parameters import Parameter

__all__ = ["Declared", "fingerprint_of"]


class Declared(Protocol):
    """What a strategy class declares."""

    __mro__: tuple[type, ...]
    parameters: Mapping[str, Parameter]
    indicators: Mapping[str, Indicator]
    state: Mapping[str, float]

    def hooks(self) -> dict[str, Any]:
        """Return its hooks by name."""


def fingerprint_of(cls: Declared) -> str:
    """SHA-256 of a strategy's declarations, hooks and all they call, and the engine's version.

    What a declaration is documented with does not count.
    """
    constants = {
        name: value
        for base in reversed(cls.__mro__)
        for name, value in vars(base).items()
        if name.isupper() and isinstance(value, bool | int | float)
    }
    return source_hash(
        {
            "engine": ENGINE_VERSION,
            "parameters": {name: _without_doc(item) for name, item in cls.parameters.items()},
            "indicators": {name: _told(item) for name, item in cls.indicators.items()},
            "state": sorted(cls.state.items()),
            "constants": sorted(constants.items()),
            "hooks": sorted(cls.hooks().items()),
        }
    )


def _without_doc(parameter: Parameter) -> dict[str, Any]:
    return {name: value for name, value in parameter.describe().items() if name != "doc"}


def _told(indicator: Indicator) -> tuple[Any, ...]:
    outputs = {
        name: (output.kind, [getattr(item, "name", item) for item in output.arguments])
        for name, output in indicator.outputs.items()
    }
    return indicator.field, indicator.symbol, outputs

"""Strategies by name: the built-in ones and the user's."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from engine.strategies.strategy import Strategy

__all__ = ["get_strategy", "strategy_names"]

_BUILT_IN: Final = {
    "buy_and_hold": "BuyAndHold",
    "sma_crossover": "SmaCrossover",
}
_USER: dict[str, type[Strategy]] = {}


def strategy_names() -> list[str]:
    """Return the names of all known strategies, sorted."""
    return sorted({*_BUILT_IN, *_USER})


def get_strategy(name: str) -> type[Strategy]:
    """Return the strategy class called `name`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name in _USER:
        return _USER[name]
    if name not in _BUILT_IN:
        raise ValueError(f"strategy: found {name!r}, allowed {', '.join(strategy_names())}")
    found: type[Strategy] = getattr(import_module(f"engine.strategies.{name}"), _BUILT_IN[name])
    return found

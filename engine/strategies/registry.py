"""Strategies by name: the built-in ones and the user's."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from engine.errors import Refusal
from engine.strategies.option_builders import OF_OPTIONS, OF_TICKS
from engine.strategies.strategy import Strategy
from engine.user_code import import_user_file, user_files

__all__ = [
    "describe_strategy",
    "get_strategy",
    "is_built_in",
    "load_user_strategies",
    "strategy_names",
]

# Modules of this package; imported when asked for.
_BUILT_IN: Final = {
    "breakout": "Breakout",
    "buy_and_hold": "BuyAndHold",
    "mean_reversion": "MeanReversion",
    "momentum": "TimeSeriesMomentum",
    "rsi_reversal": "RsiReversal",
    "sma_crossover": "SmaCrossover",
}
# Module and class of each, by name.
_OURS: Final = {
    **{name: (f"engine.strategies.{name}", found) for name, found in _BUILT_IN.items()},
    **{name: ("engine.options.built_ins", found) for name, found in OF_OPTIONS.items()},
    **{name: (f"engine.ticks.{name}", found) for name, found in OF_TICKS.items()},
}
_USER: dict[str, type[Strategy]] = {}


def strategy_names() -> list[str]:
    """Return the names of all known strategies, sorted."""
    return sorted({*_OURS, *_USER})


def is_built_in(name: str) -> bool:
    """Return whether a name means a strategy of this project."""
    return name in _OURS and name not in _USER


def get_strategy(name: str) -> type[Strategy]:
    """Return the strategy class called `name`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name in _USER:
        return _USER[name]
    if name not in _OURS:
        raise Refusal("strategy", repr(name), ", ".join(strategy_names()))
    module, class_name = _OURS[name]
    found: type[Strategy] = getattr(import_module(module), class_name)
    return found


def describe_strategy(name: str) -> dict[str, Any]:
    """Return a strategy's name, doc and parameters as plain data, for listings and sweeps."""
    cls = get_strategy(name)
    return {
        "name": name,
        "doc": inspect.cleandoc(cls.__doc__ or ""),
        "parameters": {key: item.describe() for key, item in cls.parameters.items()},
    }


def load_user_strategies(path: str | Path) -> tuple[str, ...]:
    """Import a user's file, or every ``.py`` file of a folder, and register its strategies.

    Parameters
    ----------
    path : str or Path
        A Python file or a folder of them. A name that a file defines again replaces the earlier
        strategy; the name of a built-in is refused.

    Returns
    -------
    tuple of str
        Names of the strategies found.

    Raises
    ------
    ValueError
        If the path does not exist, cannot be imported, defines no strategy, or takes the name of
        a built-in.
    """
    path = Path(path)
    found: dict[str, type[Strategy]] = {}
    for file in user_files(path):
        module = import_user_file(file)
        for item in vars(module).values():
            if not (isinstance(item, type) and issubclass(item, Strategy)):
                continue
            if item.__module__ != module.__name__:
                continue
            if item.name in _OURS:
                raise Refusal(str(file), f"strategy {item.name!r}", "a name not built in")
            found[item.name] = item
    if not found:
        raise Refusal(str(path), "defines no strategy", hint="derive a class from `mc.Strategy`")
    _USER.update(found)
    return tuple(found)

"""Strategies by name: the built-in ones and the user's."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from engine.strategies.strategy import Strategy

__all__ = ["describe_strategy", "get_strategy", "load_user_strategies", "strategy_names"]

# Modules of this package; imported when asked for.
_BUILT_IN: Final = {
    "breakout": "Breakout",
    "buy_and_hold": "BuyAndHold",
    "mean_reversion": "MeanReversion",
    "rsi_reversal": "RsiReversal",
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
    if not path.exists():
        raise ValueError(f"strategy file: found no {path}, allowed an existing .py file or folder")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    found: dict[str, type[Strategy]] = {}
    for file in files:
        module = _import_file(file)
        for item in vars(module).values():
            if not (isinstance(item, type) and issubclass(item, Strategy)):
                continue
            if item.__module__ != module.__name__:
                continue
            if item.name in _BUILT_IN:
                raise ValueError(
                    f"{file}: found strategy {item.name!r}, allowed a name not built in"
                )
            found[item.name] = item
    if not found:
        raise ValueError(f"{path}: found no Strategy class, allowed at least one")
    _USER.update(found)
    return tuple(found)


def _import_file(file: Path) -> Any:
    # Named by place and content: two files of one name stay apart, a file that did not change is
    # not imported again, one that did is.
    key = hashlib.sha256(str(file.resolve()).encode() + b"\0" + file.read_bytes()).hexdigest()
    name = f"mc_user_{file.stem}_{key[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"strategy file: found {file}, allowed a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        raise ValueError(f"{file}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{file}: {type(error).__name__} on import: {error}") from error
    return module

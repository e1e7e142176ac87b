"""The table of sources by name, which every class with a name enters when it is defined."""

from __future__ import annotations

from typing import Any, Final

from engine.errors import Refusal

__all__ = ["BUILT_IN", "SOURCES", "register"]

#: Module of each built-in source; imported at first use.
BUILT_IN: Final[dict[str, str]] = {
    "bootstrap": "engine.sources.bootstrap",
    "correlated": "engine.sources.correlated",
    "gbm": "engine.sources.gbm",
    "heston": "engine.sources.heston",
    "historical": "engine.sources.historical",
    "merton": "engine.sources.merton",
    "regime_switching": "engine.sources.regime_switching",
    "rolling_futures": "engine.sources.rolling_futures",
    "schwartz_1f": "engine.sources.schwartz_1f",
    "schwartz_2f": "engine.sources.schwartz_2f",
    "schwartz_smith": "engine.sources.schwartz_smith",
}
#: The classes that are defined.
SOURCES: Final[dict[str, Any]] = {}


def register(cls: Any) -> None:
    """Enter a source class under its ``name``; defining the class does it.

    Raises
    ------
    ValueError
        If another class holds the name.
    """
    holder = SOURCES.get(cls.name)
    known = BUILT_IN.get(cls.name, cls.__module__)
    if known != cls.__module__ or (holder and holder.__module__ != cls.__module__):
        raise Refusal("source name", repr(cls.name), "a name that is not taken")
    SOURCES[cls.name] = cls

"""The simulation library: price paths, strategies, studies and their statistics.

Everything public is here, loaded when first used, so ``import engine`` stays quick:

>>> import engine as mc
>>> block = mc.GBM(mu=0.05, sigma=0.2).paths(s0=100.0, steps=252, seeds=range(1000))
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOMES: Final[dict[str, str]] = {
    "BarCalendar": "engine.calendar",
    "Bars": "engine.bars",
    "PriceBlock": "engine.price_block",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

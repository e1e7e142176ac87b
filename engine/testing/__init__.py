"""Generators for property tests of strategies and sources: the ones that our own tests use.

Each is a strategy of Hypothesis (in its words: what draws examples), so a failing example is
shrunk to a small one. ``pip install "mc-lab[testing]"`` brings Hypothesis.

>>> import engine as mc
>>> from hypothesis import given, settings
>>> @settings(max_examples=5, derandomize=True, database=None)
... @given(bars=mc.testing.bars())
... def test_a_bar_holds_its_close(bars):
...     assert (bars.low <= bars.close).all()
...     assert (bars.close <= bars.high).all()
>>> test_a_bar_holds_its_close()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.testing.executions import execution_settings
    from engine.testing.orders import SCRIPT_FIELDS, Scripted, order_scripts, orders_around
    from engine.testing.prices import bars, price_paths, seeds
    from engine.testing.sources import source_parameters

# Names are imported at first use: bars and seeds need no compiler.
_MODULES = {
    "engine.testing.executions": ["execution_settings"],
    "engine.testing.orders": ["SCRIPT_FIELDS", "Scripted", "order_scripts", "orders_around"],
    "engine.testing.prices": ["bars", "price_paths", "seeds"],
    "engine.testing.sources": ["source_parameters"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "SCRIPT_FIELDS",
    "Scripted",
    "bars",
    "execution_settings",
    "order_scripts",
    "orders_around",
    "price_paths",
    "seeds",
    "source_parameters",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)

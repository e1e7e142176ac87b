"""Hypothesis, imported when a generator is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["strategies"]


def strategies() -> Any:
    """Return ``hypothesis.strategies``.

    Raises
    ------
    ModuleNotFoundError
        If Hypothesis is not installed; says how to install it.
    """
    try:
        import_module("hypothesis")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            'engine.testing needs Hypothesis: run pip install "mc-lab[testing]"', name="hypothesis"
        ) from None
    return import_module("hypothesis.strategies")

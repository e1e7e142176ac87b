"""Elementary functions for set-up constants, rounded correctly on every machine.

A path depends on constants such as ``exp(-kappa dt)`` that are computed once in Python. The C
library behind `math` would make them differ between systems; decimal arithmetic does not.
"""

from __future__ import annotations

from decimal import Context, Decimal

__all__ = ["exp", "expm1", "log"]

_CONTEXT = Context(prec=50)


def exp(x: float) -> float:
    """Exponential of a finite number."""
    return float(_CONTEXT.exp(Decimal(x)))


def expm1(x: float) -> float:
    """Exponential minus one, without cancellation near zero."""
    return float(_CONTEXT.subtract(_CONTEXT.exp(Decimal(x)), Decimal(1)))


def log(x: float) -> float:
    """Natural logarithm of a positive number."""
    return float(_CONTEXT.ln(Decimal(x)))

"""Elementary functions for set-up constants, rounded correctly on every machine.

A path depends on constants such as ``exp(-kappa dt)`` that are computed once in Python. The C
library behind `math` would make them differ between systems; decimal arithmetic does not.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

__all__ = ["decay", "decay_moments", "exp", "expm1", "log"]

_CONTEXT = Context(prec=120)


def exp(x: float) -> float:
    """Exponential of a finite number."""
    return float(_CONTEXT.exp(Decimal(x)))


def expm1(x: float) -> float:
    """Exponential minus one, without cancellation near zero."""
    return float(_CONTEXT.subtract(_CONTEXT.exp(Decimal(x)), Decimal(1)))


def log(x: float) -> float:
    """Natural logarithm of a positive number."""
    return float(_CONTEXT.ln(Decimal(x)))


def decay(rate: float, time: float) -> float:
    """Return ``(1 - exp(-rate time)) / rate``, the time itself for a rate of zero."""
    return float(_decay(rate, time))


def decay_moments(rate: float, time: float) -> tuple[float, float, float]:
    r"""Integrals over [0, time] of products of ``e(u) = exp(-rate u)`` and its integral.

    Returns
    -------
    tuple of float
        With ``I(u) = (1 - exp(-rate u)) / rate``: the integrals of ``I``, ``I^2`` and ``e I``.
    """
    with localcontext(_CONTEXT):
        h, k = Decimal(time), Decimal(rate)
        if abs(rate) * time < 1e-30:
            return float(h * h / 2), float(h**3 / 3), float(h * h / 2)
        b, b2 = _decay(rate, time), _decay(2.0 * rate, time)
        return (
            float((h - b) / k),
            float((h - 2 * b + b2) / (k * k)),
            float((b - b2) / k),
        )


def _decay(rate: float, time: float) -> Decimal:
    if abs(rate) * time < 1e-30:
        return Decimal(time)
    k = Decimal(rate)
    with localcontext(_CONTEXT):
        return (1 - (-k * Decimal(time)).exp()) / k

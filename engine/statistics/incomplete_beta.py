"""The regularised incomplete beta function, of numbers and of arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["incomplete_beta", "incomplete_betas"]

Floats = NDArray[np.float64]

_TINY = 1e-300


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by its continued fraction.

    Parameters
    ----------
    a, b : float
        Above 0.
    x : float
        From 0 to 1; beyond, the nearer of the two counts.

    Returns
    -------
    float
        From 0 to 1.

    References
    ----------
    Press, Teukolsky, Vetterling and Flannery (2007), "Numerical recipes", section 6.4.

    Examples
    --------
    >>> round(incomplete_beta(2.0, 3.0, 0.5), 4)
    0.6875
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges fast on this side of the mean only.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def incomplete_betas(a: Floats, b: float, x: Floats) -> Floats:
    """Return `incomplete_beta` of arrays `a` and `x` of one shape, with `x` above 0.

    Parameters
    ----------
    a : ndarray of float64, shape (n,)
        Above 0.
    b : float
        Above 0.
    x : ndarray of float64, shape (n,)
        Above 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1.

    Examples
    --------
    >>> incomplete_betas(np.array([2.0]), 3.0, np.array([0.5])).round(4).tolist()
    [0.6875]
    """
    pairs = [(math.lgamma(v + b), math.lgamma(v)) for v in a.tolist()]
    logs = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore"):
        tail = np.where(x < 1.0, b * np.log1p(-x), 0.0)
        front = np.exp(logs[:, 0] - logs[:, 1] - math.lgamma(b) + a * np.log(x) + tail)
    near = x < (a + 1) / (a + b + 2)
    found = np.where(x >= 1.0, 1.0, 0.0)
    if near.any():
        found[near] = front[near] * _fractions(a[near], b, x[near]) / a[near]
    far = ~near & (x < 1.0)
    if far.any():
        found[far] = 1.0 - front[far] * _fractions(np.full(far.sum(), b), a[far], 1.0 - x[far]) / b
    return found


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            factor = c * d
            value *= factor
        if abs(factor - 1.0) < 1e-15:
            break
    return value


def _fractions(a: Floats, b: Floats | float, x: Floats) -> Floats:
    """`_fraction` of arrays."""
    c = np.ones_like(x)
    d = 1.0 / (1.0 - (a + b) * x / (a + 1))
    value = d.copy()
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            factor = c * d
            value = value * factor
        if np.all(np.abs(factor - 1.0) < 1e-15):
            break
    return value

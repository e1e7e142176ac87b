"""Intervals of means of skewed outcomes, by a transformation that takes the skewness away."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["skewed_ends", "transformed"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Largest skewness over the root of the units: beyond it the transformation is so steep that it
# triples intervals that it should widen by a third.
_MOST_SKEWED: Final = 0.4


def skewed_ends(
    centre: Floats, error: Floats, skewness: Floats, units: Integers, reach: Floats
) -> tuple[Floats, Floats]:
    """Return the ends of Hall's interval of a mean, from its skewness.

    With g = skewness / sqrt(u) and T = (estimate - truth) / error, the variable
    T + g (T^2 / 3 + 1 / 6) + g^2 T^3 / 27 has next to no skewness (Hall 1992); the ends are
    where it equals plus and minus `reach`. |g| is held to 0.4.

    Parameters
    ----------
    centre, error : ndarray of float64, shape (sets,)
        Estimates and their standard errors.
    skewness : ndarray of float64, shape (sets,)
        Of the influences.
    units : ndarray of int64, shape (sets,)
        Independent units.
    reach : ndarray of float64, shape (sets,)
        Quantiles of the transformed variable.

    Returns
    -------
    low, high : ndarray of float64, shape (sets,)
        Ends of the intervals.

    Examples
    --------
    >>> one, sixteen = np.ones(1), np.array([16])
    >>> low, high = skewed_ends(0.0 * one, one, 2.0 * one, sixteen, 2.0 * one)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([-1.578], [3.318])
    """
    g = np.clip(skewness / np.sqrt(units), -_MOST_SKEWED, _MOST_SKEWED)
    bent = np.abs(g) > 1e-8
    divisor = np.where(bent, g / 3.0, 1.0)

    def inverse(y: Floats) -> Floats:
        shifted = y - g / 6.0
        return np.where(bent, (np.cbrt(1.0 + g * shifted) - 1.0) / divisor, shifted)

    return centre - error * inverse(reach), centre - error * inverse(-reach)


def transformed(studentised: Floats, skewness: Floats, units: Integers) -> Floats:
    """Return studentised means with next to no skewness: what `skewed_ends` inverts.

    Parameters
    ----------
    studentised : ndarray of float64
        Estimates less the truth, over their standard errors.
    skewness, units : ndarray
        As of `skewed_ends`.

    Returns
    -------
    ndarray of float64
        In the shape of `studentised`.
    """
    g = np.clip(skewness / np.sqrt(units), -_MOST_SKEWED, _MOST_SKEWED)
    found: Floats = studentised + g * (studentised**2 / 3.0 + 1.0 / 6.0)
    return found + g * g * studentised**3 / 27.0

"""Adjusting p-values for how many hypotheses were tested."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["ADJUSTMENTS", "benjamini_hochberg", "benjamini_yekutieli", "bonferroni", "holm"]

Floats = NDArray[np.float64]


def bonferroni(p_values: ArrayLike) -> Floats:
    """Adjust p-values so that the chance of any false rejection stays below the level.

    Parameters
    ----------
    p_values : array_like, shape (tests,)
        NaN marks tests that could not be made; they stay NaN and are not counted.

    Returns
    -------
    ndarray of float64, shape (tests,)
        min(1, m p), m the tests made. Reject those at or below the level.

    Raises
    ------
    Refusal
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> bonferroni([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.12, 0.09]
    """
    return _adjust(p_values, lambda ordered: ordered * len(ordered), np.maximum)


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p-values as Bonferroni does, with more power.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) up to it (Holm 1979, "A simple
    sequentially rejective multiple test procedure"); valid under any dependence.

    Parameters
    ----------
    p_values : array_like, shape (tests,)
        NaN marks tests that could not be made; they stay NaN and are not counted.

    Returns
    -------
    ndarray of float64, shape (tests,)
        Adjusted p-values. Reject those at or below the level.

    Raises
    ------
    Refusal
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjust(p_values, lambda ordered: ordered * np.arange(len(ordered), 0, -1), np.maximum)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjust p-values so that the expected share of false rejections stays below the level.

    The i-th smallest of m becomes the least of m p_(j) / j from it on (Benjamini and Hochberg
    1995, "Controlling the false discovery rate"); valid for independent tests and those that
    depend positively, as statistics of strategies on common paths mostly do.

    Parameters
    ----------
    p_values : array_like, shape (tests,)
        NaN marks tests that could not be made; they stay NaN and are not counted.

    Returns
    -------
    ndarray of float64, shape (tests,)
        Adjusted p-values. Reject those at or below the level.

    Raises
    ------
    Refusal
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjust(
        p_values,
        lambda ordered: ordered * len(ordered) / np.arange(1, len(ordered) + 1),
        np.minimum,
    )


def benjamini_yekutieli(p_values: ArrayLike) -> Floats:
    """Adjust p-values for the false discovery rate under any dependence.

    Those of `benjamini_hochberg` times 1 + 1/2 + ... + 1/m (Benjamini and Yekutieli 2001, "The
    control of the false discovery rate in multiple testing under dependency").

    Parameters
    ----------
    p_values : array_like, shape (tests,)
        NaN marks tests that could not be made; they stay NaN and are not counted.

    Returns
    -------
    ndarray of float64, shape (tests,)
        Adjusted p-values. Reject those at or below the level.

    Raises
    ------
    Refusal
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> benjamini_yekutieli([0.01, 0.04, 0.03]).round(4).tolist()
    [0.055, 0.0733, 0.0733]
    """
    made = int((~np.isnan(np.asarray(p_values, dtype=np.float64))).sum())
    harmonic = float((1.0 / np.arange(1, made + 1)).sum())
    return np.minimum(
        _adjust(
            p_values,
            lambda ordered: harmonic * ordered * len(ordered) / np.arange(1, len(ordered) + 1),
            np.minimum,
        ),
        1.0,
    )


#: Adjustments by name.
ADJUSTMENTS: dict[str, Callable[[ArrayLike], Floats]] = {
    "bonferroni": bonferroni,
    "holm": holm,
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
}


def _adjust(p_values: ArrayLike, scale: Callable[[Floats], Floats], running: np.ufunc) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or np.any((p < 0.0) | (p > 1.0)):
        raise Refusal("p_values", f"shape {p.shape}", "(tests,), each from 0 to 1")
    found = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    scaled = scale(p[order])
    if running is np.maximum:
        adjusted = np.maximum.accumulate(scaled)
    else:
        adjusted = np.minimum.accumulate(scaled[::-1])[::-1]
    found[order] = np.minimum(adjusted, 1.0)
    return found

"""Distances between two samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["two_sample_distances"]

Array = NDArray[np.float64]


def two_sample_distances(first: Array, second: Array) -> tuple[float, float]:
    r"""Kolmogorov-Smirnov and energy distance of two samples.

    Parameters
    ----------
    first, second : ndarray, shape (n,), (m,)
        The samples.

    Returns
    -------
    kolmogorov_smirnov : float
        Largest difference of the distribution functions, :math:`\sup |F - G|`.
    energy : float
        :math:`2 E|X - Y| - E|X - X'| - E|Y - Y'| = 2 \int (F - G)^2 dx`, in the samples' own
        unit (Szekely and Rizzo 2013).

    Raises
    ------
    ValueError
        If a sample is empty.
    """
    if len(first) == 0 or len(second) == 0:
        raise Refusal("samples", f"{len(first)} and {len(second)} values", ">= 1 each")
    together = np.concatenate([first, second])
    order = np.argsort(together, kind="stable")
    values = together[order]
    jump = np.where(order < len(first), 1.0 / len(first), -1.0 / len(second))
    gap = np.cumsum(jump)
    width = np.diff(values)
    # At ties the distribution functions are compared after the last of the equal values.
    largest = float(np.max(np.abs(np.where(np.append(width, 1.0) > 0.0, gap, 0.0))))
    return largest, float(2.0 * np.sum(gap[:-1] ** 2 * width))

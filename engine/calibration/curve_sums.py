"""Sums over a panel from which the gradients of all factor models are computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp

__all__ = ["curve_sums"]

Array = NDArray[np.float64]


@kernel
def curve_sums(
    by_constant: Array, by_loading: Array, years: Array, kappa: float
) -> tuple[float, float, float, float, float, float]:
    r"""Sum derivatives of a likelihood over all prices, in one pass.

    Parameters
    ----------
    by_constant, by_loading : ndarray, shape (rows, contracts)
        Derivatives d and z of the likelihood by each price's constant and loading; zero where
        there is no price.
    years : ndarray, shape (rows, contracts)
        Years T to expiry.
    kappa : float
        Speed of mean reversion; :math:`e = e^{-\kappa T}`.

    Returns
    -------
    tuple of float
        Sums of :math:`d (1 - e)`, :math:`d (1 - e^2)`, :math:`d T`, :math:`d T e`,
        :math:`d T e^2` and :math:`z T e`.
    """
    fall = fall_twice = length = slope = slope_twice = loading = 0.0
    rows, contracts = years.shape
    for i in range(rows):
        for j in range(contracts):
            d = by_constant[i, j]
            z = by_loading[i, j]
            if d == 0.0 and z == 0.0:
                continue
            t = years[i, j]
            e = exp(-kappa * t)
            fall += d * (1.0 - e)
            fall_twice += d * (1.0 - e * e)
            length += d * t
            slope += d * t * e
            slope_twice += d * t * e * e
            loading += z * t * e
    return fall, fall_twice, length, slope, slope_twice, loading

"""A price with its greeks, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["OptionValues"]

Array = NDArray[np.float64]
CrossGreeks = Callable[[], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class OptionValues:
    """Prices of options and their derivatives; of a single option each is one number.

    Parameters
    ----------
    price : ndarray of float64, shape (...)
        Discounted price, per unit of the underlying.
    delta, gamma : ndarray of float64, shape (...)
        First and second derivative by the price of the underlying.
    vega : ndarray of float64, shape (...)
        Derivative by volatility, per 1.00 and not per point.
    theta : ndarray of float64, shape (...)
        Change of the price per year that passes, all else equal.
    rho : ndarray of float64, shape (...)
        Derivative by the rate, per 1.00; an option on a future holds that fixed, one on a spot
        the spot and its yield.
    cross : callable
        Gives the four derivatives below, which are computed when first asked for.
    """

    price: Array
    delta: Array
    gamma: Array
    vega: Array
    theta: Array
    rho: Array
    cross: CrossGreeks = field(repr=False)

    @cached_property
    def vanna(self) -> Array:
        """Derivative of delta by volatility.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return self._cross[0]

    @cached_property
    def volga(self) -> Array:
        """Derivative of vega by volatility.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return self._cross[1]

    @cached_property
    def charm(self) -> Array:
        """Change of delta per year that passes.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return self._cross[2]

    @cached_property
    def veta(self) -> Array:
        """Change of vega per year that passes.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return self._cross[3]

    @cached_property
    def _cross(self) -> list[Array]:
        return [np.asarray(row)[()] for row in self.cross()]

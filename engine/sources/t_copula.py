"""Student's t copula: normal shocks that come in extremes together, each normal by itself.

Correlated normal shocks have no tail dependence: the farther out, the less one extreme says of the
other. Under a t copula all shocks of a bar are stretched by one common factor, and each is brought
back to a normal law, so that a leg alone is as it was, and large moves come together.

Both maps are smooth and are tabulated once per number of degrees of freedom: the common factor as
a function of one standard normal number, and the way back as a function of the stretched shock.
Tables are rounded to nine decimals, so that they are the same whatever the last bit of a special
function, and read by cubic interpolation.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp, log

__all__ = ["TCopula"]

# Points per unit of both tables.
_PER_UNIT: Final = 64
# The largest normal number that is ever drawn is 6.76.
_REACH: Final = 7.0
_DECIMALS: Final = 9


class TCopula:
    """The maps of a t copula.

    Parameters
    ----------
    degrees : float
        Degrees of freedom, at least 1: the fewer, the more extremes come together.

    Notes
    -----
    With Z of correlation matrix R and W of a chi-squared law with v degrees, x = Z sqrt(v / W) is
    of a multivariate t law, and Phi^-1(T_v(x_i)) standard normal (Demarta and McNeil, 2005, The t
    copula and related copulas). Two shocks of correlation r have the coefficient of tail dependence
    ``2 T_{v+1}(-sqrt((v + 1) (1 - r) / (1 + r)))``, where normal ones have 0; Kendall's tau stays
    ``2 asin(r) / pi``.
    """

    def __init__(self, degrees: float) -> None:
        self._stretch, self._back = _tables(float(degrees))

    def apply(self, mixing: NDArray[np.float64], shocks: NDArray[np.float64]) -> None:
        """Stretch shocks and bring them back, in place.

        Parameters
        ----------
        mixing : ndarray of float64, shape (paths, bars)
            Standard normal numbers that the common factors are made of.
        shocks : ndarray of float64, shape (paths, bars)
            Standard normal shocks of one leg.
        """
        _apply(mixing, shocks, self._stretch, self._back)


@lru_cache(maxsize=64)
def _tables(degrees: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logarithm of the factor over normal numbers, and the way back over asinh x."""
    from scipy import special

    normal = np.arange(-_REACH - 2 / _PER_UNIT, _REACH + 3 / _PER_UNIT, 1 / _PER_UNIT)
    # W falls as the normal number rises, so that the far end of both is a tail without rounding.
    low, high = special.ndtr(normal), special.ndtr(-normal)
    w = np.where(
        normal < 0.0,
        special.chdtri(degrees, low),
        2.0 * special.gammaincinv(0.5 * degrees, high),
    )
    stretch = 0.5 * np.log(degrees / w)
    reach = math.asinh(_REACH * math.exp(stretch.max()))
    far = np.arange(0.0, reach + 4 / _PER_UNIT, 1 / _PER_UNIT)
    back = -special.ndtri(special.stdtr(degrees, -np.sinh(far)))
    return stretch.round(_DECIMALS), back.round(_DECIMALS)


@kernel
def _apply(
    mixing: NDArray[np.float64],
    shocks: NDArray[np.float64],
    stretch: NDArray[np.float64],
    back: NDArray[np.float64],
) -> None:
    for n in range(shocks.shape[0]):
        for t in range(shocks.shape[1]):
            factor = exp(_between(stretch, (mixing[n, t] + _REACH) * _PER_UNIT + 2.0))
            x = abs(shocks[n, t]) * factor
            place = log(x + math.sqrt(x * x + 1.0)) * _PER_UNIT
            found = _between(back, place)
            shocks[n, t] = found if shocks[n, t] > 0.0 else -found


@inlined
def _between(table: NDArray[np.float64], place: float) -> float:
    """Interpolate by the cubic through the four values around a place."""
    low = min(max(int(place), 1), table.shape[0] - 3)
    u = place - low
    before, here, after, beyond = table[low - 1], table[low], table[low + 1], table[low + 2]
    first = -u * (u - 1.0) * (u - 2.0) / 6.0 * before
    second = (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0 * here
    third = -(u + 1.0) * u * (u - 2.0) / 2.0 * after
    fourth = (u + 1.0) * u * (u - 1.0) / 6.0 * beyond
    value: float = first + second + third + fourth
    return value

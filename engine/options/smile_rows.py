"""Smiles as compiled code: total variance of each expiry, and between expiries."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import log

__all__ = ["SMILE_WIDTH", "fill_surface", "smile_variance", "surface_volatility"]

Array = NDArray[np.float64]

#: Of a row: years to expiry, total variance at the money, correlation, curvature.
SMILE_WIDTH: Final = 4
_YEARS, _VARIANCE, _CORRELATION, _CURVATURE = 0, 1, 2, 3


@inlined
def smile_variance(x: float, variance: float, correlation: float, curvature: float) -> float:
    r"""Total variance to expiry at a log-moneyness: a slice of SSVI.

    Notes
    -----
    :math:`w(x) = \tfrac{\theta}{2} [1 + \rho \varphi x + \sqrt{(\varphi x + \rho)^2 + 1 -
    \rho^2}]`: Gatheral, J. and Jacquier, A. (2014), Arbitrage-free SVI volatility surfaces,
    Quantitative Finance 14, 59-71.
    """
    scaled = curvature * x
    shifted = scaled + correlation
    root = math.sqrt(shifted * shifted + 1.0 - correlation * correlation)
    return 0.5 * variance * (1.0 + correlation * scaled + root)


@kernel
def surface_volatility(rows: Array, forward: float, strike: float, years: float) -> float:
    """Volatility of an option.

    Parameters
    ----------
    rows : ndarray of float64, shape (expiries, SMILE_WIDTH)
        Smiles, nearest expiry first.
    forward, strike : float
        Forward price to the expiry, and strike; both positive.
    years : float
        Time to expiry, positive.

    Notes
    -----
    Between two expiries total variance is linear in time at the same log-moneyness; before the
    first and after the last, volatility is that of the nearest.
    """
    count = rows.shape[0]
    if not (forward > 0.0 and strike > 0.0 and years > 0.0):
        return math.nan
    x = log(strike / forward)
    after = 0
    while after < count and rows[after, _YEARS] < years:
        after += 1
    first = min(max(after - 1, 0), count - 1)
    last = min(after, count - 1)
    near = smile_variance(
        x, rows[first, _VARIANCE], rows[first, _CORRELATION], rows[first, _CURVATURE]
    )
    if first == last or years <= rows[0, _YEARS]:
        return math.sqrt(near / rows[first, _YEARS])
    far = smile_variance(x, rows[last, _VARIANCE], rows[last, _CORRELATION], rows[last, _CURVATURE])
    share = (years - rows[first, _YEARS]) / (rows[last, _YEARS] - rows[first, _YEARS])
    return math.sqrt((near + share * (far - near)) / years)


@kernel
def fill_surface(rows: Array, forward: Array, strike: Array, years: Array, out: Array) -> None:
    """Write the volatility of each option."""
    for i in range(out.size):
        out[i] = surface_volatility(rows, forward[i], strike[i], years[i])

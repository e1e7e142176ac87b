"""The volatility that the price of an American option implies."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.pricing.american import american

__all__ = ["american_volatility"]

Array = NDArray[np.float64]

# Volatilities between which one is looked for, and how near.
_LEAST: Final = 1e-3
_MOST: Final = 8.0
_NEAR: Final = 1e-9
# Of the strike, within which a price is met.
_EXACT: Final = 1e-12
_STEPS: Final = 60


def american_volatility(
    price: ArrayLike,
    underlying: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> Array:
    r"""Return the volatility at which an American option is worth a price.

    Parameters
    ----------
    price : array_like
        Per unit of the underlying; all arguments broadcast.
    underlying, strike : array_like
        Price of the spot and strike. Of a future, whose `dividend` is the rate itself.
    years : array_like
        Time to expiry in years.
    rate, dividend : array_like
        Continuously compounded.
    call : array_like of bool
        Call or put.

    Returns
    -------
    ndarray of float64, shape (...)
        Annual; NaN where the price is no more than what exercise brings, or beyond the price at a
        volatility of 8.

    Notes
    -----
    The price of `engine.pricing.american` rises with volatility; its root is bracketed and found by
    the Illinois method [1]_, to 1e-9 of the volatility.

    References
    ----------
    .. [1] Dowell, M. and Jarratt, P. (1971). A modified regula falsi method for computing the root
       of an equation. BIT 11, 168-174.

    Examples
    --------
    >>> import engine as mc
    >>> put = mc.american(75.0, 80.0, 0.5, 0.35, rate=0.05, call=False)
    >>> rates = {"rate": 0.05, "dividend": 0.05}
    >>> round(float(american_volatility(put.price, 75.0, 80.0, 0.5, **rates, call=False)), 6)
    0.35
    """
    given = np.broadcast_arrays(price, underlying, strike, years, rate, dividend, call)
    shape = given[0].shape
    p, spot, k, t, r, q = (np.asarray(row, dtype=np.float64).ravel() for row in given[:6])
    right = np.asarray(given[6], dtype=np.bool_).ravel()
    found = np.full(p.size, np.nan)
    exercised = np.where(right, spot - k, k - spot)
    known = np.isfinite(p) & (p > np.maximum(exercised, 0.0)) & (t > 0.0) & (spot > 0.0)
    at = np.flatnonzero(known)

    def excess(volatility: Array, rows: NDArray[np.int64]) -> Array:
        values = american(
            spot[rows], k[rows], t[rows], volatility, model="black_scholes", rate=r[rows],
            dividend=q[rows], call=right[rows],
        )  # fmt: skip
        return np.asarray(values.price - p[rows])

    if at.size == 0:
        return found.reshape(shape)
    low, high = np.full(at.size, _LEAST), np.full(at.size, _MOST)
    below, above = excess(low, at), excess(high, at)
    inside = (below < 0.0) & (above > 0.0)
    at, low, high = at[inside], low[inside], high[inside]
    below, above = below[inside], above[inside]
    moved = np.zeros(at.size)
    for _ in range(_STEPS):
        if at.size == 0:
            break
        # The secant would crawl along one end of a wide bracket: it is halved first.
        secant = high - above * (high - low) / (above - below)
        tried = np.where(high - low > 0.5 * high, 0.5 * (low + high), secant)
        value = excess(tried, at)
        side = np.where(value > 0.0, 1.0, -1.0)
        # Illinois: an end that has stayed twice counts half.
        again = np.where(side == moved, 0.5, 1.0)
        below = np.where(side > 0.0, again * below, value)
        above = np.where(side > 0.0, value, again * above)
        low, high = np.where(side > 0.0, low, tried), np.where(side > 0.0, tried, high)
        found[at] = tried
        going = (high - low > _NEAR * high) & (abs(value) > _EXACT * k[at])
        at, low, high = at[going], low[going], high[going]
        below, above, moved = below[going], above[going], side[going]
    return found.reshape(shape)

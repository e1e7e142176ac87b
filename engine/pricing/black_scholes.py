"""Black-Scholes-Merton prices on a forward, and the volatility a price implies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

__all__ = ["black_scholes_price", "black_scholes_vega", "implied_volatility"]

Array = NDArray[np.float64]


def black_scholes_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> Array:
    r"""Price of a European option.

    Parameters
    ----------
    spot, strike : array_like
        Price of the underlying and strike; arguments broadcast.
    years, volatility : array_like
        Time to expiry and annual volatility.
    rate, dividend : array_like
        Continuously compounded; for an option on a future set both to the same rate.
    call : array_like of bool
        Call or put.

    Notes
    -----
    :math:`\pm [S e^{-qT} N(\pm d_1) - K e^{-rT} N(\pm d_2)]` (Black and Scholes 1973; Merton
    1973).
    """
    s, k, t, v, r, q, is_call = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (spot, strike, years, volatility)),
        *(np.asarray(x, dtype=np.float64) for x in (rate, dividend)),
        np.asarray(call, dtype=bool),
    )
    sign = np.where(is_call, 1.0, -1.0)
    forward, strike_value = s * np.exp(-q * t), k * np.exp(-r * t)
    deviation = v * np.sqrt(t)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(forward / strike_value) / deviation + 0.5 * deviation
        value = sign * (forward * ndtr(sign * d1) - strike_value * ndtr(sign * (d1 - deviation)))
    intrinsic = np.maximum(sign * (forward - strike_value), 0.0)
    return np.asarray(np.where(deviation > 0.0, value, intrinsic))


def black_scholes_vega(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
) -> Array:
    r"""Differentiate the price by volatility: :math:`S e^{-qT} n(d_1) \sqrt T`."""
    s, k, t, v, r, q = (
        np.asarray(x, dtype=np.float64) for x in (spot, strike, years, volatility, rate, dividend)
    )
    forward, strike_value = s * np.exp(-q * t), k * np.exp(-r * t)
    deviation = v * np.sqrt(t)
    d1 = np.log(forward / strike_value) / deviation + 0.5 * deviation
    return np.asarray(forward * np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi) * np.sqrt(t))


def implied_volatility(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> Array:
    """Volatility at which the Black-Scholes price is the given one.

    Arguments are those of `black_scholes_price`, which broadcast. NaN where the price lies outside
    its no-arbitrage bounds.

    Notes
    -----
    Newton's method inside a bracket that shrinks at every step; steps that leave the bracket are
    replaced by its middle.
    """
    p, s, k, t, r, q, is_call = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (price, spot, strike, years, rate, dividend)),
        np.asarray(call, dtype=bool),
    )
    common = {"rate": r, "dividend": q}
    # The out-of-the-money option has the same volatility and no intrinsic value to subtract.
    parity = s * np.exp(-q * t) - k * np.exp(-r * t)
    time_value = p - np.where(is_call, np.maximum(parity, 0.0), np.maximum(-parity, 0.0))
    ceiling = np.minimum(s * np.exp(-q * t), k * np.exp(-r * t))
    outer = parity <= 0.0
    valid = (time_value > 0.0) & (time_value < ceiling) & (t > 0.0)
    low, high = np.full(p.shape, 1e-6), np.full(p.shape, 20.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        guess = np.sqrt(2.0 * np.abs(np.log(s * np.exp((r - q) * t) / k)) / t)
        guess = np.clip(np.where(np.isfinite(guess) & (guess > 0.05), guess, 0.2), 0.01, 5.0)
        for _ in range(100):
            gap = black_scholes_price(s, k, t, guess, call=outer, **common) - time_value
            low, high = np.where(gap < 0.0, guess, low), np.where(gap >= 0.0, guess, high)
            step = guess - gap / black_scholes_vega(s, k, t, guess, **common)
            inside = (step > low) & (step < high)
            following = np.where(inside, step, 0.5 * (low + high))
            done = np.abs(following - guess) <= 1e-14 * guess
            guess = following
            if np.all(done | ~valid):
                break
    return np.asarray(np.where(valid, guess, np.nan))

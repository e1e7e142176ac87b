"""Bachelier's price and its greeks as scalar code for kernels: prices near and below zero."""

from __future__ import annotations

import math

from engine.compiled import fma, inlined
from engine.compiled.elementary import exp
from engine.pricing.mills import mills, mills_slope

__all__ = ["normal_values"]

_INVERSE_SQRT_2PI = 0.3989422804014327
_LARGEST_EXPONENT = 690.0
_SMALLEST_DEVIATION = 1e-150
_SMALLEST_YEARS = 1e-300


@inlined
def normal_values(
    forward: float, strike: float, years: float, volatility: float, rate: float, call: bool
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    r"""Price and greeks of a European option whose underlying is normal.

    Parameters
    ----------
    forward, strike : float
        Price of the future and strike, of any sign.
    years, volatility, rate : float
        Time to expiry, volatility in units of price per square root of a year, rate.
    call : bool
        Call or put.

    Returns
    -------
    price, delta, gamma, vega, theta, rho, vanna, volga, charm, veta : float
        NaN where the option has expired or the volatility is negative.

    Notes
    -----
    :math:`e^{-rT} [\pm (F - K) N(\pm d) + s\,n(d)]`, :math:`d = (F - K) / s`,
    :math:`s = \sigma \sqrt T` (Bachelier, 1900). Out of the money it is
    :math:`s\,n(d) [1 - |d| m(|d|)]` with Mills' ratio m, where nothing cancels.
    """
    sign = 1.0 if call else -1.0
    discount = exp(-rate * years)
    root = math.sqrt(max(years, _SMALLEST_YEARS))
    s = max(volatility * root, _SMALLEST_DEVIATION)
    sigma = s / root
    distance = forward - strike
    ratio = distance / s
    size = abs(ratio)
    exponent = 0.5 * size * size
    density = _INVERSE_SQRT_2PI * exp(-exponent) if exponent < _LARGEST_EXPONENT else 0.0
    tail = density * mills(size)
    waiting = years > 0.0 and volatility > 0.0
    value = s * density * mills_slope(size) if waiting else 0.0
    price = discount * (max(sign * distance, 0.0) + value)
    in_money = sign * distance > 0.0
    delta = sign * discount * (1.0 - tail if in_money else tail)
    d = ratio if density > 0.0 else 0.0  # else without bound, and of no weight
    weighted = discount * density
    years_left = root * root
    vega = weighted * root
    missing = 0.0 if years >= 0.0 and volatility >= 0.0 else math.nan
    return (
        price + missing,
        delta + missing,
        weighted / s + missing,
        vega + missing,
        fma(rate, price, -0.5 * weighted * s / years_left) + missing,
        -years * price + missing,
        -weighted * d / sigma + missing,
        vega * d * d / sigma + missing,
        fma(rate, delta, 0.5 * weighted * d / years_left) + missing,
        vega * (rate - 0.5 * (1.0 + d * d) / years_left) + missing,
    )

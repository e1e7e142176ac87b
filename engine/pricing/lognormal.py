"""The lognormal price and its greeks as scalar code for kernels: Black-76 and its kin.

All of them are one formula of a spot with a yield, which is the rate itself for a future. Prices
and greeks keep their relative precision far in and out of the money and near expiry, where the
textbook form subtracts numbers that are nearly equal.
"""

from __future__ import annotations

import math

from engine.compiled import fma, inlined
from engine.compiled.elementary import exp, log
from engine.pricing.mills import mills

__all__ = [
    "_ratio_difference",
    "above_strike",
    "log_ratio",
    "lognormal_price",
    "lognormal_values",
    "time_value",
]

_INVERSE_SQRT_2PI = 0.3989422804014327
# Beyond, the density is below the smallest number that `exp` returns, and counts as zero.
_LARGEST_EXPONENT = 690.0
_SMALLEST_DEVIATION = 1e-150
_LARGEST_DEVIATION = 1e3
_SMALLEST_YEARS = 1e-300
# Half deviations below which the difference of two tails has too few digits.
_SMALL = 0.015
# Deviations out of the money beyond which nothing is left.
_FARTHEST = -1e3


@inlined
def log_ratio(a: float, b: float) -> float:
    """Return ``ln(a / b)`` with its relative precision also where a is close to b."""
    ratio = a / b
    return log(ratio) + fma(-ratio, b, a) / a


@inlined
def _ratio_difference(h: float, t: float) -> tuple[float, float, float, float]:
    r"""Difference of the normal's tails over its density, at h + t and h - t.

    Parameters
    ----------
    h : float
        ``-|ln(F / K)| / s`` with the deviation s of the log price up to expiry.
    t : float
        ``s / 2``.

    Returns
    -------
    difference, upper, lower, whole : float
        :math:`M(h + t) - M(h - t)`, the two, and 0; or with 1 instead, the first two less
        :math:`1 / n(h + t)`.

    Notes
    -----
    :math:`M = N / n`. Where t is small the difference is that of a Taylor series about h, by
    :math:`M^{(k+1)} = h M^{(k)} + k M^{(k-1)}`; where h + t is positive, the complement is taken
    (Jaeckel, 2015, Let's be rational, has the same cases).
    """
    upper, lower = h + t, t - h
    small = t < _SMALL
    at_upper = mills(-h if small else abs(upper))
    at_lower = mills(-h if small else lower)
    m1 = fma(h, at_upper, 1.0)
    m2 = fma(h, m1, at_upper)
    m3 = fma(h, m2, 2.0 * m1)
    m4 = fma(h, m3, 3.0 * m2)
    m5 = fma(h, m4, 4.0 * m3)
    m6 = fma(h, m5, 5.0 * m4)
    m7 = fma(h, m6, 6.0 * m5)
    t2 = t * t
    odd = t * fma(t2, fma(t2, fma(t2 / 5040.0, m7, m5 / 120.0), m3 / 6.0), m1)
    even = fma(t2, fma(t2, fma(t2 / 720.0, m6, m4 / 24.0), 0.5 * m2), at_upper)
    complement = not small and upper > 0.0
    signed = -at_upper if complement else at_upper
    difference = 2.0 * odd if small else signed - at_lower
    return (
        difference,
        even + odd if small else signed,
        even - odd if small else at_lower,
        1.0 if complement else 0.0,
    )


@inlined
def time_value(h: float, t: float) -> tuple[float, float, float, float, float]:
    """Price of an option out of the money over the smaller of forward and strike.

    Parameters
    ----------
    h, t : float
        As of `_ratio_difference`.

    Returns
    -------
    value, density, inner, outer, ratio : float
        The time value; ``n(h + t)``; ``N(h + t)``, its complement, and ``N(h - t) / n(h - t)``.
    """
    difference, at_upper, ratio, whole = _ratio_difference(h, t)
    upper = h + t
    exponent = 0.5 * upper * upper
    density = _INVERSE_SQRT_2PI * exp(-exponent) if exponent < _LARGEST_EXPONENT else 0.0
    inner = density * at_upper
    return fma(density, difference, whole), density, whole + inner, (1.0 - whole) - inner, ratio


@inlined
def lognormal_price(
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    call: bool,
) -> float:
    """Return the price alone; arguments are those of `lognormal_values`."""
    growth = (rate - dividend) * years
    forward = spot * exp(growth)
    deviation = volatility * math.sqrt(years)
    s = min(max(deviation, _SMALLEST_DEVIATION), _LARGEST_DEVIATION)
    x = log_ratio(spot, strike) + growth
    h = max(-abs(x) / s, _FARTHEST)
    value, _, _, _, _ = time_value(h, 0.5 * s)
    sign = 1.0 if call else -1.0
    intrinsic = max(sign * above_strike(forward, strike, x), 0.0)
    value = value if years > 0.0 and volatility > 0.0 else 0.0
    price = exp(-rate * years) * fma(min(forward, strike), value, intrinsic)
    valid = spot > 0.0 and strike > 0.0 and years >= 0.0 and volatility >= 0.0
    return price if valid else math.nan


@inlined
def lognormal_values(
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    call: bool,
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    r"""Price and greeks of a European option.

    Parameters
    ----------
    spot, strike : float
        Price of the underlying and strike, both positive.
    years, volatility, rate, dividend : float
        Time to expiry, annual volatility, the rate at which the price is discounted, and the yield
        of the underlying: the rate itself for a future.
    call : bool
        Call or put.

    Returns
    -------
    price, delta, gamma, vega, theta, rho, vanna, volga, charm, veta : float
        NaN where the option has expired, the volatility is negative or a price is not positive.
        ``rho`` holds the yield fixed; that of an option on a future is ``-years price``.

    Notes
    -----
    Haug (2007), The complete guide to option pricing formulas, chapters 1 and 2. Time runs
    forward: theta, charm and veta are changes per year that passes.
    """
    carry = rate - dividend
    forward = spot * exp(carry * years)
    discount = exp(-rate * years)
    root = math.sqrt(max(years, _SMALLEST_YEARS))
    deviation = volatility * root
    s = min(max(deviation, _SMALLEST_DEVIATION), _LARGEST_DEVIATION)
    # Not of the forward, whose rounding would count where it is close to the strike.
    x = log_ratio(spot, strike) + carry * years
    h = max(-abs(x) / s, _FARTHEST)
    value, at_upper, inner, outer, ratio = time_value(h, 0.5 * s)
    least = min(forward, strike)
    sign = 1.0 if call else -1.0
    intrinsic = max(sign * above_strike(forward, strike, x), 0.0)
    value = value if years > 0.0 and volatility > 0.0 else 0.0
    price = discount * fma(least, value, intrinsic)
    density = at_upper * least  # F n(d1) = K n(d2)
    out = x <= 0.0
    far = density * ratio  # F N(-d1) above the strike, K N(d2) below it
    in_units = inner if out else 1.0 - far / forward  # N(d1)
    short_units = outer if out else far / forward
    unit = discount * forward / spot  # exp(-dividend years)
    delta = unit * (in_units if call else -short_units)
    paid = far if out else strike * outer  # K N(d2)
    received = strike - far if out else strike * inner
    # Where the density is zero these factors are large without bound, and do not count.
    d1 = x / s + 0.5 * s if density > 0.0 else 0.0
    d2 = x / s - 0.5 * s if density > 0.0 else 0.0
    weighted = discount * density
    slope = weighted / spot
    sigma = s / root
    years_left = root * root
    gamma = slope / (spot * s)
    vega = weighted * root
    theta = fma(rate, price, -carry * spot * delta) - 0.5 * weighted * s / years_left
    rho = years * discount * (paid if call else -received)
    vanna = -slope * d2 / sigma
    volga = vega * d1 * d2 / sigma
    charm = dividend * delta - slope * (carry / s - 0.5 * d2 / years_left)
    veta = vega * (dividend + carry * d1 / s - 0.5 * (1.0 + d1 * d2) / years_left)
    valid = spot > 0.0 and strike > 0.0 and years >= 0.0 and volatility >= 0.0
    missing = 0.0 if valid else math.nan
    return (
        price + missing,
        delta + missing,
        gamma + missing,
        vega + missing,
        theta + missing,
        rho + missing,
        vanna + missing,
        volga + missing,
        charm + missing,
        veta + missing,
    )


@inlined
def above_strike(forward: float, strike: float, x: float) -> float:
    """Return the forward less the strike; near it from its logarithm, which was not rounded."""
    series = fma(fma(fma(fma(x, 1.0 / 720.0, 1.0 / 120.0), x, 1.0 / 24.0), x, 1.0 / 6.0), x, 0.5)
    series = fma(series, x, 1.0)
    return strike * x * series if abs(x) < 0.01 else forward - strike

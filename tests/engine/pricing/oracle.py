"""Closed forms in 240 digits, and their derivatives by differences in as many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

DIGITS = 240


def lognormal(spot: Any, strike: Any, years: Any, vol: Any, rate: Any, q: Any, sign: Any) -> Any:
    """The price of Black, Scholes and Merton."""
    s = vol * mp.sqrt(years)
    d1 = (mp.log(spot / strike) + (rate - q) * years) / s + s / 2
    value = spot * mp.exp(-q * years) * _cdf(sign * d1)
    return sign * (value - strike * mp.exp(-rate * years) * _cdf(sign * (d1 - s)))


def normal(forward: Any, strike: Any, years: Any, vol: Any, rate: Any, sign: Any) -> Any:
    """Bachelier's price."""
    s = vol * mp.sqrt(years)
    d = (forward - strike) / s
    density = mp.exp(-d * d / 2) / mp.sqrt(2 * mp.pi)
    return mp.exp(-rate * years) * (sign * (forward - strike) * _cdf(sign * d) + s * density)


# How often each greek differentiates by underlying, years, volatility and rate, and its sign.
GREEKS = {
    "price": ((0, 0, 0, 0), 1),
    "delta": ((1, 0, 0, 0), 1),
    "gamma": ((2, 0, 0, 0), 1),
    "vega": ((0, 0, 1, 0), 1),
    "theta": ((0, 1, 0, 0), -1),
    "rho": ((0, 0, 0, 1), 1),
    "vanna": ((1, 0, 1, 0), 1),
    "volga": ((0, 0, 2, 0), 1),
    "charm": ((1, 1, 0, 0), -1),
    "veta": ((0, 1, 1, 0), -1),
}


def greeks(price: Callable[..., Any], underlying: float, years: float, vol: float, rate: float):
    """Return all greeks of ``price(underlying, years, vol, rate)``, rounded to floats."""
    mp.mp.dps = DIGITS
    place = tuple(mp.mpf(float(value)) for value in (underlying, years, vol, rate))
    return {
        name: float(sign * (mp.diff(price, place, orders) if any(orders) else price(*place)))
        for name, (orders, sign) in GREEKS.items()
    }


def exact(*values: float) -> tuple[Any, ...]:
    """The numbers that these floats are."""
    return tuple(mp.mpf(float(value)) for value in values)


def _cdf(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2

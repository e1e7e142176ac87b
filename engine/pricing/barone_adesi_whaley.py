"""The quadratic approximation of American options, as kernel code.

Barone-Adesi and Whaley (1987), Efficient analytic approximation of American option values,
J. Finance 42, 301-320. For a strike of 100 it errs by less than 0.1 up to a year at 25 %
volatility, by 0.9 at two years and 80 %; kept for comparison with programs that quote it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp, log
from engine.pricing.lognormal import lognormal_values

__all__ = ["fill_quadratic", "quadratic_value"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_STEPS = 100
_PRECISION = 1e-12


@inlined
def quadratic_value(
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    call: bool,
) -> tuple[float, float, float, float]:
    """Price, delta, gamma and boundary, which is 0 or infinite where exercise is never early."""
    price, delta, gamma, _, _, _, _, _, _, _ = lognormal_values(
        spot, strike, years, volatility, rate, dividend, call
    )
    sign = 1.0 if call else -1.0
    never = dividend <= 0.0 if call else rate <= 0.0
    if never or not (volatility * volatility * years > 0.0) or math.isnan(price):
        return price, delta, gamma, math.inf if call else 0.0
    variance = volatility * volatility
    slope = 2.0 * (rate - dividend) / variance - 1.0
    loss = 1.0 - exp(-rate * years)
    yielded = 2.0 / (variance * years) if loss == 0.0 else 2.0 * rate / (variance * loss)
    power = 0.5 * (-slope + sign * math.sqrt(slope * slope + 4.0 * yielded))
    critical = strike
    excess = 0.0
    for _ in range(_STEPS):
        value, its_delta, its_gamma, _, _, _, _, _, _, _ = lognormal_values(
            critical, strike, years, volatility, rate, dividend, call
        )
        excess = (sign - its_delta) * critical / power
        miss = sign * (critical - strike) - value - excess
        rise = (sign - its_delta) * (1.0 - 1.0 / power) + its_gamma * critical / power
        moved = min(max(critical - miss / rise, 0.5 * critical), 2.0 * critical)
        done = abs(moved - critical) < _PRECISION * critical
        critical = moved
        if done:
            break
    if sign * (spot - critical) >= 0.0:
        return sign * (spot - strike), sign, 0.0, critical
    premium = excess * exp(power * log(spot / critical))
    delta += power * premium / spot
    gamma += power * (power - 1.0) * premium / (spot * spot)
    return price + premium, delta, gamma, critical


@kernel
def fill_quadratic(
    spot: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    dividend: Array,
    call: Flags,
    price: Array,
    delta: Array,
    gamma: Array,
    boundary: Array,
) -> None:
    """Write prices, slopes and boundaries of puts and calls."""
    for i in range(spot.size):
        price[i], delta[i], gamma[i], boundary[i] = quadratic_value(
            spot[i], strike[i], years[i], volatility[i], rate[i], dividend[i], call[i]
        )

"""Loops over arrays of European options: the compiled half of `engine.pricing.european`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.pricing.lognormal import lognormal_values
from engine.pricing.normal import normal_values

__all__ = [
    "fill_futures",
    "fill_lognormal",
    "fill_lognormal_cross",
    "fill_normal",
    "fill_normal_cross",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@kernel
def fill_futures(
    forward: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    call: Flags,
    price: Array,
    delta: Array,
    gamma: Array,
    vega: Array,
    theta: Array,
    rho: Array,
) -> None:
    """Write Black's prices and greeks, of which rho holds the future fixed."""
    for i in range(forward.size):
        price[i], delta[i], gamma[i], vega[i], theta[i], _, _, _, _, _ = lognormal_values(
            forward[i], strike[i], years[i], volatility[i], rate[i], rate[i], call[i]
        )
        rho[i] = -years[i] * price[i]


@kernel
def fill_lognormal(
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
    vega: Array,
    theta: Array,
    rho: Array,
) -> None:
    """Write prices and the greeks that every user asks for."""
    for i in range(spot.size):
        price[i], delta[i], gamma[i], vega[i], theta[i], rho[i], _, _, _, _ = lognormal_values(
            spot[i], strike[i], years[i], volatility[i], rate[i], dividend[i], call[i]
        )


@kernel
def fill_lognormal_cross(
    spot: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    dividend: Array,
    call: Flags,
    vanna: Array,
    volga: Array,
    charm: Array,
    veta: Array,
) -> None:
    """Write the other derivatives of second order."""
    for i in range(spot.size):
        _, _, _, _, _, _, vanna[i], volga[i], charm[i], veta[i] = lognormal_values(
            spot[i], strike[i], years[i], volatility[i], rate[i], dividend[i], call[i]
        )


@kernel
def fill_normal(
    forward: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    call: Flags,
    price: Array,
    delta: Array,
    gamma: Array,
    vega: Array,
    theta: Array,
    rho: Array,
) -> None:
    """Write Bachelier's prices and the greeks that every user asks for."""
    for i in range(forward.size):
        price[i], delta[i], gamma[i], vega[i], theta[i], rho[i], _, _, _, _ = normal_values(
            forward[i], strike[i], years[i], volatility[i], rate[i], call[i]
        )


@kernel
def fill_normal_cross(
    forward: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    call: Flags,
    vanna: Array,
    volga: Array,
    charm: Array,
    veta: Array,
) -> None:
    """Write the other derivatives of second order."""
    for i in range(forward.size):
        _, _, _, _, _, _, vanna[i], volga[i], charm[i], veta[i] = normal_values(
            forward[i], strike[i], years[i], volatility[i], rate[i], call[i]
        )

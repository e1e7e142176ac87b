"""A hash of what every pricing kernel gives: run to print it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as mc


def values() -> Iterator[Any]:
    """Yield prices, greeks, volatilities and boundaries over wide ranges."""
    grid = np.arange(997.0)
    forward = 60.0 + grid * 37.0 % 83.0
    strike = 50.0 + grid * 53.0 % 101.0
    years = 0.001 + grid * 29.0 % 61.0 / 20.0
    vol = 0.02 + grid * 31.0 % 71.0 / 50.0
    call = strike > forward
    black = mc.black76(forward, strike, years, vol, rate=0.03, call=call)
    spot = mc.black_scholes(forward, strike, years, vol, rate=0.03, dividend=0.01, call=call)
    normal = mc.bachelier(forward - 80.0, strike - 80.0, years, 50.0 * vol, rate=0.03, call=call)
    for found in (black, spot, normal):
        yield from (found.price, found.delta, found.gamma, found.vega, found.theta, found.rho)
        yield from (found.vanna, found.volga, found.charm, found.veta)
    terms: dict[str, Any] = {"rate": 0.03, "call": call}
    yield mc.implied_volatility(black.price, forward, strike, years, **terms)
    yield mc.implied_volatility(
        normal.price, forward - 80.0, strike - 80.0, years, model="bachelier", **terms
    )
    for method in ("andersen_lake", "barone_adesi_whaley"):
        found = mc.american(forward, strike, years, vol, method=method, **terms)
        yield from (found.price, found.delta, found.gamma, found.boundary)
    yield mc.schwartz_volatility(
        years, years + 0.2, kappa=vol, sigma_spot=0.3, sigma_yield=0.4, rho=0.7
    )
    yield mc.merton_price(
        forward, strike, years, sigma=vol, jump_intensity=1.5, mean_log_jump=-0.1, jump_vol=0.2
    )


def digest() -> str:
    """Return the hash of all of them."""
    together = hashlib.sha256()
    for each in values():
        together.update(np.ascontiguousarray(each).tobytes())
    return together.hexdigest()[:32]


if __name__ == "__main__":
    print(digest())

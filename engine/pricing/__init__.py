"""Prices of options: closed forms, transforms, the volatility that a price implies."""

from engine.pricing.black_scholes import (
    black_scholes_price,
    black_scholes_vega,
    implied_volatility,
)
from engine.pricing.heston_prices import heston_price

__all__ = ["black_scholes_price", "black_scholes_vega", "heston_price", "implied_volatility"]

"""Prices of options: closed forms, transforms, the volatility that a price implies."""

from engine.pricing.american import AmericanValues, american
from engine.pricing.bates_prices import bates_price
from engine.pricing.european import bachelier, black76, black_scholes
from engine.pricing.heston_prices import heston_price
from engine.pricing.implied_volatility import implied_volatility
from engine.pricing.merton_prices import merton_price
from engine.pricing.option_values import OptionValues
from engine.pricing.schwartz import schwartz_variance, schwartz_volatility

__all__ = [
    "AmericanValues",
    "OptionValues",
    "american",
    "bachelier",
    "bates_price",
    "black76",
    "black_scholes",
    "heston_price",
    "implied_volatility",
    "merton_price",
    "schwartz_variance",
    "schwartz_volatility",
]

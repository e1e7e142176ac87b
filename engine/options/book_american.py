"""American options in the book: compiled where a study has some, and called by its address."""

from __future__ import annotations

from functools import cache

from engine.compiled import kernel
from engine.compiled.linking import address_of_compiled
from engine.compiled.views import floats_at
from engine.pricing.early_exercise import american_put, american_room

__all__ = ["PAD_WIDTH", "american_call"]

#: Arguments and results, as `american_call` says.
PAD_WIDTH = 10


@cache
def american_call() -> int:
    """Compile or load ``price(pad)`` and return its address.

    The pad holds spot, strike, years, volatility, rate, yield and right (1 of a call) of an option;
    behind them the price, delta and gamma are written.
    """
    return address_of_compiled(_price, 1)


@kernel
def _price(pad: int) -> int:
    given = floats_at(pad, PAD_WIDTH)
    spot, strike, years, sigma = given[0], given[1], given[2], given[3]
    rate, dividend = given[4], given[5]
    work, flows = american_room()
    if given[6] != 0.0:  # a call is a put on what is paid for it
        ratio = strike / spot
        p, slope, curve, _ = american_put(ratio, years, sigma, dividend, rate, work, flows)
        given[7] = max(spot * p, spot - strike)
        given[8], given[9] = p - ratio * slope, ratio * ratio * curve / spot
    else:
        ratio = spot / strike
        p, slope, curve, _ = american_put(ratio, years, sigma, rate, dividend, work, flows)
        given[7] = max(strike * p, strike - spot)
        given[8], given[9] = slope, curve / strike
    return 0

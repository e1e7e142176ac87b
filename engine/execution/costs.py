"""What a fill costs: the slipped price and the commission, as the compiled loop computes them."""

from __future__ import annotations

import math

from engine.execution.calling import part
from engine.execution.layout import (
    COMMISSION_FIXED,
    COMMISSION_MAKER,
    COMMISSION_MINIMUM,
    COMMISSION_PER_UNIT,
    COMMISSION_PERCENT,
    DAILY_VOLATILITY,
    MULTIPLIER,
    SLIPPAGE_BPS,
    SLIPPAGE_IMPACT,
    SLIPPAGE_TICKS,
    SLIPPAGE_VOLUME,
    SLIPPAGE_VOLUME_CAP,
    TICK,
)
from engine.execution.state import Simulation

__all__ = ["commission_of", "slipped_price"]


@part
def slipped_price(
    s: Simulation, symbol: int, units: float, reference: float, volume: float
) -> float:
    """Price of a market or stop fill of signed `units` at `reference` in a bar of `volume`.

    Notes
    -----
    With direction ``d = sign(units)`` and ``q = min(|units| / volume, cap)``::

        price = reference + d ticks tick + |reference| d (bps 1e-4 + k q**2 + Y sigma sqrt(q))

    The quadratic term is Zipline's volume-share model, the last the square-root impact law
    (Almgren et al., 2005; Tóth et al., 2011) with daily volatility sigma.
    """
    rules = s.rules
    side = 1.0 if units > 0.0 else -1.0
    # A price may be negative; slippage is against the trader all the same.
    size = abs(reference)
    price = reference + side * size * rules[symbol, SLIPPAGE_BPS]
    price += side * rules[symbol, SLIPPAGE_TICKS] * rules[symbol, TICK]
    share_cost = rules[symbol, SLIPPAGE_VOLUME]
    impact = rules[symbol, SLIPPAGE_IMPACT]
    if share_cost != 0.0 or impact != 0.0:
        cap = rules[symbol, SLIPPAGE_VOLUME_CAP]
        share = cap
        if volume > 0.0 and abs(units) < cap * volume:
            share = abs(units) / volume
        price += side * size * share_cost * share * share
        price += side * size * impact * rules[symbol, DAILY_VOLATILITY] * math.sqrt(share)
    return price


@part
def commission_of(
    s: Simulation, symbol: int, units: float, price: float, exchange: float, maker: bool
) -> float:
    """Commission of a fill, in account currency.

    Parameters
    ----------
    units, price : float
        Size, and price with slippage.
    exchange : float
        Account currency per unit of the symbol's.
    maker : bool
        Whether it is a limit order that rested.
    """
    rules = s.rules
    rate = rules[symbol, COMMISSION_MAKER] if maker else rules[symbol, COMMISSION_PERCENT]
    size = abs(units)
    cost = size * abs(price) * (rules[symbol, MULTIPLIER] * exchange) * rate
    cost += size * rules[symbol, COMMISSION_PER_UNIT] + rules[symbol, COMMISSION_FIXED]
    least = rules[symbol, COMMISSION_MINIMUM]
    # A rebate to the maker is below zero; only a minimum that was set applies.
    return least if least > 0.0 and cost < least else cost

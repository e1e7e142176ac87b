"""Prices of legs over a stretch of bars: futures, then values, each a loop without branches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.compiled.elementary import exp
from engine.options.layout import (
    BLOCK,
    GROWTH,
    LOG_PRICE,
    PRICE,
    SPOT_LOADING,
    YIELD,
    YIELD_LOADING,
)
from engine.pricing.lognormal import lognormal_price
from engine.pricing.normal import normal_values

__all__ = ["fill_forwards", "fill_values", "forward_at"]

Array = NDArray[np.float64]


@inlined
def forward_at(series: Array, tables: Array, bar: int, column: int, of_future: bool) -> float:
    """Return the future of an option at the close of a bar, by its column of the tables."""
    if of_future:
        level = tables[SPOT_LOADING, column] * series[LOG_PRICE, bar]
        own = tables[YIELD_LOADING, column] * series[YIELD, bar]
        return exp(tables[GROWTH, column] + level + own)
    forward: float = series[PRICE, bar] * tables[GROWTH, column]
    return forward


@inlined
def fill_forwards(
    series: Array, tables: Array, bar: int, column: int, of_future: bool, out: Array
) -> None:
    """Write the futures of an option at `BLOCK` bars from `bar` on."""
    # Slices of one length, indexed alike from zero: only such loops become vectors.
    growth = tables[GROWTH, column : column + BLOCK]
    if of_future:
        spot = tables[SPOT_LOADING, column : column + BLOCK]
        loading = tables[YIELD_LOADING, column : column + BLOCK]
        prices, yields = series[LOG_PRICE, bar : bar + BLOCK], series[YIELD, bar : bar + BLOCK]
        for i in range(BLOCK):
            out[i] = exp(growth[i] + spot[i] * prices[i] + loading[i] * yields[i])
    else:
        prices = series[PRICE, bar : bar + BLOCK]
        for i in range(BLOCK):
            out[i] = prices[i] * growth[i]


@inlined
def fill_values(
    levels: Array,
    deviations: Array,
    discounts: Array,
    forwards: Array,
    strike: float,
    call: bool,
    normal: bool,
    out: Array,
) -> None:
    """Write what one option is worth at each of `BLOCK` bars: NaN where it has no price."""
    if normal:
        for i in range(BLOCK):
            value, _, _, _, _, _, _, _, _, _ = normal_values(
                forwards[i], strike, 1.0, levels[i] * deviations[i], 0.0, call
            )
            out[i] = discounts[i] * value
    else:
        for i in range(BLOCK):
            # The deviation up to expiry as the volatility of one year, so that no root is taken.
            value = lognormal_price(
                forwards[i], strike, 1.0, levels[i] * deviations[i], 0.0, 0.0, call
            )
            out[i] = discounts[i] * value


@inlined
def strike_of(
    rule: float, offset: float, forward: float, deviation: float, call: bool, normal: bool
) -> float:
    r"""Return a leg's strike, by the rules of `engine.options.layout.STRIKE_RULES`.

    Parameters
    ----------
    rule : float
        Which.
    offset : float
        How far out of the money; of the rule ``delta`` the standard normal quantile of the delta.
    forward, deviation : float
        Of the underlying up to expiry.
    call, normal : bool
        Right; whether prices are normal.

    Notes
    -----
    ``deviations`` are of the log price: :math:`K = F e^{\pm n s}`. With a delta before discounting
    of :math:`\pm N(\pm d_1)` the strike is :math:`F e^{s^2 / 2 \mp s z}`.
    """
    sign = 1.0 if call else -1.0
    strike = offset
    if rule == 0.0:
        strike = forward * (1.0 + sign * 0.01 * offset)
    elif rule == 1.0:
        steps = sign * offset * deviation
        strike = forward + steps if normal else forward * exp(steps)
    elif rule == 2.0:
        strike = forward + sign * offset
    elif rule == 3.0:
        steps = -sign * offset * deviation
        above = forward * exp(steps + 0.5 * deviation * deviation)
        strike = forward + steps if normal else above
    return strike


@inlined
def on_grid(strike: float, step: float) -> float:
    """Return the listed strike that is nearest; any strike is listed where the step is 0."""
    return math.floor(strike / step + 0.5) * step if step > 0.0 else strike

"""Prices on the grid of an instrument's ticks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.execution.layout import (
    MARKET,
    ORDER_FROM_FILL,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STOP,
    ORDER_STOP_LOSS,
    ORDER_TAKE_PROFIT,
    TO_PERCENT,
    TO_UNITS,
)

__all__ = ["on_tick", "put_on_ticks"]

# Of a tick: a price that near to the grid is on it, whatever arithmetic it came from.
_NEAR = 1e-6


@rare
def put_on_ticks(
    order: NDArray[np.float64], numerator: float, denominator: float, held: float
) -> None:
    """Move the prices of an order to the grid, away from the market.

    A buy stop and a sell limit go up, a sell stop and a buy limit down, so that no order fills
    where the price that was asked for would not have.

    Parameters
    ----------
    order : ndarray of float64, shape (ORDER_WIDTH,)
        Its row in the book.
    numerator, denominator : float
        The tick, a decimal fraction.
    held : float
        Units of the symbol.
    """
    keep_apart()
    mode = order[ORDER_MODE]
    buys = order[ORDER_QUANTITY] > (held if mode == TO_UNITS else 0.0)
    if order[ORDER_KIND] != MARKET:
        order[ORDER_STOP] = on_tick(order[ORDER_STOP], buys, numerator, denominator)
        order[ORDER_LIMIT] = on_tick(order[ORDER_LIMIT], not buys, numerator, denominator)
    if mode != TO_UNITS and mode != TO_PERCENT and order[ORDER_FROM_FILL] == 0.0:
        # A distance is not on the grid: the price that it leads to is, when it is placed. So are
        # the exits of a target, the side of which is known when it fills.
        take, loss = order[ORDER_TAKE_PROFIT], order[ORDER_STOP_LOSS]
        order[ORDER_TAKE_PROFIT] = on_tick(take, buys, numerator, denominator)
        order[ORDER_STOP_LOSS] = on_tick(loss, not buys, numerator, denominator)


@rare
def on_tick(price: float, up: bool, numerator: float, denominator: float) -> float:
    """Return the nearest price of the grid above or below; NaN and infinity stay."""
    keep_apart()
    count = price * denominator / numerator
    whole = np.rint(count)
    if abs(whole - count) > _NEAR:
        if up and whole < count:
            whole += 1.0
        elif not up and whole > count:
            whole -= 1.0
    return whole * numerator / denominator + 0.0  # of minus zero, zero

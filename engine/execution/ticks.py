"""Prices on the grid of an instrument's ticks."""

from __future__ import annotations

import numpy as np

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    MARKET,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STOP,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAKE_PROFIT,
    TICK_DENOMINATOR,
    TICK_NUMERATOR,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
)
from engine.execution.state import Simulation

__all__ = ["put_on_ticks"]

# Of a tick: a price that near to the grid is on it, whatever arithmetic it came from.
_NEAR = 1e-6


@rare
def put_on_ticks(s: Simulation, slot: int) -> None:
    """Move the prices of the order in `slot` to the grid, away from the market.

    A buy stop and a sell limit go up, a sell stop and a buy limit down, so that no order fills
    where the price that was asked for would not have.
    """
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    buys = order[ORDER_QUANTITY] > 0.0
    if order[ORDER_MODE] == TO_UNITS:
        buys = order[ORDER_QUANTITY] > s.positions[symbol, UNITS]
    if order[ORDER_KIND] != MARKET:
        order[ORDER_STOP] = _on_tick(s, symbol, order[ORDER_STOP], buys)
        order[ORDER_LIMIT] = _on_tick(s, symbol, order[ORDER_LIMIT], not buys)
    if order[ORDER_MODE] not in (TO_UNITS, TO_PERCENT):
        # Which side a target opens is known when it fills: its exits are moved when placed.
        order[ORDER_TAKE_PROFIT] = _on_tick(s, symbol, order[ORDER_TAKE_PROFIT], buys)
        order[ORDER_STOP_LOSS] = _on_tick(s, symbol, order[ORDER_STOP_LOSS], not buys)


@part
def _on_tick(s: Simulation, symbol: int, price: float, up: bool) -> float:
    """Return the nearest price of the grid above or below; NaN and infinity stay."""
    numerator, denominator = s.rules[symbol, TICK_NUMERATOR], s.rules[symbol, TICK_DENOMINATOR]
    count = price * denominator / numerator
    whole = np.rint(count)
    if abs(whole - count) > _NEAR:
        if up and whole < count:
            whole += 1.0
        elif not up and whole > count:
            whole -= 1.0
    return whole * numerator / denominator

"""How many units an order trades, decided at the moment and price of its fill."""

from __future__ import annotations

import math

from engine.compiled.kernel import inlined
from engine.execution.costs import slipped_price
from engine.execution.layout import (
    BY_PERCENT,
    BY_UNITS,
    COMMISSION_FIXED,
    COMMISSION_PER_UNIT,
    COMMISSION_PERCENT,
    LOT,
    MULTIPLIER,
    REDUCE,
    TO_UNITS,
    UNITS,
)
from engine.execution.state import Simulation

__all__ = ["affordable_units", "round_to_lot", "units_of"]


@inlined
def round_to_lot(s: Simulation, symbol: int, units: float) -> float:
    """Round towards zero to a whole number of lots."""
    lot = s.rules[symbol, LOT]
    if lot == 0.0:
        return units
    return math.copysign(math.floor(abs(units) / lot) * lot, units)


@inlined
def affordable_units(
    s: Simulation, symbol: int, side: float, budget: float, reference: float, volume: float
) -> float:
    """Most units that `budget` buys at the slipped price, commission included."""
    rules = s.rules
    units = 0.0
    price = slipped_price(s, symbol, side, reference, 0.0)
    # Slippage may depend on the size: the second round prices the size of the first.
    for _ in range(2):
        each = abs(price) * rules[symbol, MULTIPLIER] * (1.0 + rules[symbol, COMMISSION_PERCENT])
        each += rules[symbol, COMMISSION_PER_UNIT]
        if each <= 0.0:
            return 0.0
        units = max(0.0, budget - rules[symbol, COMMISSION_FIXED]) / each
        price = slipped_price(s, symbol, side * units, reference, volume)
    return round_to_lot(s, symbol, units)


@inlined
def units_of(
    s: Simulation,
    symbol: int,
    mode: int,
    quantity: float,
    equity: float,
    reference: float,
    volume: float,
) -> float:
    """Signed units of an order filling around price `reference`.

    A target in percent of `equity` is the largest whole position whose cost, commission
    included, does not exceed that share of equity.
    """
    held = s.positions[symbol, UNITS]
    if mode == BY_UNITS:
        return round_to_lot(s, symbol, quantity)
    if mode == TO_UNITS:
        return round_to_lot(s, symbol, quantity - held)
    if mode == REDUCE:
        if held * quantity >= 0.0:
            return 0.0
        return quantity if abs(quantity) < abs(held) else -held
    if mode == BY_PERCENT:
        side = 1.0 if quantity > 0.0 else -1.0
        return side * affordable_units(s, symbol, side, abs(quantity) * equity, reference, volume)
    value = held * reference * s.rules[symbol, MULTIPLIER]
    change = quantity * equity - value
    side = 1.0 if change > 0.0 else -1.0
    if quantity == 0.0:
        return -held
    if held * side >= 0.0:
        return side * affordable_units(s, symbol, side, abs(change), reference, volume)
    if held * quantity > 0.0:
        # A smaller position on the same side: sell down to the target.
        return round_to_lot(s, symbol, change / (reference * s.rules[symbol, MULTIPLIER]))
    # Through zero: close what is held, then open the target on the other side.
    return -held + side * affordable_units(
        s, symbol, side, abs(quantity) * equity, reference, volume
    )

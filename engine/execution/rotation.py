"""Of orders of several symbols that fill at one moment, those that reduce come first.

What a sale pays for is then bought with it, whichever statement came first: an account that
rotates from one symbol to another needs no second bar. Orders of one symbol keep their sequence.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import exchange_rate
from engine.execution.fills import equity_with
from engine.execution.layout import (
    AT_CLOSE,
    CLOSE,
    OPEN,
    ORDER_SYMBOL,
    UNITS,
)
from engine.execution.lots import position_after
from engine.execution.margin import margin_covers
from engine.execution.marks import volume_of
from engine.execution.matching import closing_price, opening_price, price_at_close
from engine.execution.sessions import is_closed, waits_at_close
from engine.execution.sizing import units_of
from engine.execution.state import Simulation

__all__ = ["due_price", "reducing_price"]


@rare
def reducing_price(s: Simulation, slot: int, bar: int, moment: int, placed_now: bool) -> float:
    """Price at which the order is due and makes a position smaller, else NaN.

    Parameters
    ----------
    moment : int
        AT_OPEN or AT_CLOSE of `bar`.
    placed_now : bool
        Of AT_CLOSE: for orders that were placed at this very close, or those that waited for it.
    """
    keep_apart()
    price = due_price(s, slot, bar, moment, placed_now)
    if price == price and _reduces(s, slot, price, bar, moment):
        return math.nan if _is_behind(s, slot, bar, moment, placed_now) else price
    return math.nan


@part
def due_price(s: Simulation, slot: int, bar: int, moment: int, placed_now: bool) -> float:
    """Price at which the order fills at the open, or at the close, of `bar`, else NaN."""
    if moment != AT_CLOSE:
        return math.nan if is_closed(s, slot, bar) else opening_price(s, slot, bar)
    if waits_at_close(s, slot, bar):
        return math.nan
    return price_at_close(s, slot, bar) if placed_now else closing_price(s, slot, bar)


@rare
def _reduces(s: Simulation, slot: int, price: float, bar: int, moment: int) -> bool:
    keep_apart()
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    held = s.positions[symbol, UNITS]
    if held == 0.0:
        return False
    field = CLOSE if moment == AT_CLOSE else OPEN
    equity = equity_with(s, symbol, price, field, bar)
    exchange = exchange_rate(s, symbol, field, bar)
    volume = volume_of(s, symbol, bar)
    units = units_of(s, slot, equity, price, exchange, volume, bar - (moment != AT_CLOSE))
    after = position_after(s, symbol, units)
    if not abs(after) < abs(held):
        return False
    if after * held >= 0.0:
        return True
    # Through zero to less on the other side, which needs margin of its own.
    paid = slipped_price(s, symbol, units, price, volume)
    commission = commission_of(s, symbol, units, paid, exchange, False)
    return margin_covers(s, symbol, units, paid, price, exchange, commission, equity, field, bar)


@part
def _is_behind(s: Simulation, slot: int, bar: int, moment: int, placed_now: bool) -> bool:
    """Whether an earlier order of the symbol is due as well."""
    symbol = s.orders[slot, ORDER_SYMBOL]
    for earlier in range(slot):
        if s.orders[earlier, ORDER_SYMBOL] == symbol:
            price = due_price(s, earlier, bar, moment, placed_now)
            if price == price:
                return True
    return False

"""Orders as hooks send them: names and defaults are those that hooks write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.execution.calling import called, part
from engine.ticks import layout as at
from engine.ticks.messages import ask, note

__all__ = [
    "order_amend",
    "order_cancel",
    "order_cancel_all",
    "order_close",
    "order_fok",
    "order_gtd",
    "order_ioc",
    "order_limit",
    "order_market",
    "order_post_only",
]

# Of a tick: a price that near to the grid is on it.
_NEAR = 1e-6


@part
def order_market(s: Any, t: int, symbol: int, units: float) -> int:
    """Take what the touch displays."""
    price = math.inf if units > 0.0 else -math.inf
    return _place(s, symbol, units, price, at.IMMEDIATE, False)


@part
def order_limit(
    s: Any, t: int, symbol: int, units: float, price: float, tif: float = math.inf
) -> int:
    """Trade at a price or better."""
    return _place(s, symbol, units, price, tif, False)


@part
def order_post_only(
    s: Any, t: int, symbol: int, units: float, price: float, tif: float = math.inf
) -> int:
    """Rest at a price, or not at all."""
    return _place(s, symbol, units, price, tif, True)


@part
def order_ioc(s: Any, t: int, symbol: int, units: float, price: float) -> int:
    """Trade at a price or better on arrival; what is left is cancelled."""
    return _place(s, symbol, units, price, at.IMMEDIATE, False)


@part
def order_fok(s: Any, t: int, symbol: int, units: float, price: float) -> int:
    """Trade all units at a price or better on arrival, or none."""
    return _place(s, symbol, units, price, at.ALL_OR_NOTHING, False)


@part
def order_gtd(s: Any, t: int, symbol: int, units: float, price: float, seconds: float) -> int:
    """Trade at a price or better for some seconds from now."""
    return _place(s, symbol, units, price, max(seconds, 1e-9), False)


@part
def order_close(s: Any, t: int, symbol: int) -> int:
    """Take what the touch displays to close the position; 0 without one."""
    held = s.heard_books[symbol, at.UNITS]
    if held == 0.0:
        return 0
    return order_market(s, t, symbol, -held)


@called
def order_amend(s: Any, t: int, symbol: int, number: float, units: float, price: float) -> bool:
    """Change size and price of an order."""
    slot = _slot_of(s, number)
    if slot < 0 or not (math.isfinite(units) and math.isfinite(price)):
        return False
    side = 1.0 if s.order_numbers[slot, at.ORDER_KNOWN] > 0.0 else -1.0
    size = np.rint(abs(units) / s.rules[at.LOT]) * s.rules[at.LOT]
    if size == 0.0:
        return False
    s.counts[at.CHANGED] += 1
    price = _on_grid(s, price, side)
    sent = ask(s, at.AMEND, slot, s.orders[slot, at.ORDER_NUMBER], side * size, price)
    if sent:
        note(s, at.AMEND, slot, side * size, price, s.counts[at.NOW])
    return sent


@called
def order_cancel(s: Any, t: int, symbol: int, number: float) -> bool:
    """Cancel an order."""
    slot = _slot_of(s, number)
    if slot < 0:
        return False
    return _ask_to_cancel(s, slot)


@part
def _ask_to_cancel(s: Any, slot: int) -> bool:
    s.counts[at.CHANGED] += 1
    sent = ask(s, at.CANCEL, slot, s.orders[slot, at.ORDER_NUMBER], 0.0, 0.0)
    if sent:
        note(s, at.CANCEL, slot, 0.0, math.nan, s.counts[at.NOW])
    return sent


@called
def order_cancel_all(s: Any, t: int, symbol: int) -> int:
    """Cancel every order of the symbol."""
    found = slot = 0
    left = s.heard_books[symbol, at.BUYS] + s.heard_books[symbol, at.SELLS]
    while left > 0.0:
        known = s.orders[slot, at.ORDER_STATE] != at.FREE
        if known and s.orders[slot, at.ORDER_SYMBOL] == symbol:
            left -= 1.0
            found += 1 if _ask_to_cancel(s, slot) else 0
        slot += 1
    return found


@part
def _slot_of(s: Any, number: float) -> int:
    """Return where an order stands that is not known to be gone, or -1."""
    for slot in range(at.ORDER_ROOM):
        known = s.orders[slot, at.ORDER_STATE] != at.FREE
        if known and s.orders[slot, at.ORDER_NUMBER] == number:
            return slot
    return -1


@part
def _on_grid(s: Any, price: float, side: float) -> float:
    """Return the price of the grid at which an order would not trade worse than it asked for."""
    if s.rules[at.TICK] == 0.0 or not math.isfinite(price):
        return price
    numerator = np.rint(s.rules[at.TICK] * s.rules[at.TICK_PARTS])
    count = price * s.rules[at.TICK_PARTS] / numerator
    whole = np.rint(count)
    if abs(whole - count) > _NEAR:
        whole = math.floor(count) if side > 0.0 else math.ceil(count)
    return float(whole * numerator / s.rules[at.TICK_PARTS])


@called
def _place(s: Any, symbol: int, units: float, price: float, tif: float, post: bool) -> int:
    """Send an order; return its number, 0 where it is refused before it is sent."""
    counts, books, orders = s.counts, s.heard_books, s.orders
    lot = s.rules[at.LOT]
    size = np.rint(abs(units) / lot) * lot
    if (
        not (math.isfinite(units) and size > 0.0)
        or math.isnan(price)
        or math.isnan(tif)
        or tif == 0.0
    ):
        counts[at.REJECTED + at.NO_NUMBER] += 1
        return 0
    side = 1.0 if units > 0.0 else -1.0
    working = books[symbol, at.BUY_UNITS if side > 0.0 else at.SELL_UNITS]
    after = side * books[symbol, at.UNITS] + working + size
    if after > s.rules[at.MOST_UNITS] + 0.5 * lot:
        counts[at.REJECTED + at.POSITION_LIMIT] += 1
        return 0
    slot = 0
    while slot < at.ORDER_ROOM and orders[slot, at.ORDER_STATE] != at.FREE:
        slot += 1
    open_orders = books[symbol, at.BUYS] + books[symbol, at.SELLS]
    if slot == at.ORDER_ROOM or open_orders >= s.rules[at.MOST_ORDERS]:
        counts[at.REJECTED + at.TOO_MANY] += 1
        return 0
    number = counts[at.LAST_NUMBER] + 1
    price = _on_grid(s, price, side)
    if not ask(s, at.PLACE, slot, number, side * size, price):
        counts[at.REJECTED + at.TOO_MANY] += 1
        return 0
    counts[at.LAST_NUMBER] = number
    orders[slot, at.ORDER_NUMBER] = number
    orders[slot, at.ORDER_STATE] = at.SENT
    orders[slot, at.ORDER_SYMBOL] = symbol
    orders[slot, at.ORDER_POST] = 1 if post else 0
    orders[slot, at.ORDER_TIF] = at.RESTS
    orders[slot, at.ORDER_EXPIRES] = at.NEVER
    if 0.0 < tif < 4e9:
        orders[slot, at.ORDER_EXPIRES] = counts[at.NOW] + int(tif * at.NANOSECONDS)
    elif tif == at.IMMEDIATE:
        orders[slot, at.ORDER_TIF] = at.AT_ONCE
    elif tif == at.ALL_OR_NOTHING:
        orders[slot, at.ORDER_TIF] = at.WHOLE_AT_ONCE
    s.order_numbers[slot, at.ORDER_UNITS] = side * size
    s.order_numbers[slot, at.ORDER_KNOWN] = side * size
    s.order_numbers[slot, at.ORDER_PRICE] = price
    books[symbol, at.BUYS if side > 0.0 else at.SELLS] += 1.0
    books[symbol, at.BUY_UNITS if side > 0.0 else at.SELL_UNITS] += size
    counts[at.PLACED] += 1
    s.numbers[at.PLACED_UNITS] += size
    note(s, at.PLACE, slot, side * size, price, counts[at.NOW])
    return int(number)

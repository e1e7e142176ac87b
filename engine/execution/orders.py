"""The order book of a simulation: how a strategy's hooks put orders in and take them out."""

from __future__ import annotations

from engine.compiled.kernel import inlined
from engine.execution.layout import (
    ACTIVE,
    BOOK_FULL,
    NEXT_ID,
    ORDER_BAR,
    ORDER_CAPACITY,
    ORDER_EXPIRY,
    ORDER_GROUP,
    ORDER_ID,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAKE_PROFIT,
    PENDING,
    STATUS,
)
from engine.execution.state import Simulation

__all__ = ["remove_order", "submit"]


@inlined
def submit(
    s: Simulation,
    bar: int,
    symbol: int,
    kind: int,
    mode: int,
    quantity: float,
    limit: float,
    stop: float,
    take_profit: float,
    stop_loss: float,
    expiry: float,
    group: float,
) -> int:
    """Append an order to the book and return its number, from 1 on; 0 if the book is full."""
    slot = s.counts[PENDING]
    if slot >= ORDER_CAPACITY:
        s.counts[STATUS] = BOOK_FULL
        return 0
    number = s.counts[NEXT_ID] + 1
    s.counts[NEXT_ID] = number
    s.counts[PENDING] = slot + 1
    s.counts[ACTIVE] = 1
    order = s.orders[slot]
    order[ORDER_ID] = number
    order[ORDER_SYMBOL] = symbol
    order[ORDER_KIND] = kind
    order[ORDER_MODE] = mode
    order[ORDER_QUANTITY] = quantity
    order[ORDER_LIMIT] = limit
    order[ORDER_STOP] = stop
    order[ORDER_BAR] = bar
    order[ORDER_EXPIRY] = expiry
    order[ORDER_GROUP] = group
    order[ORDER_TAKE_PROFIT] = take_profit
    order[ORDER_STOP_LOSS] = stop_loss
    order[ORDER_STATE] = 0.0
    return number


@inlined
def remove_order(s: Simulation, slot: int) -> None:
    """Take the order in `slot` out of the book; the others keep their order."""
    last = s.counts[PENDING] - 1
    for index in range(slot, last):
        for column in range(s.orders.shape[1]):
            s.orders[index, column] = s.orders[index + 1, column]
    s.counts[PENDING] = last

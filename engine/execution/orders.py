"""The order book of a simulation: how orders enter, leave and are logged."""

from __future__ import annotations

import math
from typing import Final

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    ACTIVE,
    BEYOND,
    BOOK_FULL,
    BY_UNITS,
    CANCELLED,
    EXPIRED,
    FOR_CLOSE,
    IMMEDIATE,
    INVALID,
    LIMIT,
    MARKET_ON_CLOSE,
    MARKET_ON_OPEN,
    NEXT_ID,
    ORDER_BAR,
    ORDER_EXPIRY,
    ORDER_FROM_FILL,
    ORDER_GROUP,
    ORDER_ID,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_PARENT,
    ORDER_PARTS,
    ORDER_QUANTITY,
    ORDER_ROWS,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAG,
    ORDER_TAKE_PROFIT,
    ORDER_TRAIL,
    ORDER_TRAIL_SHARE,
    ORDER_WIDTH,
    PENDING,
    REJECTED,
    RESTING,
    STATUS,
    STOP,
    STOP_LIMIT,
    SUBMITTED,
    TICK_DENOMINATOR,
    TICK_NUMERATOR,
    UNITS,
    WHOLE,
)
from engine.execution.marks import is_symbol
from engine.execution.reducing import mark_reducing
from engine.execution.sessions import is_off_hours, last_bar_of_day
from engine.execution.state import Simulation, first_trading_bar
from engine.execution.ticks import put_on_ticks

__all__ = [
    "cancel_children",
    "cancel_order",
    "expire_after",
    "expire_before",
    "find_order",
    "first_after",
    "log_event",
    "remove_order",
    "submit",
    "submit_for_open",
]

_LOOK_BACK: Final = 16  # bars, among which two lie as close as the timeframe says

# Time in force: bars an order stays in the book, or one of these.
GOOD_TILL_CANCELLED = math.inf
DAY = 0.0
IMMEDIATE_OR_CANCEL = -1.0
FILL_OR_KILL = -2.0
TIMES_IN_FORCE = {
    "gtc": GOOD_TILL_CANCELLED,
    "day": DAY,
    "ioc": IMMEDIATE_OR_CANCEL,
    "fok": FILL_OR_KILL,
}


@part
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
    tif: float,
) -> int:
    """Append an order to the book and return its number, from 1 on.

    0 if the book is full, or if a price, quantity or time in force that it needs is not a number
    or makes no sense: a rejection.
    """
    needs_limit = kind in (LIMIT, STOP_LIMIT)
    needs_stop = kind in (STOP, STOP_LIMIT)
    undefined = quantity != quantity or (needs_limit and limit != limit)
    undefined = undefined or (needs_stop and stop != stop)
    immediate = tif in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
    if undefined or not (tif >= 0.0 or immediate):
        s.counts[REJECTED + INVALID] += 1
        return 0
    slot = s.counts[PENDING]
    if slot >= s.orders.shape[0]:
        s.counts[STATUS] = BOOK_FULL
        return 0
    number = s.counts[NEXT_ID] + 1
    s.counts[NEXT_ID] = number
    s.counts[PENDING] = slot + 1
    s.counts[ACTIVE] = 1
    if not is_symbol(s, symbol):
        s.counts[FOR_CLOSE] = 1  # when it is quoted
    order = s.orders[slot]
    order[ORDER_ID] = number
    order[ORDER_SYMBOL] = symbol
    order[ORDER_KIND] = kind
    order[ORDER_MODE] = mode
    order[ORDER_QUANTITY] = quantity
    order[ORDER_LIMIT] = limit
    order[ORDER_STOP] = stop
    order[ORDER_BAR] = bar
    order[ORDER_PARENT] = 0.0
    order[ORDER_TAKE_PROFIT] = take_profit
    order[ORDER_STOP_LOSS] = stop_loss
    order[ORDER_STATE] = RESTING
    order[ORDER_FROM_FILL] = 0.0
    order[ORDER_GROUP] = 0.0
    order[ORDER_TRAIL] = 0.0
    order[ORDER_TRAIL_SHARE] = 0.0
    order[ORDER_TAG] = 0.0
    order[ORDER_PARTS] = WHOLE if tif == FILL_OR_KILL else 0.0
    if immediate:
        order[ORDER_STATE] = IMMEDIATE
        order[ORDER_EXPIRY] = bar + 1
    elif tif == DAY:
        order[ORDER_EXPIRY] = last_bar_of_day(s, symbol, bar + 1)
    else:
        order[ORDER_EXPIRY] = bar + tif
    tick = s.rules[symbol, TICK_DENOMINATOR]
    if tick != 0.0:
        put_on_ticks(order, s.rules[symbol, TICK_NUMERATOR], tick, s.positions[symbol, UNITS])
    if mode == BY_UNITS and (slot > 0 or s.positions[symbol, UNITS] != 0.0):
        mark_reducing(s, slot)
    if s.events.shape[0] > 0:
        price = order[ORDER_LIMIT] if kind == LIMIT else order[ORDER_STOP]
        log_event(s, slot, bar, SUBMITTED, quantity, price, 0.0)
    return number


@rare
def submit_for_open(s: Simulation, bar: int, symbol: int, units: float) -> int:
    """Place a market order for the open of the session that follows that of `bar`, if any."""
    keep_apart()
    nan = math.nan
    number = submit(s, bar, symbol, MARKET_ON_OPEN, BY_UNITS, units, nan, nan, nan, nan, DAY)
    if number > 0:
        first = bar + 1.0
        if bar >= first_trading_bar(s) and not is_off_hours(s, symbol, bar):
            first = last_bar_of_day(s, symbol, bar) + 1.0
        while first < s.path.shape[2] and is_off_hours(s, symbol, int(first)):
            first += 1.0
        s.orders[s.counts[PENDING] - 1, ORDER_EXPIRY] = first
    return number


@part
def find_order(s: Simulation, number: float) -> int:
    """Return the slot of an order, or -1."""
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_ID] == number:
            return slot
    return -1


@rare
def expire_after(s: Simulation, bar: int, number: float, instant: float) -> bool:
    """Let an order fill only on bars that open up to an instant.

    It expires as soon as no further bar can: at the end of the last one if the next would open
    too late even where bars lie closest, at the open of the next one where only that tells.
    False if it is not in the book, or waits for an open or a close, moments of their own.
    """
    keep_apart()
    slot = find_order(s, number)
    if slot < 0 or s.orders[slot, ORDER_KIND] in (MARKET_ON_CLOSE, MARKET_ON_OPEN):
        return False
    last = _last_opening(s, bar, instant)
    over = s.clock[0, last] + _distance_before(s, last) > instant
    if over and last == bar:
        cancel_order(s, slot, bar, EXPIRED)
        return True
    if not over:
        s.counts[BEYOND] = 1
    end = float(last) if over else last + 0.5
    s.orders[slot, ORDER_EXPIRY] = min(s.orders[slot, ORDER_EXPIRY], end)
    return True


@rare
def expire_before(s: Simulation, bar: int) -> None:
    """Let go of orders whose instant has passed when `bar` opens."""
    keep_apart()
    slot = 0
    while slot < s.counts[PENDING]:
        if s.orders[slot, ORDER_EXPIRY] < bar:
            slot = cancel_order(s, slot, bar, EXPIRED)
        else:
            slot += 1


@rare
def _last_opening(s: Simulation, bar: int, instant: float) -> int:
    """Return the last bar from `bar` on that opens up to an instant."""
    keep_apart()
    low, high = bar, s.clock.shape[1]
    while high - low > 1:
        middle = (low + high) // 2
        if s.clock[0, middle] <= instant:
            low = middle
        else:
            high = middle
    return low


@rare
def _distance_before(s: Simulation, bar: int) -> float:
    """Return the shortest time between the openings of some bars up to `bar`; 0 if unknown.

    Of bars behind it nothing is used: what is told of an order must not depend on them.
    """
    keep_apart()
    first = max(bar - _LOOK_BACK, 0)
    shortest = 0.0
    for later in range(first + 1, bar + 1):
        between = s.clock[0, later] - s.clock[0, later - 1]
        if later == first + 1 or between < shortest:
            shortest = between
    return shortest


@part
def first_after(s: Simulation, number: float) -> int:
    """Return the slot of the first order in the book that was placed after this number."""
    slot = 0
    while slot < s.counts[PENDING] and s.orders[slot, ORDER_ID] <= number:
        slot += 1
    return slot


@part
def remove_order(s: Simulation, slot: int) -> None:
    """Take the order in `slot` out of the book; the others keep their sequence."""
    last = s.counts[PENDING] - 1
    for index in range(slot, last):
        for column in range(ORDER_WIDTH):
            s.orders[index, column] = s.orders[index + 1, column]
    s.counts[PENDING] = last


@part
def cancel_order(s: Simulation, slot: int, bar: int, event: int) -> int:
    """Log why the order in `slot` leaves the book unfilled, and remove it.

    With it go those that were to fill with it.

    Returns
    -------
    int
        Slot of the order that came next in the book.
    """
    if s.orders[slot, ORDER_GROUP] < 0.0:
        return _cancel_together(s, slot, bar, event)
    log_event(s, slot, bar, event, 0.0, math.nan, 0.0)
    remove_order(s, slot)
    return slot


@rare
def _cancel_together(s: Simulation, slot: int, bar: int, event: int) -> int:
    keep_apart()
    group = s.orders[slot, ORDER_GROUP]
    following, at = slot, 0
    while at < s.counts[PENDING]:
        if s.orders[at, ORDER_GROUP] != group:
            at += 1
            continue
        log_event(s, at, bar, event, 0.0, math.nan, 0.0)
        remove_order(s, at)
        if at < following:
            following -= 1
    return following


@part
def cancel_children(s: Simulation, parent: float, bar: int) -> None:
    """Cancel what is left of the bracket of a closed lot."""
    slot = 0
    while slot < s.counts[PENDING]:
        if s.orders[slot, ORDER_PARENT] == parent:
            slot = cancel_order(s, slot, bar, CANCELLED)
        else:
            slot += 1


@part
def log_event(
    s: Simulation, slot: int, bar: int, event: int, units: float, price: float, commission: float
) -> None:
    """Write what happened to the order in `slot`, where the caller asked for a log."""
    row = s.counts[ORDER_ROWS]
    if row >= s.events.shape[0]:
        return
    s.counts[ORDER_ROWS] = row + 1
    log, order = s.events[row], s.orders[slot]
    log[0] = bar
    log[1] = order[ORDER_ID]
    log[2] = order[ORDER_SYMBOL]
    log[3] = order[ORDER_KIND]
    log[4] = event
    log[5] = units
    log[6] = price
    log[7] = commission
    log[8] = order[ORDER_MODE]

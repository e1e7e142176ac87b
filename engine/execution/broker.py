"""One bar through the order engine: financing, fills in their sequence, margin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.execution.fills import fill_order
from engine.execution.layout import (
    ACTIVE,
    AT_CLOSE,
    AT_OPEN,
    BORN_OF_LIMIT,
    BORN_OF_STOP,
    BORROW_RATE,
    CANCELLED,
    CASH,
    CASH_RATE,
    CLOSE,
    COST,
    DIPS,
    EXPIRED,
    FINANCING_PAID,
    FIRST_SUB_BAR,
    FORCED,
    FUTURES,
    INITIAL_CASH,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    MAINTENANCE_FIXED,
    MAINTENANCE_RATE,
    MARGIN_CALLS,
    MARKET,
    MULTIPLIER,
    ORDER_EXPIRY,
    ORDER_ID,
    ORDER_STATE,
    PENDING,
    RESTING,
    START_CASH,
    SUB_BAR_WIDTH,
    SUB_BARS,
    TO_UNITS,
    UNITS,
    VIEW,
    WATCH,
)
from engine.execution.ledger import equity_at, mark_until
from engine.execution.matching import (
    any_touched,
    born_stop_price,
    limit_price,
    opening_price,
    stop_price,
)
from engine.execution.metrics import summarise
from engine.execution.orders import GOOD_TILL_CANCELLED, cancel_order, first_after, submit
from engine.execution.rotation import due_price, reducing_price
from engine.execution.sessions import is_closed
from engine.execution.state import Simulation

__all__ = ["finish", "open_path", "settled_cash", "start", "trade_bar", "trade_close"]

_REDUCING = -1  # the phase before all others, where orders of several symbols may meet


@part
def open_path(s: Simulation) -> None:
    """Look over a new path: where prices reach zero, every position must be watched."""
    s.counts[DIPS] = 0
    for symbol in range(s.path.shape[0]):
        for bar in range(s.path.shape[2]):
            if not s.path[symbol, 2, bar] > 0.0:
                s.counts[DIPS] = 1


@part
def start(s: Simulation) -> None:
    """Reset the state for a new simulation on the same path."""
    dips = s.counts[DIPS]
    s.account[:] = 0.0
    s.counts[:] = 0
    s.positions[:] = 0.0
    s.counts[DIPS] = dips
    s.account[CASH] = s.rules[0, INITIAL_CASH]
    s.account[START_CASH] = s.rules[0, INITIAL_CASH]


@part
def trade_bar(s: Simulation, bar: int) -> None:
    """Carry the account from the close before `bar` to its close.

    Financing of the holdings; orders that fill at the open; stops, then limits inside the bar;
    expiries; the margin check at the close.
    """
    if s.counts[WATCH] == 0:
        if not any_touched(s, bar):
            return  # most bars: orders rest, nothing else could change, and marks can wait
        mark_until(s, bar)
        _fill_along_sub_bars(s, bar)
        _end_of_bar(s, bar)
    else:
        mark_until(s, bar)
        _finance(s, bar)
        if any_touched(s, bar):
            _fill_along_sub_bars(s, bar)
            _end_of_bar(s, bar)
    _watch(s)
    if s.counts[WATCH] != 0:
        _check_margin(s, bar)


@part
def trade_close(s: Simulation, bar: int) -> None:
    """Fill market orders at the close of `bar`, where the settings ask for it."""
    mark_until(s, bar)
    for phase in range(_first_phase(s), 1):
        slot = 0
        while slot < s.counts[PENDING]:
            if phase == _REDUCING:
                price = reducing_price(s, slot, bar, AT_CLOSE)
            else:
                price = due_price(s, slot, bar, AT_CLOSE)
            if price == price:
                last = s.orders[slot, ORDER_ID] if phase != _REDUCING else 0.0
                fill_order(s, slot, price, bar, AT_CLOSE)
                slot = first_after(s, last)
            else:
                slot += 1
    _watch(s)


@part
def finish(s: Simulation, out: NDArray[np.float64]) -> None:
    """Mark the rest of the curve and write the metrics."""
    mark_until(s, s.curve.shape[0])
    summarise(s, out)


@part
def settled_cash(s: Simulation) -> float:
    """Cash as a broker states it: the price of futures is not paid."""
    cash = s.account[CASH]
    for symbol in range(s.positions.shape[0]):
        if s.rules[symbol, FUTURES] != 0.0:
            cash += s.positions[symbol, COST] * s.rules[symbol, MULTIPLIER]
    return cash


@part
def _fill_along_sub_bars(s: Simulation, bar: int) -> None:
    """Work the sub-bars of a bar one after the other, as if each were a bar.

    A bar without them is the only one of its own.
    """
    first = int(s.rules[0, FIRST_SUB_BAR])
    for number in range(max(int(s.rules[0, SUB_BARS]), 1)):
        s.counts[VIEW] = first + number * SUB_BAR_WIDTH
        if any_touched(s, bar):
            _fill_in_sequence(s, bar)
            _settle_born(s)
    s.counts[VIEW] = 0


@called
def _fill_in_sequence(s: Simulation, bar: int) -> None:
    """Fill what the open fills, then stops, then limits, then stops of lots new in this bar.

    A fill may add orders and cancel others, but numbers only grow along the book. One that has
    made a position smaller may have made room for one that was passed over.
    """
    for phase in range(_first_phase(s), 4):
        slot = 0
        while slot < s.counts[PENDING]:
            if is_closed(s, slot, bar):
                slot += 1
                continue
            moment = AT_OPEN
            if phase == _REDUCING:
                price = reducing_price(s, slot, bar, AT_OPEN)
            elif phase == 0:
                price = opening_price(s, slot, bar)
            elif phase == 1:
                price = stop_price(s, slot, bar)
                moment = INSIDE_BY_STOP
            elif phase == 2:
                price = limit_price(s, slot, bar)
                moment = INSIDE_BY_LIMIT
            else:
                price = born_stop_price(s, slot, bar)
                moment = INSIDE_BY_STOP
            if price == price:
                last = s.orders[slot, ORDER_ID] if phase != _REDUCING else 0.0
                fill_order(s, slot, price, bar, moment)
                slot = first_after(s, last)
            else:
                slot += 1


@part
def _first_phase(s: Simulation) -> int:
    return _REDUCING if s.positions.shape[0] > 1 else 0


@called
def _end_of_bar(s: Simulation, bar: int) -> None:
    """Let orders expire, and brackets born inside the bar become ordinary ones."""
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        if order[ORDER_EXPIRY] <= bar:
            cancel_order(s, slot, bar, EXPIRED)
            continue
        slot += 1
    _settle_born(s)


@part
def _settle_born(s: Simulation) -> None:
    """Make ordinary orders of brackets born inside the bar that has ended."""
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_STATE] in (BORN_OF_STOP, BORN_OF_LIMIT):
            s.orders[slot, ORDER_STATE] = RESTING


@called
def _finance(s: Simulation, bar: int) -> None:
    """Charge one bar of borrow fees on short positions and interest on negative cash."""
    charge = 0.0
    cash = settled_cash(s)
    if cash < 0.0:
        charge -= cash * s.rules[0, CASH_RATE]
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units < 0.0 and bar > 0:
            value = units * s.path[symbol, 3, bar - 1] * s.rules[symbol, MULTIPLIER]
            charge += abs(value) * s.rules[symbol, BORROW_RATE]
    s.account[CASH] -= charge
    s.account[FINANCING_PAID] += charge


@part
def _watch(s: Simulation) -> None:
    """Decide whether the next bars must go through the order engine.

    A long position that was paid in full cannot lose more than it cost, so its bars are marked
    later in one go.
    """
    watch = 0
    held = False
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        rules = s.rules[symbol]
        if units != 0.0:
            held = True
            if units < 0.0 or rules[MAINTENANCE_RATE] + rules[MAINTENANCE_FIXED] > 0.0:
                watch = 1
    if held and (s.account[CASH] < 0.0 or s.counts[DIPS] != 0):
        watch = 1
    s.counts[WATCH] = watch
    s.counts[ACTIVE] = s.counts[PENDING] + watch


@called
def _check_margin(s: Simulation, bar: int) -> None:
    """Call the margin where equity at the close is below maintenance, or not above zero.

    The liquidation is a market order for every position, before anything else; all other orders
    are cancelled. One that waits for a session to open is not called for again.
    """
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_STATE] == FORCED:
            return
    needed = 0.0
    for symbol in range(s.positions.shape[0]):
        rules = s.rules[symbol]
        size = abs(s.positions[symbol, UNITS])
        worth = abs(s.path[symbol, 3, bar]) * rules[MULTIPLIER]
        needed += size * (rules[MAINTENANCE_RATE] * worth + rules[MAINTENANCE_FIXED])
    equity = equity_at(s, CLOSE, bar)
    if equity >= needed and equity > 0.0:
        return
    s.counts[MARGIN_CALLS] += 1
    while s.counts[PENDING] > 0:
        cancel_order(s, 0, bar, CANCELLED)
    nan = math.nan
    for symbol in range(s.positions.shape[0]):
        if s.positions[symbol, UNITS] != 0.0:
            submit(s, bar, symbol, MARKET, TO_UNITS, 0.0, nan, nan, nan, nan, GOOD_TILL_CANCELLED)
            s.orders[s.counts[PENDING] - 1, ORDER_STATE] = FORCED

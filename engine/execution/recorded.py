"""Fills of the tape that the bars do not explain: taken at the close of their bar."""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.execution.layout import (
    AT_CLOSE,
    BY_UNITS,
    CANCELLED,
    FORCED,
    MARKET,
    ORDER_MODE,
    ORDER_STATE,
    ORDER_TAG,
    PENDING,
    TAPE_AT,
    TAPE_BAR,
    TAPE_ORDER,
    TAPE_PRICE,
    TAPE_SYMBOL,
    TAPE_TAG,
    TAPE_TAKEN,
    TAPE_UNITS,
)
from engine.execution.orders import GOOD_TILL_CANCELLED, cancel_order, find_order, submit
from engine.execution.sequence import fill_apart
from engine.execution.state import Simulation

__all__ = ["take_recorded"]


@rare
def take_recorded(s: Simulation, bar: int) -> None:
    """Take the fills of `bar` that are not in the books yet.

    One of an order in the book fills it; one that names no order is a trade of its own. One of an
    order that is not there is left. A row without units says that its order was withdrawn.
    """
    keep_apart()
    for at in range(s.counts[TAPE_AT], s.tape.shape[0]):
        row = s.tape[at]
        if row[TAPE_BAR] > bar:
            return
        if row[TAPE_TAKEN] != 0.0 or row[TAPE_BAR] != bar:
            continue
        slot = find_order(s, row[TAPE_ORDER])
        if row[TAPE_UNITS] == 0.0:
            row[TAPE_TAKEN] = 1.0
            if slot >= 0:
                cancel_order(s, slot, bar, CANCELLED)
            continue
        if row[TAPE_ORDER] <= 0.0:
            nan = math.nan
            symbol, units = int(row[TAPE_SYMBOL]), row[TAPE_UNITS]
            number = submit(
                s, bar, symbol, MARKET, BY_UNITS, units, nan, nan, nan, nan, GOOD_TILL_CANCELLED
            )
            if number == 0:
                return
            slot = s.counts[PENDING] - 1
            s.orders[slot, ORDER_STATE] = FORCED
            s.orders[slot, ORDER_MODE] = BY_UNITS  # no exit: it happened, whatever was held
            s.orders[slot, ORDER_TAG] = row[TAPE_TAG]
            before = s.counts[TAPE_AT]
            s.counts[TAPE_AT] = at
            fill_apart(s, slot, row[TAPE_PRICE], bar, AT_CLOSE)
            # What lies behind is not looked at again.
            while before < at and (
                s.tape[before, TAPE_TAKEN] != 0.0 or s.tape[before, TAPE_BAR] < bar
            ):
                before += 1
            s.counts[TAPE_AT] = before
            continue
        if slot >= 0:
            fill_apart(s, slot, row[TAPE_PRICE], bar, AT_CLOSE)

"""Recorded fills in place of modelled ones, as long as the record lasts.

Up to the last bar of the tape everything happens as ever but for fills: an order that the bars
would fill fills only if the tape says so, and with its units, price and commission. What the tape
has and the bars do not explain is taken at the close of its bar
(`engine.execution.recorded`). What objects to an order that the tape does not fill rejects it.
"""

from __future__ import annotations

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    AGREED,
    BY_UNITS,
    CANCELLED,
    CLOSE_LOT,
    FORCED,
    ORDER_ID,
    ORDER_MODE,
    ORDER_STATE,
    ORDER_SYMBOL,
    PASSED,
    REDUCE,
    TAPE_AT,
    TAPE_BAR,
    TAPE_BARS,
    TAPE_ORDER,
    TAPE_SYMBOL,
    TAPE_TAKEN,
    TAPE_UNITS,
    TO_UNITS,
)
from engine.execution.lots import settled
from engine.execution.orders import cancel_order
from engine.execution.state import Simulation

__all__ = ["is_recorded", "pass_over", "recorded_fill", "rest_of"]


@part
def is_recorded(s: Simulation, bar: int) -> bool:
    """Whether fills of `bar` are those of the tape."""
    return bar < s.counts[TAPE_BARS]


@rare
def recorded_fill(s: Simulation, slot: int, bar: int, units: float) -> int:
    """Row of the tape that is a fill in `bar` of the order in `slot`, of signed `units`; else -1.

    By the order's number; a row of order 0 is of any order of its symbol and side, one below 0 of
    what is traded apart from the strategy's orders. A trade of its own is of the row that it was
    made of, at TAPE_AT: its number may be that of another row, its units may be no whole lots.
    """
    keep_apart()
    order = s.orders[slot]
    apart = order[ORDER_STATE] == FORCED
    at = s.counts[TAPE_AT]
    if apart and order[ORDER_MODE] == BY_UNITS:
        return at
    # What lies behind is not looked at again: a record of n fills costs n steps.
    while at < s.tape.shape[0] and (s.tape[at, TAPE_BAR] < bar or _is_taken_in(s, at, bar)):
        at += 1
    s.counts[TAPE_AT] = at
    while at < s.tape.shape[0] and s.tape[at, TAPE_BAR] == bar:
        row = s.tape[at]
        if row[TAPE_TAKEN] == 0.0 and row[TAPE_SYMBOL] == order[ORDER_SYMBOL]:
            if row[TAPE_ORDER] == order[ORDER_ID] and row[TAPE_UNITS] != 0.0:
                return at
            of_any = row[TAPE_ORDER] == 0.0 or (apart and row[TAPE_ORDER] < 0.0)
            if of_any and row[TAPE_UNITS] * units > 0.0:
                return at
        at += 1
    return -1


@part
def _is_taken_in(s: Simulation, at: int, bar: int) -> bool:
    return s.tape[at, TAPE_BAR] == bar and s.tape[at, TAPE_TAKEN] != 0.0


@rare
def rest_of(s: Simulation, slot: int, wanted: float, done: float) -> float:
    """Units that a recorded fill leaves of an order; of a size that follows from equity none."""
    keep_apart()
    mode = s.orders[slot, ORDER_MODE]
    in_units = mode in (BY_UNITS, TO_UNITS, CLOSE_LOT, REDUCE)
    if not in_units or not abs(done) < abs(wanted):
        return 0.0
    return settled(s, int(s.orders[slot, ORDER_SYMBOL]), wanted - done, wanted)


@rare
def pass_over(s: Simulation, slot: int, bar: int) -> None:
    """Leave an order unfilled in this bar; one that the broker places does not stay."""
    keep_apart()
    state = s.orders[slot, ORDER_STATE]
    if state in (FORCED, AGREED):
        cancel_order(s, slot, bar, CANCELLED)
    else:
        s.orders[slot, ORDER_STATE] = PASSED

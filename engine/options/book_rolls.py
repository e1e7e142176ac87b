"""Positions of the book that are rolled: closed, and their strikes opened again further out."""

from __future__ import annotations

import math
from typing import Any

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.options.book_entries import any_free_row, free_row, open_booked, quote_legs
from engine.options.book_exits import close_booked, fill_price
from engine.options.book_layout import HALF, HELD, MIDDLE, STRIKE_OF, UNITS
from engine.options.book_margin import book_equity
from engine.options.layout import (
    COMMISSION,
    CROSSED,
    DAYS_LEFT,
    LEVEL,
    MOST_LEGS,
    MULTIPLIER,
    OK,
    ROLL,
)

__all__ = ["roll_booked"]

# Of `ROLLS`.
_FOR_CREDIT = 2.0


@rare
def roll_booked(b: Any, rules: Any, legs: Any, row: int, bar: int) -> int:
    """Close a position with few days left and open its strikes again at the same close.

    That is no new entry: rules that say when one is made do not hold. One that is rolled for a
    credit stays where there is none. Returns a status as `open_booked` does.
    """
    keep_apart()
    for leg in range(legs.shape[0]):
        b.strikes[leg] = b.states[row * MOST_LEGS + leg, STRIKE_OF]
    if rules[ROLL] == _FOR_CREDIT and not _rolls_for_credit(b, rules, legs, row, bar):
        return OK
    close_booked(b, row, bar, DAYS_LEFT)
    if math.isnan(b.series[LEVEL, bar]):
        return OK
    return int(open_booked(b, rules, legs, free_row(b, rules), bar, book_equity(b), True))


@rare
def _rolls_for_credit(b: Any, rules: Any, legs: Any, row: int, bar: int) -> bool:
    """Whether closing a position and selling its strikes again, further out, brings money in."""
    keep_apart()
    paid, fees = 0.0, 0.0
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] == 0.0:
            continue
        paid -= state[UNITS] * fill_price(
            b, state[MIDDLE], state[HALF], state[UNITS] < 0.0, rules[CROSSED]
        )
        fees += 2.0 * abs(state[UNITS]) * b.terms[COMMISSION] / b.terms[MULTIPLIER]
    free = any_free_row(b)
    if free < 0:
        return False
    if quote_legs(b, rules, legs, free, bar, True, row) != OK:
        return False
    contracts, credit = 0.0, 0.0
    for leg in range(legs.shape[0]):
        old, new = b.states[row * MOST_LEGS + leg], b.states[free * MOST_LEGS + leg]
        contracts = abs(old[UNITS])
        price = fill_price(b, new[MIDDLE], new[HALF], new[UNITS] > 0.0, rules[CROSSED])
        credit -= math.copysign(contracts, new[UNITS]) * price
    return bool(credit - paid - fees >= 0.0)

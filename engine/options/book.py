"""The book: a simulation of option positions with all that may be asked of them.

`engine.options.positions` trades one position at a time, priced in blocks, and nothing else; the
book trades whatever a study adds to that: several positions at once, hedges in the underlying,
exercise before expiry, what was delivered, profit by greek, listed contracts, quotes of a chain.
Both agree where both can trade (`tests/engine/options/test_book.py`). The book is compiled and
called only where a parameter set asks for it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from engine.compiled import kernel
from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import address_of_compiled, call_at
from engine.compiled.views import floats_at
from engine.execution.calling import part, rare
from engine.options.book_conditions import fill_gate
from engine.options.book_entries import free_row, open_booked
from engine.options.book_exits import close_booked, exercise_early
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    ASKED,
    AT,
    CALL,
    CREDIT,
    DELTA_NOW,
    ENTRY,
    EXPIRY,
    FILL_CODE,
    FULL,
    GREEKS,
    HELD,
    MIDDLE,
    MONEY,
    NEAREST,
    OPENED,
    PART_CROSSED,
    REALISED,
    SHARES,
    STRIKE_OF,
    TIED_UP,
    TRADEABLE,
    UNITS,
    USED,
    WITH_GREEKS,
    book_at,
)
from engine.options.book_margin import book_equity, book_margin, position_value
from engine.options.book_marks import mark_leg
from engine.options.book_rolls import roll_booked
from engine.options.book_underlying import mark_holdings, rehedge, trade_underlying
from engine.options.layout import (
    AT_EXPIRY,
    BLOCK,
    CARRIED,
    CASH,
    CROSSED,
    DAYS_HELD,
    DAYS_LEFT,
    DELTA_BREACH,
    ENTRY_BARS,
    EXERCISED,
    EXIT_DELTA,
    EXITS,
    EXPOSED,
    HEDGE_BAND,
    HEDGE_BARS,
    HELD_MOST,
    LEG_WIDTH,
    LEVEL,
    MARGIN_CALL,
    MARGIN_USE,
    MOST_LEGS,
    MOST_POSITIONS,
    NOT_PRICED,
    OK,
    PRICE,
    PROFIT_TARGET,
    RANK,
    REBALANCED,
    ROLL,
    ROLL_BARS,
    RULES_WIDTH,
    STOP_LOSS,
    STOPPED,
    TAPE_FULL,
    TARGET,
    TOUCH,
    TOUCHED,
    UNQUOTED,
    WEEKDAY,
)

__all__ = [
    "begin_book",
    "book_call",
    "can_close",
    "leave",
    "mark_all",
    "note_close",
]

# Bars whose volatility a rank is of: a year of days.
_RANKED = 252
# What fills the rows that a strategy reads on a path: the frame of the book.
call_fill = call_at(1)


@cache
def book_call() -> int:
    """Compile or load the book; the address of ``book(frame, set, first, used)``.

    It trades the parameter set of that number; `frame` is the address of a
    `engine.options.book_layout.BookArrays`, `used` that of the columns of the tape that are taken,
    a float64. It returns a status of `engine.options.layout`.
    """
    return address_of_compiled(_book, 4)


@kernel
def _book(frame: int, number: int, first: int, used: int) -> int:
    b = book_at(frame)
    taken = floats_at(used, 1)
    b.account[USED] = taken[0]
    if number == 0 and b.reads[FILL_CODE] != 0:
        call_fill(b.reads[FILL_CODE], frame)  # the first set on a new path
    if b.steps.shape[0] > 0:
        fill_gate(b, number)
    code = _trade(b, number, first)
    taken[0] = b.account[USED]
    return code


@rare
def _trade(b: Any, number: int, first: int) -> int:
    """Trade one parameter set on one path; what happens, happens at the close of a bar."""
    keep_apart()
    rules = b.plans[number, :RULES_WIDTH]
    count = (b.plans.shape[1] - RULES_WIDTH) // LEG_WIDTH
    legs = b.plans[number, RULES_WIDTH:].reshape((count, LEG_WIDTH))
    last = b.series.shape[1] - BLOCK - 1
    begin_book(b, rules)
    for bar in range(first, last + 1):
        held = mark_all(b, bar)
        if held < 0:
            return NOT_PRICED
        b.totals[EXPOSED] += 1.0 if held > 0 else 0.0
        code = OK
        if held > 0 or b.holdings[SHARES, AMOUNT] != 0.0:
            code = leave(b, rules, legs, bar)
        if code != NOT_PRICED and _due(b, rules, bar, first):
            code = open_booked(b, rules, legs, free_row(b, rules), bar, book_equity(b), False)
        if code == NOT_PRICED:
            return code
        rehedge(b, rules, bar)
        note_close(b, bar, first)
        if b.account[FULL] != 0.0:
            return TAPE_FULL
    if b.holdings[SHARES, AMOUNT] != 0.0:  # marked, not sold
        price = b.series[PRICE, last]
        trade_underlying(b, SHARES, last, price, -b.holdings[SHARES, AMOUNT], True, REBALANCED)
    return TAPE_FULL if b.account[FULL] != 0.0 else OK


@part
def begin_book(b: Any, rules: Any) -> None:
    """Begin a simulation: nothing is held."""
    b.totals[:] = 0.0
    b.positions[:, :] = 0.0
    b.holdings[:, :] = 0.0
    b.account[MONEY], b.account[FULL] = b.terms[CASH], 0.0
    b.account[OPENED] = 0.0
    hedged = rules[HEDGE_BARS] > 0.0 or rules[HEDGE_BAND] >= 0.0
    asked = b.own[GREEKS] != 0.0 or hedged or rules[EXIT_DELTA] >= 0.0
    b.account[WITH_GREEKS] = 1.0 if asked else 0.0
    b.account[PART_CROSSED] = rules[CROSSED]
    b.account[ASKED], b.account[TIED_UP] = math.nan, 0.0


@part
def note_close(b: Any, bar: int, first: int) -> None:
    """Write equity and margin as a bar leaves them, once everything at its close is done."""
    equity, margin = book_equity(b), book_margin(b, bar)
    b.curve[bar - first] = equity
    b.account[TIED_UP] = margin
    if equity > 0.0 and margin > b.totals[MARGIN_USE] * equity:
        b.totals[MARGIN_USE] = margin / equity


@rare
def mark_all(b: Any, bar: int) -> int:
    """Mark everything at a close; return how many positions are open, -1 where one has no price."""
    keep_apart()
    mark_holdings(b, bar)
    count = 0
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] == 0.0:
            continue
        count += 1
        for leg in range(MOST_LEGS):
            at = row * MOST_LEGS + leg
            if b.states[at, HELD] == 0.0:
                continue
            mark_leg(b, at, bar, False)
            b.totals[CARRIED] += 1.0 if b.states[at, TRADEABLE] == 0.0 else 0.0
            if math.isnan(b.states[at, MIDDLE]):
                return -1
    return count


@rare
def leave(b: Any, rules: Any, legs: Any, bar: int) -> int:
    """Settle, exercise, close and roll what is to end at the close of a bar.

    Returns `NOT_PRICED` where what follows a roll has no price, else `OK`.
    """
    keep_apart()
    for row in range(MOST_POSITIONS):
        position = b.positions[row]
        if position[ACTIVE] != 0.0 and bar >= position[NEAREST]:
            # Legs without a quote are closed at their last one: the expiry does not wait.
            b.totals[UNQUOTED] += 0.0 if can_close(b, row, bar) else 1.0
            close_booked(b, row, bar, AT_EXPIRY)
        elif position[ACTIVE] != 0.0:
            exercised = exercise_early(b, row, bar)
            if exercised > 0 and _open_legs(b, row) == 0:
                close_booked(b, row, bar, EXERCISED)
    if book_equity(b) < book_margin(b, bar):
        _close_for_margin(b, bar)
        return OK
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] == 0.0:
            continue
        reason = _reason(b, rules, row, bar)
        if reason < 0:
            continue
        if not can_close(b, row, bar):
            b.totals[UNQUOTED] += 1.0
            continue
        if reason == DAYS_LEFT and rules[ROLL] != 0.0:
            if roll_booked(b, rules, legs, row, bar) == NOT_PRICED:
                return NOT_PRICED
            continue
        close_booked(b, row, bar, reason)
    return OK


@part
def _close_for_margin(b: Any, bar: int) -> None:
    """Close everything, the underlying too, and count what was closed.

    A position with a leg that has no quote waits for one, and with it the underlying, its cover.
    """
    closed, waiting = 0, 0
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] == 0.0:
            continue
        if can_close(b, row, bar):
            close_booked(b, row, bar, MARGIN_CALL)
            closed += 1
        else:
            b.totals[UNQUOTED] += 1.0
            waiting += 1
    if waiting > 0:
        return
    if b.holdings[SHARES, AMOUNT] != 0.0:
        price = b.series[PRICE, bar]
        trade_underlying(b, SHARES, bar, price, -b.holdings[SHARES, AMOUNT], False, MARGIN_CALL)
    if closed == 0:
        b.totals[EXITS + MARGIN_CALL] += 1.0


@part
def _open_legs(b: Any, row: int) -> int:
    count = 0
    for leg in range(MOST_LEGS):
        count += 1 if b.states[row * MOST_LEGS + leg, HELD] != 0.0 else 0
    return count


@part
def can_close(b: Any, row: int, bar: int) -> bool:
    """Whether every leg that is to be traded has a quote."""
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] != 0.0 and state[EXPIRY] > bar and state[TRADEABLE] == 0.0:
            return False
    return True


@rare
def _reason(b: Any, rules: Any, row: int, bar: int) -> int:
    """Return why a position ends at a close, by the rules of its set; -1: it does not."""
    keep_apart()
    position = b.positions[row]
    credit = position[CREDIT]
    gain = credit + position[REALISED] + position_value(b, row)
    if gain <= -rules[STOP_LOSS] * abs(credit):
        return STOPPED
    if gain >= rules[PROFIT_TARGET] * abs(credit):
        return TARGET
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] == 0.0 or state[UNITS] >= 0.0:
            continue
        if abs(state[DELTA_NOW]) >= rules[EXIT_DELTA]:
            return DELTA_BREACH
        beyond = (
            state[AT] - state[STRIKE_OF] if state[CALL] != 0.0 else state[STRIKE_OF] - state[AT]
        )
        if rules[TOUCH] != 0.0 and beyond >= 0.0:
            return TOUCHED
    if position[NEAREST] - bar <= rules[ROLL_BARS]:
        return DAYS_LEFT
    if rules[HELD_MOST] > 0.0 and bar - position[ENTRY] >= rules[HELD_MOST]:
        return DAYS_HELD
    return -1


@part
def _due(b: Any, rules: Any, bar: int, first: int) -> bool:
    """Whether a position is to be opened at a close."""
    every = int(rules[ENTRY_BARS])
    if every != 0 and (bar - first) % every != 0:
        return False
    if rules[WEEKDAY] >= 0.0 and b.weekdays[bar] != int(rules[WEEKDAY]):
        return False
    if b.gate.shape[0] > 0 and b.gate[bar] == 0.0:
        return False
    if math.isnan(b.series[LEVEL, bar]) or free_row(b, rules) < 0:
        return False
    return not (rules[RANK] > 0.0) or _rank(b, bar) >= rules[RANK]


@part
def _rank(b: Any, bar: int) -> float:
    """Return the share of the last year's volatilities that are no higher than that of a bar."""
    below, count = 0.0, 0.0
    for back in range(max(bar - _RANKED, 0), bar):
        level = b.series[LEVEL, back]
        if level == level:
            below += 1.0 if level <= b.series[LEVEL, bar] else 0.0
            count += 1.0
    return below / count if count > 0.0 else 0.0

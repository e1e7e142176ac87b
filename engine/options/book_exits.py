"""The end of legs and positions in the book: settled, exercised, or closed at the market."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from engine.compiled import kernel
from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import address_of_compiled, call_at
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    AT,
    BEST_EXERCISED,
    CALL,
    CLOSE_CODE,
    CONTRACTS_HELD,
    CREDIT,
    DELTA_PNL,
    DELTA_THEN,
    ENTRY,
    EXPIRY,
    FILL,
    FULL,
    GAMMA_PNL,
    GAMMA_THEN,
    GREEKS,
    HALF,
    HELD,
    KEEPS,
    MIDDLE,
    MONEY,
    NEAREST,
    NUMBER,
    OWN_FRAME,
    PAID,
    PART_PAID,
    PHYSICAL,
    PROFIT,
    REALISED,
    SHARES,
    STRIKE_OF,
    THETA_PNL,
    THETA_THEN,
    UNITS,
    USED,
    VEGA_PNL,
    VEGA_THEN,
    book_at,
)
from engine.options.book_margin import forget_scans
from engine.options.book_marks import underlying_at
from engine.options.book_underlying import trade_underlying
from engine.options.closing import count_position
from engine.options.layout import (
    ASSIGNED,
    COMMISSION,
    COMMISSION_PAID,
    EARLY,
    EXERCISE_FEE,
    EXERCISED,
    MARGIN_CALL,
    MOST_LEGS,
    MULTIPLIER,
    OF_DELTA,
    OF_GAMMA,
    OF_THETA,
    OF_VEGA,
    PER_CONTRACT,
    PER_CONTRACT_SQUARED,
    SHORTS_ASSIGNED,
    SLIPPAGE_PAID,
    TRADED_VALUE,
)
from engine.options.scan_rules import forget_scan

__all__ = ["close_booked", "close_call", "exercise_early", "fill_price"]

#: In the place of a reason: exercise what is worth more so, and close nothing.
EXERCISE = -1
# The code of an end: frame, position, bar, reason.
call_close = call_at(4)


@part
def fill_price(b: Any, middle: float, half: float, buys: bool, crossed: float) -> float:
    """Return the price of a trade, on the next tick that is worse; nothing is sold below zero."""
    paid = min(crossed * half, middle)
    price = middle + paid if buys else middle - paid
    for row in range(b.ticks.shape[0]):
        if abs(price) < b.ticks[row, 1]:
            steps = price / b.ticks[row, 0]
            # A price that lies on a tick stays there, whatever its last digits.
            whole = math.ceil(steps - 1e-6) if buys else math.floor(steps + 1e-6)
            price = max(whole * b.ticks[row, 0], 0.0)
            break
    return price


@rare
def _settle_leg(b: Any, row: int, leg: int, bar: int, reason: int) -> None:
    """Settle a leg at its expiry, or exercise it before: in cash, or into the underlying."""
    keep_apart()
    at = row * MOST_LEGS + leg
    state = b.states[at]
    sign = 1.0 if state[CALL] != 0.0 else -1.0
    worth = max(sign * (state[AT] - state[STRIKE_OF]), 0.0)
    units = state[UNITS]
    fee = 0.0
    if worth > 0.0:
        fee = abs(units) * b.terms[EXERCISE_FEE]
        b.totals[ASSIGNED] += 1.0
        b.totals[SHORTS_ASSIGNED] += 1.0 if units < 0.0 else 0.0
        b.totals[EARLY] += 1.0 if state[EXPIRY] > bar else 0.0
    b.totals[TRADED_VALUE] += abs(units) * b.terms[MULTIPLIER] * state[FILL]
    _end_leg(b, row, leg, bar, worth, fee, 0.0, reason)
    if worth > 0.0 and b.own[PHYSICAL] != 0.0:
        price, change = state[AT], sign * units
        trade_underlying(b, SHARES, bar, price, change, True, reason)
        if b.own[KEEPS] == 0.0:
            trade_underlying(b, SHARES, bar, price, -change, False, reason)


@part
def close_booked(b: Any, row: int, bar: int, reason: int) -> None:
    """Close a position, by the code of `close_call`."""
    call_close(b.codes[CLOSE_CODE], b.codes[OWN_FRAME], row, bar, reason)


@cache
def close_call() -> int:
    """Compile or load ``close(frame, position, bar, reason)`` and return its address.

    Legs at their expiry are settled, all others trade at the market: in a margin call the whole
    half-spread is crossed. The reason ``EXERCISE`` closes nothing but exercises what is worth more
    so, and returns how many legs that were.
    """
    return address_of_compiled(_end, 4)


@kernel
def _end(frame: int, row: int, bar: int, reason: int) -> int:
    b = book_at(frame)
    if reason == EXERCISE:
        return _exercise(b, row, bar)
    _close(b, row, bar, reason)
    return 0


@part
def exercise_early(b: Any, row: int, bar: int) -> int:
    """Exercise the legs that are worth more exercised than held; return how many.

    Whoever holds them does so: who bought a leg exercises it, who sold one is assigned.
    """
    return int(call_close(b.codes[CLOSE_CODE], b.codes[OWN_FRAME], row, bar, EXERCISE))


@part
def _close(b: Any, row: int, bar: int, reason: int) -> None:
    position = b.positions[row]
    crossed = 1.0 if reason == MARGIN_CALL else position[PART_PAID]
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] == 0.0:
            continue
        if state[EXPIRY] <= bar:
            _settle_leg(b, row, leg, bar, reason)
            continue
        units = state[UNITS]
        size = abs(units) * b.terms[MULTIPLIER]
        price = fill_price(b, state[MIDDLE], state[HALF], units < 0.0, crossed)
        paid = abs(price - state[MIDDLE])
        fee = abs(units) * b.terms[COMMISSION]
        b.totals[SLIPPAGE_PAID] += size * paid
        b.totals[TRADED_VALUE] += size * (price + state[FILL])
        _end_leg(b, row, leg, bar, price, fee, paid, reason)
    if b.holdings[row, AMOUNT] != 0.0:
        price = underlying_at(b, bar, int(position[NEAREST]))
        trade_underlying(b, row, bar, price, -b.holdings[row, AMOUNT], False, reason)
    each = position[PROFIT] / position[CONTRACTS_HELD]
    b.totals[PER_CONTRACT] += each
    b.totals[PER_CONTRACT_SQUARED] += each * each
    held_bars = bar - int(position[ENTRY])
    count_position(position[PROFIT], position[CREDIT], held_bars, reason, b.totals)
    position[ACTIVE] = 0.0
    if b.own[KEEPS] != 0.0:  # what it used covers others now
        forget_scans(b)


@part
def _end_leg(
    b: Any, row: int, leg: int, bar: int, price: float, fee: float, paid: float, reason: int
) -> None:
    """Enter the end of a leg into cash, the position's profit, the totals and the tape."""
    at = row * MOST_LEGS + leg
    state, position = b.states[at], b.positions[row]
    units = state[UNITS]
    came = units * price * b.terms[MULTIPLIER]
    state[HELD] = 0.0
    forget_scan(b.scans[row])
    b.account[MONEY] += came - fee
    position[REALISED] += came
    position[PROFIT] += came - fee
    b.totals[COMMISSION_PAID] += fee
    b.totals[OF_DELTA] += state[DELTA_PNL]
    b.totals[OF_GAMMA] += state[GAMMA_PNL]
    b.totals[OF_THETA] += state[THETA_PNL]
    b.totals[OF_VEGA] += state[VEGA_PNL]
    if b.tape.shape[1] == 0:
        return
    column = int(b.account[USED])
    if column >= b.tape.shape[1]:
        b.account[FULL] = 1.0
        return
    size = abs(units) * b.terms[MULTIPLIER]
    opening = abs(units) * b.terms[COMMISSION]
    known = 0.0 if b.own[GREEKS] != 0.0 else np.nan
    out = b.tape[:, column]
    out[0], out[1], out[2], out[3] = position[NUMBER], leg, state[CALL], state[STRIKE_OF]
    out[4], out[5], out[6], out[7] = state[EXPIRY], units, position[ENTRY], state[FILL]
    out[8], out[9] = bar, price
    out[10] = came - units * state[FILL] * b.terms[MULTIPLIER] - opening - fee
    out[11], out[12], out[13] = opening + fee, reason, size * (state[PAID] + paid)
    out[14], out[15] = state[DELTA_THEN] + known, state[GAMMA_THEN] + known
    out[16], out[17] = state[THETA_THEN] + known, state[VEGA_THEN] + known
    out[18], out[19] = state[DELTA_PNL] + known, state[GAMMA_PNL] + known
    out[20], out[21] = state[THETA_PNL] + known, state[VEGA_PNL] + known
    b.account[USED] += 1.0


@part
def _exercise(b: Any, row: int, bar: int) -> int:
    count = 0
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] != 0.0 and state[EXPIRY] > bar and state[BEST_EXERCISED] != 0.0:
            _settle_leg(b, row, leg, bar, EXERCISED)
            count += 1
    return count

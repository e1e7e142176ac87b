"""What the positions of the book tie up at the close of a bar, and the underlying that covers them.

Every position uses as much of the underlying that is held as was bought beside its options, or as
its short options could be settled in, the oldest position first. What it uses is in its margin;
the rest ties up its own share of its value.
"""

from __future__ import annotations

import math
from typing import Any

from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import call_at
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    BESIDE,
    CALL,
    EXPIRY,
    HELD,
    LAST_PRICE,
    MIDDLE,
    MONEY,
    NUMBER,
    OWN_FRAME,
    RULE_MARGIN_CODE,
    SECURED,
    SHARES,
    STRIKE_OF,
    UNDERLYING_MARGIN,
    UNITS,
)
from engine.options.layout import (
    MARGIN_POINTS,
    MARGIN_RATE,
    MARGIN_RULE,
    MOST_LEGS,
    MOST_POSITIONS,
    MULTIPLIER,
    PRICE,
)
from engine.options.path_margin import SCAN_RULE
from engine.options.scan_rules import forget_scan

__all__ = [
    "book_equity",
    "book_margin",
    "forget_scans",
    "free_underlying",
    "margin_with",
    "position_margin",
    "position_value",
]

# The code of a rule: frame, position, bar.
call_margin = call_at(3)


@part
def position_value(b: Any, row: int) -> float:
    """Return what the legs of a position are worth at the middle of the market."""
    value = 0.0
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] != 0.0:
            value += state[UNITS] * state[MIDDLE] * b.terms[MULTIPLIER]
    return value


@part
def book_equity(b: Any) -> float:
    """Return cash plus what all options are worth, as they were marked last."""
    equity = b.account[MONEY]
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] != 0.0:
            equity += position_value(b, row)
    return float(equity)


@rare
def book_margin(b: Any, bar: int) -> float:
    """Return what all positions and the underlying that is held tie up."""
    keep_apart()
    total, covers = 0.0, 0.0
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] != 0.0:
            cover = _cover_of(b, row, bar)
            covers += abs(cover)
            total += position_margin(b, row, bar, cover)
        holding = b.holdings[row]
        value = abs(holding[AMOUNT] * holding[LAST_PRICE]) * b.terms[MULTIPLIER]
        total += b.own[UNDERLYING_MARGIN] * value
    rest = max(abs(b.holdings[SHARES, AMOUNT]) - covers, 0.0)
    return float(total + _of_underlying(b, rest, bar))


@part
def margin_with(b: Any, bar: int, change: float) -> float:
    """Return what everything would tie up, were so much more of the underlying held."""
    if change == 0.0:
        return float(book_margin(b, bar))
    held = b.holdings[SHARES, AMOUNT]
    forget_scans(b)
    b.holdings[SHARES, AMOUNT] = held + change
    margin = book_margin(b, bar)
    b.holdings[SHARES, AMOUNT] = held
    forget_scans(b)
    return float(margin)


@rare
def position_margin(b: Any, row: int, bar: int, cover: float) -> float:
    """Return what a position ties up together with the underlying that covers some of it.

    `cover` is below 0 where it was sold short, and covers puts.
    """
    keep_apart()
    first = row * MOST_LEGS
    calls, puts, secured, count = min(-cover, 0.0), min(cover, 0.0), 0.0, 0
    for leg in range(MOST_LEGS):
        state = b.states[first + leg]
        if state[HELD] == 0.0 or state[EXPIRY] <= bar:
            continue
        count += 1
        if state[CALL] != 0.0:
            calls -= state[UNITS]
        else:
            puts -= state[UNITS]
            secured += max(-state[UNITS], 0.0) * state[STRIKE_OF] * b.terms[MULTIPLIER]
    of_cover = _of_underlying(b, cover, bar)
    if count == 0:
        return of_cover
    if b.margin[MARGIN_RULE] != 0.0:
        margin = _by_rule(b, row, bar, cover)
        if b.margin[MARGIN_RULE] == SCAN_RULE:  # no less than the underlying without its options
            margin = max(margin, of_cover)
    else:
        uncovered = max(calls, puts, 0.0) * b.terms[MULTIPLIER]
        margin = b.terms[MARGIN_RATE] * uncovered * abs(b.series[PRICE, bar])
        margin += b.terms[MARGIN_POINTS] * uncovered
        margin += max(-position_value(b, row), 0.0) + of_cover
    return float(max(margin, secured) if b.own[SECURED] != 0.0 else margin)


@rare
def free_underlying(b: Any, bar: int, leaving: int) -> float:
    """Return what is held of the underlying and no position uses, in contracts' worth.

    It is below 0 where it was sold short. The position of the row `leaving` does not count; -1:
    all do.
    """
    keep_apart()
    held = b.holdings[SHARES, AMOUNT]
    free = abs(held)
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] != 0.0 and row != leaving:
            free -= _used(b, row, bar, held > 0.0)
    return math.copysign(max(free, 0.0), held)


@part
def forget_scans(b: Any) -> None:
    """Let every position be scanned anew, as what covers it has changed."""
    for row in range(MOST_POSITIONS):
        forget_scan(b.scans[row])


@part
def _cover_of(b: Any, row: int, bar: int) -> float:
    """Return what is left of the underlying for a position, up to what it uses."""
    held = b.holdings[SHARES, AMOUNT]
    if held == 0.0:
        return 0.0
    free = abs(held)
    for other in range(MOST_POSITIONS):
        older = b.positions[other, NUMBER] < b.positions[row, NUMBER]
        if older and b.positions[other, ACTIVE] != 0.0:
            free -= _used(b, other, bar, held > 0.0)
    return math.copysign(min(max(free, 0.0), _used(b, row, bar, held > 0.0)), held)


@part
def _used(b: Any, row: int, bar: int, long: bool) -> float:
    """Return how much of a holding a position uses: of one that is short, its puts do."""
    short = 0.0
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] != 0.0 and state[EXPIRY] > bar and (state[CALL] != 0.0) == long:
            short += max(-state[UNITS], 0.0)
    beside = b.positions[row, BESIDE]
    return float(max(short, beside if long else -beside))


@part
def _of_underlying(b: Any, amount: float, bar: int) -> float:
    value = abs(amount * b.series[PRICE, bar]) * b.terms[MULTIPLIER]
    return float(b.own[UNDERLYING_MARGIN] * value)


@part
def _by_rule(b: Any, row: int, bar: int, cover: float) -> float:
    """Return the margin by the rules for strategies, or by a scan."""
    b.pad[0] = cover
    call_margin(b.codes[RULE_MARGIN_CODE], b.codes[OWN_FRAME], row, bar)
    return float(b.pad[0])

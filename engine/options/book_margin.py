"""What the positions of the book tie up at the close of a bar."""

from __future__ import annotations

from typing import Any

from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import call_at
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    CALL,
    EXPIRY,
    HELD,
    KEEPS,
    LAST_PRICE,
    MIDDLE,
    OWN_FRAME,
    RULE_MARGIN_CODE,
    SECURED,
    SHARES,
    STRIKE_OF,
    UNDERLYING_MARGIN,
    UNITS,
)
from engine.options.book_underlying import oldest_position
from engine.options.layout import (
    MARGIN_POINTS,
    MARGIN_RATE,
    MARGIN_RULE,
    MOST_LEGS,
    MOST_POSITIONS,
    MULTIPLIER,
    PRICE,
)

__all__ = ["book_margin", "position_margin", "position_value"]

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


@rare
def book_margin(b: Any, bar: int) -> float:
    """Return what all positions and the underlying that is held tie up."""
    keep_apart()
    total, oldest = 0.0, oldest_position(b)
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] != 0.0:
            cover = b.holdings[SHARES, AMOUNT] if row == oldest else 0.0
            total += position_margin(b, row, bar, cover)
    counted = b.margin[MARGIN_RULE] != 0.0 and oldest >= 0  # by the rule, as what covers calls
    for row in range(MOST_POSITIONS + 1):
        if row == SHARES and counted:
            continue
        holding = b.holdings[row]
        value = abs(holding[AMOUNT] * holding[LAST_PRICE]) * b.terms[MULTIPLIER]
        total += b.own[UNDERLYING_MARGIN] * value
    return total


@rare
def position_margin(b: Any, row: int, bar: int, cover: float) -> float:
    """Return what a position ties up, of whose calls `cover` of the underlying covers some."""
    keep_apart()
    first = row * MOST_LEGS
    calls, puts, secured, count = -cover if b.own[KEEPS] != 0.0 else 0.0, 0.0, 0.0, 0
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
    if count == 0:
        return 0.0
    uncovered = max(calls, puts, 0.0) * b.terms[MULTIPLIER]
    margin = b.terms[MARGIN_RATE] * uncovered * abs(b.series[PRICE, bar])
    margin += b.terms[MARGIN_POINTS] * uncovered + max(-position_value(b, row), 0.0)
    if b.margin[MARGIN_RULE] != 0.0:
        margin = _by_rule(b, row, bar, cover if b.own[KEEPS] != 0.0 else 0.0)
    return float(max(margin, secured) if b.own[SECURED] != 0.0 else margin)


@part
def _by_rule(b: Any, row: int, bar: int, cover: float) -> float:
    """Return the margin by the rules for strategies, or by a scan."""
    b.pad[0] = cover
    call_margin(b.codes[RULE_MARGIN_CODE], b.codes[OWN_FRAME], row, bar)
    return float(b.pad[0])

"""Margin of a position of the book by the rules for strategies or by a scan, called by address."""

from __future__ import annotations

from functools import cache

from engine.compiled import kernel
from engine.compiled.linking import address_of_compiled
from engine.options.book_layout import (
    AT,
    CALL,
    EXPIRY,
    HELD,
    MIDDLE,
    SIGMA,
    STRIKE_OF,
    UNITS,
    YEARS_OF_BAR,
    book_at,
)
from engine.options.layout import (
    DISCOUNT_RATE,
    MARGIN_RULE,
    MARGIN_TERMS_WIDTH,
    MOST_LEGS,
    MULTIPLIER,
    RESCAN_STEP,
    RESCAN_YEARS,
    UNDERLYING_YIELD,
)
from engine.options.path_margin import LEFT_ROW, LOSSES_ROW, PART_ROW, STRATEGY_RULE
from engine.options.scan_rules import held_scan_risk
from engine.options.strategy_rules import strategy_margin

__all__ = ["rule_margin_call"]


@cache
def rule_margin_call() -> int:
    """Compile or load ``margin(frame, position, bar)`` and return its address.

    The pad of the book holds the underlying that covers calls; the margin is written there.
    """
    return address_of_compiled(_margin, 3)


@kernel
def _margin(frame: int, row: int, bar: int) -> int:
    b = book_at(frame)
    work, count, spot, cover = b.margin_room, 0, 0.0, b.pad[0]
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] == 0.0 or state[EXPIRY] <= bar:
            continue
        if count == 0:
            spot = state[AT]
        # A future further out moves by the same share of itself (`required_margin`).
        share = state[AT] / spot
        b.calls[count] = 1 if state[CALL] != 0.0 else 0
        work[0, count] = state[STRIKE_OF] / share
        work[1, count] = (state[EXPIRY] - bar) * b.own[YEARS_OF_BAR]
        work[2, count] = state[UNITS] * share
        work[3, count] = state[MIDDLE] / share
        work[4, count] = state[SIGMA]
        count += 1
    rules, calls = b.margin[MARGIN_TERMS_WIDTH:], b.calls[:count]
    strikes, years, units = work[0, :count], work[1, :count], work[2, :count]
    prices, volatilities = work[3, :count], work[4, :count]
    if b.margin[MARGIN_RULE] == STRATEGY_RULE:
        asked = strategy_margin(
            spot, strikes, calls, years, units, prices, cover, rules,
            work[LEFT_ROW, :count], work[PART_ROW, :count],
        )  # fmt: skip
    else:
        asked = held_scan_risk(
            b.scans[row], b.margin[RESCAN_STEP], b.margin[RESCAN_YEARS],
            bar * b.own[YEARS_OF_BAR], spot, strikes, calls, years, volatilities, units, cover,
            b.margin[DISCOUNT_RATE], b.margin[UNDERLYING_YIELD], rules, work[LOSSES_ROW],
        )  # fmt: skip
    b.pad[0] = asked * b.terms[MULTIPLIER]
    return 0

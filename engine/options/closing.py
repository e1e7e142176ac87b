"""The end of an option position: settled at expiry, or closed at the market, and counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.options.layout import (
    ASSIGNED,
    COMMISSION,
    COMMISSION_PAID,
    CONTRACTS,
    CROSSED,
    DURATION_MAX,
    DURATION_SUM,
    ENTRY_FILL,
    ENTRY_PAID,
    EXERCISE_FEE,
    EXITS,
    EXPOSED,
    KEPT,
    LEG_BARS,
    LEG_CALL,
    LEG_ROOM,
    LEG_UNITS,
    LOSSES,
    LOST,
    MARGIN_CALL,
    MULTIPLIER,
    SHORTS_ASSIGNED,
    SLIPPAGE_PAID,
    STREAK,
    STREAK_MAX,
    STRIKE,
    TAPE_WIDTH,
    TRADED_VALUE,
    TRADES,
    WINS,
    WON,
    WORST,
    WORST_SHARE,
)
from engine.options.spread import half_spread

__all__ = ["close_position", "count_position"]

Array = NDArray[np.float64]

# Rows of the tape that every position has.
_KNOWN = 14


@inlined
def close_position(
    cash: float,
    before: float,
    credit: float,
    bar: int,
    held_bars: int,
    place: int,
    reason: int,
    terms: Array,
    rules: Array,
    legs: Array,
    held: Array,
    room: Array,
    totals: Array,
    tape: Array,
    used: Array,
) -> float:
    """Close every leg, count the position, and return the cash.

    A leg at its expiry is settled in cash: it is worth what it is in the money by. All others
    trade at the market; in a margin call the whole half-spread is crossed.

    Parameters
    ----------
    cash, before, credit : float
        Cash now and before the position was opened; the premium that it received, less paid.
    bar, held_bars : int
        Bar of entry, bars since.
    place : int
        Column of `room` that holds the values of the legs.
    reason : int
        Place in `EXIT_REASONS`.
    terms, rules, legs, held, room, totals, tape, used : ndarray
        As of `trade_path`.
    """
    crossed = 1.0 if reason == MARGIN_CALL else rules[CROSSED]
    for leg in range(legs.shape[0]):
        units = legs[leg, LEG_UNITS] * rules[CONTRACTS]
        size = abs(units) * terms[MULTIPLIER]
        worth = room[LEG_ROOM + leg, place]
        fill, fee, paid = worth, abs(units) * terms[COMMISSION], 0.0
        if legs[leg, LEG_BARS] == held_bars:
            fee = abs(units) * terms[EXERCISE_FEE] if worth > 0.0 else 0.0
            totals[ASSIGNED] += 1.0 if worth > 0.0 else 0.0
            totals[SHORTS_ASSIGNED] += 1.0 if worth > 0.0 and units < 0.0 else 0.0
        else:
            paid = half_spread(worth, terms, crossed)
            fill = worth - paid if units > 0.0 else worth + paid
            totals[SLIPPAGE_PAID] += size * paid
            totals[TRADED_VALUE] += size * fill
        cash += units * fill * terms[MULTIPLIER] - fee
        totals[COMMISSION_PAID] += fee
        totals[TRADED_VALUE] += size * held[leg, ENTRY_FILL]
        if tape.shape[1] > 0:
            column = int(used[0])
            opening = abs(units) * terms[COMMISSION]
            moved = units * (fill - held[leg, ENTRY_FILL]) * terms[MULTIPLIER]
            tape[0, column] = totals[TRADES]
            tape[1, column] = leg
            tape[2, column] = legs[leg, LEG_CALL]
            tape[3, column] = held[leg, STRIKE]
            tape[4, column] = bar + legs[leg, LEG_BARS]
            tape[5, column] = units
            tape[6, column] = bar
            tape[7, column] = held[leg, ENTRY_FILL]
            tape[8, column] = bar + held_bars
            tape[9, column] = fill
            tape[10, column] = moved - opening - fee
            tape[11, column] = opening + fee
            tape[12, column] = reason
            tape[13, column] = size * (held[leg, ENTRY_PAID] + paid)
            for row in range(_KNOWN, TAPE_WIDTH):  # greeks, which only the book knows
                tape[row, column] = np.nan
            used[0] += 1.0
    totals[EXPOSED] += held_bars
    count_position(cash - before, credit, held_bars, reason, totals)
    return cash


@inlined
def count_position(
    profit: float, credit: float, held_bars: int, reason: int, totals: Array
) -> None:
    """Add a position to the totals of its simulation."""
    totals[TRADES] += 1.0
    totals[EXITS + reason] += 1.0
    totals[DURATION_SUM] += held_bars
    totals[DURATION_MAX] = max(totals[DURATION_MAX], float(held_bars))
    totals[KEPT] += profit
    totals[WORST] = min(totals[WORST], profit)
    if credit != 0.0:
        totals[WORST_SHARE] = min(totals[WORST_SHARE], profit / abs(credit))
    if profit > 0.0:
        totals[WINS] += 1.0
        totals[WON] += profit
        totals[STREAK] = 0.0
    elif profit < 0.0:
        totals[LOSSES] += 1.0
        totals[LOST] += profit
        totals[STREAK] += 1.0
        totals[STREAK_MAX] = max(totals[STREAK_MAX], totals[STREAK])

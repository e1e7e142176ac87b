"""One simulation of option positions on a path: opened, marked at every bar, closed or settled."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, inlined, kernel
from engine.options.closing import close_position
from engine.options.deviations import deviation_at, fill_deviations
from engine.options.layout import (
    AT_EXPIRY,
    BLOCK,
    CASH,
    COMMISSION,
    COMMISSION_PAID,
    CONTRACTS,
    CROSSED,
    DAYS_LEFT,
    DELTA,
    DEVIATION,
    DISCOUNT,
    ENTRY_BARS,
    ENTRY_FILL,
    ENTRY_PAID,
    FIRST_LEG,
    FORWARD,
    LEG_BARS,
    LEG_CALL,
    LEG_OFFSET,
    LEG_ROOM,
    LEG_RULE,
    LEG_UNITS,
    LEVEL,
    MARGIN_CALL,
    MARGIN_POINTS,
    MARGIN_RATE,
    MARGIN_RULE,
    MARGIN_USE,
    MULTIPLIER,
    NORMAL,
    NOT_PRICED,
    OF_FUTURE,
    OK,
    PREMIUM,
    PREMIUM_SIZE,
    PRICE,
    PROFIT_TARGET,
    REJECTED,
    ROLL_BARS,
    SLIPPAGE_PAID,
    SMILE_DEVIATION,
    STOP_LOSS,
    STOPPED,
    STRIKE,
    STRIKE_STEP,
    TAPE_FULL,
    TARGET,
    UNQUOTED,
    VALUE,
)
from engine.options.path_margin import required_margin
from engine.options.pricing import (
    fill_forwards,
    fill_values,
    forward_at,
    on_grid,
    strike_of,
)
from engine.options.spread import half_spread

__all__ = ["trade_path"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Of a strike by delta under a smile, each bringing it several times nearer.
_DELTA_STEPS: Final = 32


@kernel
def trade_path(
    series: Array,
    tables: Array,
    surface: Array,
    first: int,
    terms: Array,
    rules: Array,
    legs: Array,
    room: Array,
    held: Array,
    margin_terms: Array,
    margin_room: Array,
    calls: Flags,
    totals: Array,
    curve: Array,
    tape: Array,
    used: Array,
) -> int:
    """Trade one parameter set on one path; positions open and close at the close of a bar.

    Parameters
    ----------
    series : ndarray of float64, shape (SERIES_WIDTH, bars + BLOCK)
        The path.
    tables : ndarray of float64, shape (TABLES_WIDTH, longest + 1 + BLOCK)
        Over the bars to expiry, of which no leg has more than `longest`.
    surface : ndarray of float64, shape (expiries, SMILE_WIDTH)
        Smiles; without rows volatility is that of series and tables alone.
    first : int
        First bar on which a position may be opened.
    terms, rules : ndarray of float64
        Settings of the study and of the parameter set.
    legs : ndarray of float64, shape (legs, LEG_WIDTH)
        The legs.
    room : ndarray of float64, shape (LEG_ROOM + legs, BLOCK)
        To work in.
    held : ndarray of float64, shape (legs, HELD_WIDTH)
        To work in: the open position.
    margin_terms, margin_room, calls : ndarray
        As of `required_margin`: the rule for margin, and room to work in.
    totals : ndarray of float64, shape (TOTALS_WIDTH,)
        Output; made anew.
    curve : ndarray of float64, shape (bars - first,)
        Output: equity at every close.
    tape : ndarray of float64, shape (TAPE_WIDTH, capacity)
        Output: legs of closed positions; without columns nothing is kept.
    used : ndarray of float64, shape (1,)
        Columns of the tape that are taken.

    Returns
    -------
    int
        `OK`, `NOT_PRICED` or `TAPE_FULL`.
    """
    series, tables, terms, rules = borrow(series), borrow(tables), borrow(terms), borrow(rules)
    surface = borrow(surface)
    legs, room, held = borrow(legs), borrow(room), borrow(held)
    totals, curve, tape = borrow(totals), borrow(curve), borrow(tape)
    margin_terms, margin_room, calls = borrow(margin_terms), borrow(margin_room), borrow(calls)
    last = series.shape[1] - BLOCK - 1
    totals[:] = 0.0
    cash = terms[CASH]
    nearest, farthest = legs[0, LEG_BARS], legs[0, LEG_BARS]
    for leg in range(1, legs.shape[0]):
        nearest = min(nearest, legs[leg, LEG_BARS])
        farthest = max(farthest, legs[leg, LEG_BARS])
    horizon, longest = int(nearest), int(farthest)
    uncovered = _uncovered(terms, rules, legs)
    margin_per_point, least = terms[MARGIN_RATE] * uncovered, terms[MARGIN_POINTS] * uncovered
    by_rule = margin_terms[MARGIN_RULE] != 0.0
    every = int(rules[ENTRY_BARS])
    bar = first
    while bar <= last:
        curve[bar - first] = cash
        due = every == 0 or (bar - first) % every == 0
        # Volatility that is not known yet, as its window is not full, opens nothing.
        if not due or bar + longest > last or math.isnan(series[LEVEL, bar]):
            bar += 1
            continue
        _choose_strikes(series, tables, surface, bar, terms, legs, held)
        _mark(series, tables, surface, bar, 0, terms, rules, legs, held, room)
        value = room[VALUE, 0]
        if math.isnan(value):
            return NOT_PRICED
        if _unsold(terms, legs, room):
            totals[UNQUOTED] += 1.0
            bar += 1
            continue
        credit, commission, slippage = _open(terms, rules, legs, held, room)
        after = cash + credit - commission
        margin = margin_per_point * abs(series[PRICE, bar]) + least + max(-value, 0.0)
        if by_rule:
            margin = required_margin(
                series, tables, surface, bar, 0, 0, terms, rules, legs, held, room,
                margin_terms, margin_room, calls,
            )  # fmt: skip
        if after + value < margin:
            totals[REJECTED] += 1.0
            bar += 1
            continue
        totals[COMMISSION_PAID] += commission
        totals[SLIPPAGE_PAID] += slippage
        totals[PREMIUM] += credit
        totals[PREMIUM_SIZE] += abs(credit)
        before, cash = cash, after
        target = rules[PROFIT_TARGET] * abs(credit)
        stop = -rules[STOP_LOSS] * abs(credit)
        held_bars, place, reason = 0, 0, -1
        while reason < 0:
            equity = cash + value
            curve[bar + held_bars - first] = equity
            if margin > totals[MARGIN_USE] * equity:
                totals[MARGIN_USE] = margin / equity
            held_bars += 1
            place += 1
            if place == BLOCK:
                place = 0
                _mark(
                    series, tables, surface, bar + held_bars, held_bars, terms, rules, legs, held,
                    room,
                )  # fmt: skip
            value = room[VALUE, place]
            if math.isnan(value):
                return NOT_PRICED
            margin = margin_per_point * abs(series[PRICE, bar + held_bars])
            margin += least + max(-value, 0.0)
            if by_rule and held_bars < horizon:
                margin = required_margin(
                    series, tables, surface, bar + held_bars, held_bars, place, terms, rules, legs,
                    held, room, margin_terms, margin_room, calls,
                )  # fmt: skip
            gain = credit + value
            if held_bars == horizon:
                reason = AT_EXPIRY
            elif cash + value < margin:
                reason = MARGIN_CALL
            elif gain <= stop:
                reason = STOPPED
            elif gain >= target:
                reason = TARGET
            elif horizon - held_bars <= rules[ROLL_BARS]:
                reason = DAYS_LEFT
        if tape.shape[1] > 0 and used[0] + legs.shape[0] > tape.shape[1]:
            return TAPE_FULL
        cash = close_position(
            cash, before, credit, bar, held_bars, place, reason,
            terms, rules, legs, held, room, totals, tape, used,
        )  # fmt: skip
        bar += held_bars
    return OK


@inlined
def _choose_strikes(
    series: Array,
    tables: Array,
    surface: Array,
    bar: int,
    terms: Array,
    legs: Array,
    held: Array,
) -> None:
    """Fix the strikes of all legs by what is known at the close of the bar.

    Standard deviations are those at the money; a delta is of the volatility of its own strike.
    """
    for leg in range(legs.shape[0]):
        column = _column(tables, legs[leg, LEG_BARS])
        forward = forward_at(series, tables, bar, column, terms[OF_FUTURE] != 0.0)
        deviation = deviation_at(series, tables, surface, bar, column, forward, forward)
        call, normal = legs[leg, LEG_CALL] != 0.0, terms[NORMAL] != 0.0
        rule, offset = legs[leg, LEG_RULE], legs[leg, LEG_OFFSET]
        strike = strike_of(rule, offset, forward, deviation, call, normal)
        if rule == DELTA and surface.shape[0] > 0:
            for _ in range(_DELTA_STEPS):
                deviation = deviation_at(series, tables, surface, bar, column, forward, strike)
                strike = strike_of(rule, offset, forward, deviation, call, normal)
        of_first = leg > 0 and rule == FIRST_LEG
        held[leg, STRIKE] = held[0, STRIKE] if of_first else on_grid(strike, terms[STRIKE_STEP])


@inlined
def _mark(
    series: Array,
    tables: Array,
    surface: Array,
    bar: int,
    held_bars: int,
    terms: Array,
    rules: Array,
    legs: Array,
    held: Array,
    room: Array,
) -> None:
    """Write what each leg is worth at `BLOCK` bars from `bar` on, `held_bars` after the entry.

    And what the position is worth, at the middle of the market.
    """
    before = -1
    values, forwards = room[VALUE], room[FORWARD]
    for i in range(BLOCK):
        values[i] = 0.0
    for leg in range(legs.shape[0]):
        column = _column(tables, legs[leg, LEG_BARS]) + held_bars
        if column != before:  # legs of one expiry have one future
            fill_forwards(series, tables, bar, column, terms[OF_FUTURE] != 0.0, forwards)
            before = column
        deviations = tables[DEVIATION, column : column + BLOCK]
        if surface.shape[0] > 0:
            deviations = room[SMILE_DEVIATION, 0:BLOCK]
            fill_deviations(tables, surface, forwards, column, held[leg, STRIKE], deviations)
        fill_values(
            series[LEVEL, bar : bar + BLOCK], deviations, tables[DISCOUNT, column : column + BLOCK],
            forwards, held[leg, STRIKE], legs[leg, LEG_CALL] != 0.0, terms[NORMAL] != 0.0,
            room[LEG_ROOM + leg],
        )  # fmt: skip
        scale = legs[leg, LEG_UNITS] * rules[CONTRACTS] * terms[MULTIPLIER]
        own = room[LEG_ROOM + leg]
        for i in range(BLOCK):
            values[i] += scale * own[i]


@inlined
def _column(tables: Array, bars: float) -> int:
    """Return the column of the tables for an option with so many bars to expiry."""
    column: int = tables.shape[1] - BLOCK - 1 - int(bars)
    return column


@inlined
def _uncovered(terms: Array, rules: Array, legs: Array) -> float:
    """Return the units of the underlying behind the uncovered short options.

    Of the side that has more of them; margin is a share of their value, or an amount for each, and
    what buying the position back costs.
    """
    calls, puts = 0.0, 0.0
    for leg in range(legs.shape[0]):
        if legs[leg, LEG_CALL] != 0.0:
            calls -= legs[leg, LEG_UNITS]
        else:
            puts -= legs[leg, LEG_UNITS]
    uncovered: float = max(calls, puts, 0.0) * rules[CONTRACTS] * terms[MULTIPLIER]
    return uncovered


@inlined
def _unsold(terms: Array, legs: Array, room: Array) -> bool:
    """Whether nobody bids for a leg that is to be sold, or it would be sold for nothing."""
    for leg in range(legs.shape[0]):
        middle = room[LEG_ROOM + leg, 0]
        if legs[leg, LEG_UNITS] < 0.0 and half_spread(middle, terms, 1.0) >= middle:
            return True
    return False


@inlined
def _open(
    terms: Array, rules: Array, legs: Array, held: Array, room: Array
) -> tuple[float, float, float]:
    """Fill every leg; return the premium received, less paid, commission and slippage."""
    credit, commission, slippage = 0.0, 0.0, 0.0
    for leg in range(legs.shape[0]):
        units = legs[leg, LEG_UNITS] * rules[CONTRACTS]
        middle = room[LEG_ROOM + leg, 0]
        paid = half_spread(middle, terms, rules[CROSSED])
        held[leg, ENTRY_FILL] = middle + paid if units > 0.0 else middle - paid
        held[leg, ENTRY_PAID] = paid
        credit -= units * held[leg, ENTRY_FILL] * terms[MULTIPLIER]
        commission += abs(units) * terms[COMMISSION]
        slippage += abs(units) * paid * terms[MULTIPLIER]
    return credit, commission, slippage

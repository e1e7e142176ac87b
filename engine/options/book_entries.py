"""Positions of the book are opened: contracts chosen, sized, checked against equity, filled."""

from __future__ import annotations

import math
from typing import Any

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.options.book_contracts import expiry_of, quoted_contract, strike_by_model
from engine.options.book_exits import fill_price
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    ASKED,
    BESIDE,
    CALL,
    CONTRACT,
    CONTRACTS_HELD,
    CREDIT,
    DELTA_NOW,
    DELTA_PNL,
    DELTA_THEN,
    ENTRY,
    EXPIRY,
    FILL,
    GAMMA_NOW,
    GAMMA_THEN,
    HALF,
    HELD,
    LAST_HEDGE,
    MIDDLE,
    MONEY,
    NEAREST,
    NUMBER,
    OPENED,
    PAID,
    PART_CROSSED,
    PART_PAID,
    PROFIT,
    QUOTED_STRIKE,
    REALISED,
    SHARES,
    STATE_WIDTH,
    STRIKE_OF,
    THETA_NOW,
    THETA_THEN,
    UNITS,
    VEGA_NOW,
    VEGA_PNL,
    VEGA_THEN,
)
from engine.options.book_margin import (
    free_underlying,
    margin_with,
    position_margin,
    position_value,
)
from engine.options.book_marks import mark_leg
from engine.options.book_underlying import trade_underlying
from engine.options.layout import (
    BLOCK,
    COMMISSION,
    COMMISSION_PAID,
    CONTRACTS,
    FIRST_LEG,
    LEG_CALL,
    LEG_RULE,
    LEG_UNDERLYING,
    LEG_UNITS,
    LEG_WHEN,
    MOST_LEGS,
    MOST_OPEN,
    MOST_POSITIONS,
    MULTIPLIER,
    NOT_PRICED,
    OK,
    PER_CONTRACT,
    PER_CONTRACT_SQUARED,
    PREMIUM,
    PREMIUM_SIZE,
    PRICE,
    REBALANCED,
    REJECTED,
    ROLL_BARS,
    SIZE,
    SIZING,
    SLIPPAGE_PAID,
    STOP_LOSS,
    TRADES,
    UNQUOTED,
)
from engine.options.scan_rules import forget_scan

__all__ = ["NOT_OPENED", "any_free_row", "free_row", "open_booked", "quote_legs"]

#: Nothing was opened: no contract, no quote, or too little equity.
NOT_OPENED = -1
# Positions that Kelly's rule has to have seen; before them a position has `contracts`.
_KELLY_SEEN = 20.0
# Of `WHEN`.
_FLAT, _HOLDING = 1.0, 2.0
_BY_VALUE, _BY_MARGIN, _BY_RISK, _BY_KELLY = 1.0, 2.0, 3.0, 4.0


@rare
def open_booked(
    b: Any, rules: Any, legs: Any, row: int, bar: int, equity: float, rolled: bool
) -> int:
    """Open a position at the close of a bar; return `OK`, `NOT_OPENED` or `NOT_PRICED`.

    Parameters
    ----------
    b : OptionBook
        The book.
    rules, legs : ndarray of float64
        Of the parameter set.
    row : int
        Of the position, which is free.
    bar : int
        The bar.
    equity : float
        At its close.
    rolled : bool
        Whether it takes the strikes of the position before.
    """
    keep_apart()
    code = quote_legs(b, rules, legs, row, bar, rolled, -1)
    if code != OK:
        return code
    position = b.positions[row]
    free = free_underlying(b, bar, -1)
    contracts = _contracts(b, rules, legs, row, bar, equity)
    covered = _calls_on_holding(b, legs, row)
    if covered > 0.0:
        contracts = min(contracts, free / covered)
    if not (contracts > 0.0):
        b.totals[REJECTED] += 1.0
        return NOT_OPENED
    credit, fees, slipped = 0.0, 0.0, 0.0
    nearest = math.inf
    for leg in range(legs.shape[0]):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] == 0.0:
            continue
        state[UNITS] *= contracts
        buys = state[UNITS] > 0.0
        state[FILL] = fill_price(b, state[MIDDLE], state[HALF], buys, b.account[PART_CROSSED])
        state[PAID] = abs(state[FILL] - state[MIDDLE])
        credit -= state[UNITS] * state[FILL] * b.terms[MULTIPLIER]
        fees += abs(state[UNITS]) * b.terms[COMMISSION]
        slipped += abs(state[UNITS]) * state[PAID] * b.terms[MULTIPLIER]
        nearest = min(nearest, state[EXPIRY])
    position[NEAREST], position[CONTRACTS_HELD] = nearest, contracts
    position[BESIDE] = beside = _bought_beside(legs) * contracts
    change = beside - free if beside != 0.0 else 0.0
    position[ACTIVE], position[NUMBER] = 1.0, b.account[OPENED]
    if equity + credit - fees + position_value(b, row) < _margin_after(b, row, bar, change):
        position[ACTIVE] = 0.0
        b.totals[REJECTED] += 1.0
        return NOT_OPENED
    b.totals[COMMISSION_PAID] += fees
    b.totals[SLIPPAGE_PAID] += slipped
    b.totals[PREMIUM] += credit
    b.totals[PREMIUM_SIZE] += abs(credit)
    b.account[MONEY] += credit - fees
    position[ENTRY] = bar
    position[CREDIT], position[REALISED], position[PROFIT] = credit, 0.0, credit - fees
    position[LAST_HEDGE], position[PART_PAID] = bar, b.account[PART_CROSSED]
    b.account[OPENED] += 1.0
    if change != 0.0:
        price: float = b.series[PRICE, bar]
        trade_underlying(b, SHARES, bar, price, change, False, REBALANCED)
    return OK


@part
def free_row(b: Any, rules: Any) -> int:
    """Return a row for a position, as long as no more are open than may be; else -1."""
    count = 0
    for row in range(MOST_POSITIONS):
        count += 1 if b.positions[row, ACTIVE] != 0.0 else 0
    return any_free_row(b) if count < rules[MOST_OPEN] else -1


@part
def any_free_row(b: Any) -> int:
    """Return a row without a position; -1 where there is none."""
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] == 0.0:
            return row
    return -1


@rare
def quote_legs(
    b: Any, rules: Any, legs: Any, row: int, bar: int, rolled: bool, leaving: int
) -> int:
    """Choose the contracts of all legs and mark them, one contract each.

    `rolled` takes the strikes of the position before, of a chain those nearest to them. The
    position of the row `leaving` is open yet, and would be closed before.
    """
    keep_apart()
    last, count = b.series.shape[1] - BLOCK - 1, 0
    holding = b.holdings[SHARES, AMOUNT] > 0.0
    free = free_underlying(b, bar, leaving) > 0.0
    for leg in range(MOST_LEGS):
        b.states[row * MOST_LEGS + leg, HELD] = 0.0
    for leg in range(legs.shape[0]):
        when = legs[leg, LEG_WHEN]
        if legs[leg, LEG_UNDERLYING] != 0.0 or (when == _FLAT and holding):
            continue
        if when == _HOLDING and not free:
            continue
        at = row * MOST_LEGS + leg
        state = b.states[at]
        for place in range(STATE_WIDTH):
            state[place] = 0.0
        expiry = expiry_of(b, legs[leg], bar, rules[ROLL_BARS])
        if expiry < 0 or expiry > last:
            return NOT_OPENED
        state[EXPIRY], state[CALL] = expiry, legs[leg, LEG_CALL]
        state[UNITS] = legs[leg, LEG_UNITS]
        if b.contracts.shape[0] > 0:
            strike = b.strikes[leg] if rolled else math.nan
            if leg > 0 and legs[leg, LEG_RULE] == FIRST_LEG:
                strike = b.states[row * MOST_LEGS, STRIKE_OF]
            contract = quoted_contract(b, legs[leg], bar, expiry, strike)
            if contract < 0:
                b.totals[UNQUOTED] += 1.0
                return NOT_OPENED
            state[CONTRACT], state[STRIKE_OF] = contract, b.contracts[contract, QUOTED_STRIKE]
        elif rolled:
            state[STRIKE_OF] = b.strikes[leg]
        elif leg > 0 and legs[leg, LEG_RULE] == FIRST_LEG:
            state[STRIKE_OF] = b.states[row * MOST_LEGS, STRIKE_OF]
        else:
            state[STRIKE_OF] = strike_by_model(b, legs[leg], bar, expiry)
        mark_leg(b, at, bar, True)
        # Nobody bids as much as a tick for what is to be sold: it cannot be.
        bid = fill_price(b, state[MIDDLE], state[HALF], False, 1.0)
        if legs[leg, LEG_UNITS] < 0.0 and bid <= 0.0:
            b.totals[UNQUOTED] += 1.0
            return NOT_OPENED
        if math.isnan(state[MIDDLE]):
            return NOT_PRICED
        state[DELTA_THEN], state[GAMMA_THEN] = state[DELTA_NOW], state[GAMMA_NOW]
        state[THETA_THEN], state[VEGA_THEN] = state[THETA_NOW], state[VEGA_NOW]
        for place in range(DELTA_PNL, VEGA_PNL + 1):
            state[place] = 0.0
        state[HELD] = 1.0
        count += 1
    return OK if count > 0 else NOT_OPENED


@part
def _contracts(b: Any, rules: Any, legs: Any, row: int, bar: int, equity: float) -> float:
    """Return the contracts of a position: whole ones, but where the study names their number."""
    if b.account[ASKED] > 0.0:
        return float(b.account[ASKED])
    if rules[SIZING] == 0.0:
        return float(rules[CONTRACTS])
    one = math.nan
    if rules[SIZING] == _BY_VALUE:
        one = abs(b.series[PRICE, bar]) * b.terms[MULTIPLIER]
    elif rules[SIZING] == _BY_MARGIN:
        cover = _bought_beside(legs)
        if cover == 0.0:
            cover = _calls_on_holding(b, legs, row)
        forget_scan(b.scans[row])
        one = position_margin(b, row, bar, cover)
    elif rules[SIZING] == _BY_RISK:
        one = rules[STOP_LOSS] * abs(_premium_of_one(b, row))
    elif b.totals[TRADES] < _KELLY_SEEN:
        return float(rules[CONTRACTS])
    else:
        mean = b.totals[PER_CONTRACT] / b.totals[TRADES]
        square = b.totals[PER_CONTRACT_SQUARED] / b.totals[TRADES]
        variance = square - mean * mean
        # Kelly's share of a game with small bets: mean over variance of what a contract brings.
        return float(math.floor(max(rules[SIZE] * equity * mean / variance, 0.0)))
    return math.floor(rules[SIZE] * equity / one) if one > 0.0 else 0.0


@part
def _premium_of_one(b: Any, row: int) -> float:
    """Return what one contract of a position would pay or bring in, at its fills."""
    paid = 0.0
    for leg in range(MOST_LEGS):
        state = b.states[row * MOST_LEGS + leg]
        if state[HELD] != 0.0:
            buys, crossed = state[UNITS] > 0.0, b.account[PART_CROSSED]
            paid += state[UNITS] * fill_price(b, state[MIDDLE], state[HALF], buys, crossed)
    return float(paid * b.terms[MULTIPLIER])


@part
def _margin_after(b: Any, row: int, bar: int, change: float) -> float:
    """Return what everything ties up once a position is open and its underlying has been bought."""
    forget_scan(b.scans[row])
    return margin_with(b, bar, change)


@part
def _bought_beside(legs: Any) -> float:
    """Return the underlying that a contract of a position holds beside its options."""
    wanted = 0.0
    for leg in range(legs.shape[0]):
        if legs[leg, LEG_UNDERLYING] != 0.0:
            wanted += legs[leg, LEG_UNITS]
    return wanted


@part
def _calls_on_holding(b: Any, legs: Any, row: int) -> float:
    """Return the calls that a contract sells only on what is held of the underlying."""
    count = 0.0
    for leg in range(legs.shape[0]):
        opened = b.states[row * MOST_LEGS + leg, HELD] != 0.0
        if opened and legs[leg, LEG_WHEN] == _HOLDING and legs[leg, LEG_CALL] != 0.0:
            count += max(-legs[leg, LEG_UNITS], 0.0)
    return count

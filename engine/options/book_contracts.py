"""Which contract a leg of the book is: its expiry and strike, by model, listing or chain."""

from __future__ import annotations

import math
from typing import Any

from engine.compiled.elementary import exp, normal_cdf
from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    ASK,
    BID,
    FRESH,
    IMPLIED,
    QUOTED_CALL,
    QUOTED_DELTA,
    QUOTED_EXPIRY,
    QUOTED_STRIKE,
    YEARS_OF_BAR,
)
from engine.options.book_marks import model_price
from engine.options.deviations import deviation_at
from engine.options.layout import (
    ABSOLUTE,
    BLOCK,
    DELTA,
    DEVIATIONS,
    LEG_BARS,
    LEG_CALL,
    LEG_HIGH,
    LEG_LISTED,
    LEG_LOW,
    LEG_NTH,
    LEG_OFFSET,
    LEG_RULE,
    NORMAL,
    OF_FUTURE,
    PREMIUM_RULE,
    PRICE,
    STRIKE_STEP,
)
from engine.options.pricing import forward_at, on_grid, strike_of
from engine.options.strike_grid import listed_strike

__all__ = ["expiry_of", "quoted_contract", "strike_by_model"]

# Of a strike by delta or premium, each bringing it several times nearer.
_STEPS = 32
_HALVINGS = 60


@rare
def expiry_of(b: Any, leg: Any, bar: int, closed: float) -> int:
    """Return the bar at which a leg entered at a bar would expire; -1 where none is listed.

    Listed and quoted expiries within the bars left at which a position is `closed` do not count:
    what is rolled goes further out.
    """
    keep_apart()
    wanted = int(leg[LEG_BARS])
    if b.contracts.shape[0] > 0:
        return _quoted_expiry(b, leg, bar, closed)
    if b.listed.shape[1] == 0:
        return bar + wanted
    row, nth, found, least, passed = int(leg[LEG_LISTED]), int(leg[LEG_NTH]), -1, math.inf, 0
    for place in range(b.listed.shape[1]):
        expiry = b.listed[row, place]
        left = float(expiry - bar)
        if expiry < 0 or left < 1.0 or left <= closed:
            continue
        passed += 1
        if nth > 0:
            if passed == nth:
                return int(expiry)
        elif leg[LEG_LOW] <= left <= leg[LEG_HIGH] and abs(left - wanted) < least:
            found, least = int(expiry), abs(left - wanted)
    return found


@part
def _quoted_expiry(b: Any, leg: Any, bar: int, closed: float) -> int:
    """Return the expiry among the quotes of a bar that a leg asks for, the sooner of two."""
    wanted, nth, found, least = leg[LEG_BARS], int(leg[LEG_NTH]), -1, math.inf
    passed, last = 0, -1.0
    for row in range(b.contracts.shape[0]):  # by expiry
        if b.quotes[FRESH, row, bar] == 0.0:
            continue
        expiry = b.contracts[row, QUOTED_EXPIRY]
        left = expiry - bar
        if left < 1.0 or left <= closed:
            continue
        if expiry != last:
            passed, last = passed + 1, expiry
        if nth > 0:
            if passed == nth:
                return int(expiry)
        elif leg[LEG_LOW] <= left <= leg[LEG_HIGH] and abs(left - wanted) < least:
            found, least = int(expiry), abs(left - wanted)
    return found


@rare
def strike_by_model(b: Any, leg: Any, bar: int, expiry: int) -> float:
    """Return the strike of a leg by its rule, on the grid of the study."""
    keep_apart()
    column = int(b.tables.shape[1] - BLOCK - 1 - (expiry - bar))
    forward = forward_at(b.series, b.tables, bar, column, b.terms[OF_FUTURE] != 0.0)
    call, normal = leg[LEG_CALL] != 0.0, b.terms[NORMAL] != 0.0
    rule, offset = leg[LEG_RULE], leg[LEG_OFFSET]
    deviation = deviation_at(b.series, b.tables, b.surface, bar, column, forward, forward)
    if rule == PREMIUM_RULE:
        strike = _strike_of_premium(b, bar, expiry, forward, deviation, call, normal, offset)
    else:
        strike = strike_of(rule, offset, forward, deviation, call, normal)
    if rule == DELTA and b.surface.shape[0] > 0:
        for _ in range(_STEPS):
            deviation = deviation_at(b.series, b.tables, b.surface, bar, column, forward, strike)
            strike = strike_of(rule, offset, forward, deviation, call, normal)
    if b.grid.shape[0] > 0:
        return float(listed_strike(strike, forward, b.grid))
    return on_grid(strike, b.terms[STRIKE_STEP])


@part
def _strike_of_premium(
    b: Any,
    bar: int,
    expiry: int,
    forward: float,
    deviation: float,
    call: bool,
    normal: bool,
    premium: float,
) -> float:
    """Return the strike whose option costs a premium, by halving what may hold it."""
    reach = 12.0 * deviation
    low = forward - reach if normal else forward * exp(-reach)
    high = forward + reach if normal else forward * exp(reach)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        price, _sigma = model_price(b, bar, expiry, middle, call)
        if (price > premium) == call:  # a call costs less the higher its strike
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@rare
def quoted_contract(b: Any, leg: Any, bar: int, expiry: int, strike: float) -> int:
    """Return the quoted contract nearest to what a leg asks for; -1 where none is quoted.

    A `strike` that is a number stands for the rule of the leg.
    """
    keep_apart()
    call, rule, offset = leg[LEG_CALL], leg[LEG_RULE], leg[LEG_OFFSET]
    if strike == strike:
        rule, offset = float(ABSOLUTE), strike
    price: float = b.series[PRICE, bar]
    deviation = 0.0
    if rule == DEVIATIONS:
        deviation = _deviation_at_the_money(b, bar, expiry, price)
    target = offset
    if rule == DELTA:
        target = normal_cdf(offset)  # legs hold its quantile
    elif rule != PREMIUM_RULE and rule != ABSOLUTE:
        target = strike_of(rule, offset, price, deviation, call != 0.0, b.terms[NORMAL] != 0.0)
    found, least = -1, math.inf
    for row in range(b.contracts.shape[0]):
        contract = b.contracts[row]
        if contract[QUOTED_EXPIRY] != expiry or contract[QUOTED_CALL] != call:
            continue
        if b.quotes[FRESH, row, bar] == 0.0:
            continue
        seen = contract[QUOTED_STRIKE]
        if rule == DELTA:
            seen = abs(b.quotes[QUOTED_DELTA, row, bar])
        elif rule == PREMIUM_RULE:
            seen = 0.5 * (b.quotes[BID, row, bar] + b.quotes[ASK, row, bar])
        if abs(seen - target) < least:
            found, least = row, abs(seen - target)
    return found


@part
def _deviation_at_the_money(b: Any, bar: int, expiry: int, price: float) -> float:
    sigma, least = 0.0, math.inf
    for row in range(b.contracts.shape[0]):
        if b.contracts[row, QUOTED_EXPIRY] != expiry or b.quotes[FRESH, row, bar] == 0.0:
            continue
        implied = b.quotes[IMPLIED, row, bar]
        away = abs(b.contracts[row, QUOTED_STRIKE] - price)
        if implied == implied and away < least:
            sigma, least = implied, away
    return sigma * math.sqrt((expiry - bar) * b.own[YEARS_OF_BAR])

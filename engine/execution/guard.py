"""Prices between which a holding needs no look at its margin: most bars stay between them.

Equity and maintenance of an account that holds one symbol are linear in its price, so that
maintenance is crossed at one price. Bars that do not come near it change nothing, if nothing is
charged or paid by the bar: they are marked later in one go, as those of a position paid in full.
"""

from __future__ import annotations

import math
from typing import Final

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.financing import settled_cash
from engine.execution.layout import (
    BORROW_RATE,
    BORROW_RATE_FIELD,
    CASH,
    CASH_RATE,
    CASH_RATE_FIELD,
    DIPS,
    DIVIDEND_FIELD,
    EVERY_BAR,
    FUNDING_FIELD,
    FUNDING_RATE,
    FUNDING_RATE_FIELD,
    GUARDED_SYMBOL,
    HIGH_GUARD,
    ISOLATED,
    LOW_GUARD,
    MAINTENANCE_FIXED,
    MAINTENANCE_RATE,
    MULTIPLIER,
    RATE_KIND,
    SUB_BARS,
    TRAILS,
    UNITS,
    WATCH,
)
from engine.execution.state import Simulation

__all__ = ["GUARDED", "is_calm", "set_guard"]

#: Of WATCH: bars are worked only where they leave the prices between which nothing is called for.
GUARDED: Final = 3
# Of a price: the exact account is asked as soon as a bar comes so near.
_NEAR: Final = 1e-9


@part
def is_calm(s: Simulation, bar: int) -> bool:
    """Whether all that is watched are two prices, and `bar` stays between them."""
    if s.counts[WATCH] != GUARDED:
        return False
    symbol = s.counts[GUARDED_SYMBOL]
    low, high = s.path[symbol, 2, bar], s.path[symbol, 1, bar]
    return low > s.account[LOW_GUARD] and high < s.account[HIGH_GUARD]


@rare
def set_guard(s: Simulation) -> bool:
    """Note the prices between which no margin is called for; false if there is more to look at."""
    keep_apart()
    held = -1
    for symbol in range(s.positions.shape[0]):
        if s.positions[symbol, UNITS] != 0.0:
            if held >= 0:
                return False
            held = symbol
    if held < 0 or s.mark_rows.shape[0] != 0 or not _is_free_of_charge(s, held):
        return False
    rules, units = s.rules[held], s.positions[held, UNITS]
    more = rules[RATE_KIND] != 0.0 or rules[ISOLATED] != 0.0 or rules[SUB_BARS] > 1.0
    if more or s.counts[DIPS] != 0 or s.counts[TRAILS] != 0 or s.rules[0, EVERY_BAR] != 0.0:
        return False
    # Equity less maintenance at a price p > 0 is `fixed + slope p`.
    size = abs(units)
    fixed = s.account[CASH] - size * rules[MAINTENANCE_FIXED]
    slope = (units - size * rules[MAINTENANCE_RATE]) * rules[MULTIPLIER]
    low, high = 0.0, math.inf
    if slope > 0.0:
        low = max(-fixed / slope * (1.0 + _NEAR), 0.0)
    elif slope < 0.0:
        high = -fixed / slope * (1.0 - _NEAR)
    else:
        return False
    s.account[LOW_GUARD], s.account[HIGH_GUARD] = low, high
    s.counts[GUARDED_SYMBOL] = held
    return True


@part
def _is_free_of_charge(s: Simulation, symbol: int) -> bool:
    """Whether a bar charges and pays nothing for what is held."""
    rules, account = s.rules[symbol], s.rules[0]
    paid = rules[FUNDING_RATE] != 0.0 or rules[FUNDING_RATE_FIELD] != 0.0
    paid = paid or rules[FUNDING_FIELD] != 0.0 or rules[DIVIDEND_FIELD] != 0.0
    if s.positions[symbol, UNITS] < 0.0:
        paid = paid or rules[BORROW_RATE] != 0.0 or rules[BORROW_RATE_FIELD] != 0.0
    if account[CASH_RATE] != 0.0 or account[CASH_RATE_FIELD] != 0.0:
        paid = paid or settled_cash(s) < 0.0
    return not paid

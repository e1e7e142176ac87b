"""Money of other currencies: what a point of a symbol's price is worth to the account.

An instrument that is paid for (a share) is paid out of the account at the rate of the fill, and
is worth its price at the rate of the moment. Of one whose price is not paid (a future, a currency
pair on margin) only the profit is money: it is of the instrument's currency, converted at the rate
of the moment while the position is open, and at that of the fill when it is closed.
"""

from __future__ import annotations

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    CONSTANT_RATE,
    COST,
    INVERSE_RATE,
    MULTIPLIER,
    RATE,
    RATE_KIND,
    UNITS,
    UNPAID,
)
from engine.execution.state import Simulation

__all__ = ["exchange_rate", "is_unpaid", "point_value", "value_of"]


@part
def exchange_rate(s: Simulation, symbol: int, field: int, bar: int) -> float:
    """Account currency per unit of the symbol's, at the open or close of `bar`."""
    if s.rules[symbol, RATE_KIND] == 0.0:
        return 1.0
    return _converted(s, symbol, field, bar)


@rare
def _converted(s: Simulation, symbol: int, field: int, bar: int) -> float:
    keep_apart()
    kind, rate = s.rules[symbol, RATE_KIND], s.rules[symbol, RATE]
    if kind == CONSTANT_RATE:
        return rate
    price = s.path[int(rate), field, bar]
    return 1.0 / price if kind == INVERSE_RATE else price


@part
def point_value(s: Simulation, symbol: int, field: int, bar: int) -> float:
    """Account currency per point of price and unit."""
    return s.rules[symbol, MULTIPLIER] * exchange_rate(s, symbol, field, bar)


@part
def is_unpaid(s: Simulation, symbol: int) -> bool:
    """Whether the position is carried as a profit in another currency: its price was not paid."""
    return s.rules[symbol, UNPAID] != 0.0


@part
def value_of(s: Simulation, symbol: int, price: float, field: int, bar: int) -> float:
    """Return what a position adds to cash to make equity, at `price` and a rate of `bar`."""
    units = s.positions[symbol, UNITS]
    if s.rules[symbol, RATE_KIND] == 0.0:
        return units * s.rules[symbol, MULTIPLIER] * price
    worth = units * price - (s.positions[symbol, COST] if is_unpaid(s, symbol) else 0.0)
    return worth * point_value(s, symbol, field, bar)

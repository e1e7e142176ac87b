"""Settlement: what is held of a symbol leaves the account at a price that is given."""

from __future__ import annotations

from engine.execution.calling import part
from engine.execution.currencies import exchange_rate
from engine.execution.equity import mark_until
from engine.execution.layout import (
    ACTIVE,
    CLOSE,
    EXPIRED,
    ORDER_SYMBOL,
    PENDING,
    UNITS,
    WATCH,
)
from engine.execution.ledger import book_fill
from engine.execution.orders import cancel_order
from engine.execution.sequence import watch
from engine.execution.state import Simulation

__all__ = ["settle"]


@part
def settle(s: Simulation, symbol: int, bar: int, price: float) -> None:
    """Close what is held of a symbol at the close of `bar`, at a price that is no price of a bar.

    For what ends by its terms: the expiry of an option or a future, a delisting. Nothing is sent
    to the market, so there is no commission and no slippage; the lots become trades, and their
    value counts as traded. Orders of the symbol expire. A price that is not finite makes the
    account so, and the simulation fails as on a path with such a price.
    """
    mark_until(s, bar)
    slot = 0
    while slot < s.counts[PENDING]:
        if s.orders[slot, ORDER_SYMBOL] == symbol:
            slot = cancel_order(s, slot, bar, EXPIRED)
        else:
            slot += 1
    units = s.positions[symbol, UNITS]
    if units != 0.0:
        exchange = exchange_rate(s, symbol, CLOSE, bar)
        after = bar + 1
        book_fill(s, symbol, -units, price, price, exchange, 0.0, bar, after, after, 0.0, 0.0, 0.0)
    watch(s)
    s.counts[ACTIVE] = s.counts[PENDING] + s.counts[WATCH]

"""One bar through the order engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled.kernel import inlined
from engine.execution.costs import commission_of, slipped_price
from engine.execution.layout import (
    ACTIVE,
    BUYING_POWER,
    CASH,
    INITIAL_CASH,
    INITIAL_FIXED,
    INITIAL_RATE,
    MULTIPLIER,
    ORDER_ID,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_SYMBOL,
    PENDING,
    REJECTED,
    SIZE_BELOW_LOT,
    START_CASH,
    UNITS,
)
from engine.execution.ledger import book_fill, equity_at, mark_until
from engine.execution.metrics import summarise
from engine.execution.orders import remove_order
from engine.execution.sizing import units_of
from engine.execution.state import Simulation

__all__ = ["finish", "start", "trade_close", "trade_open"]


@inlined
def start(s: Simulation) -> None:
    """Reset the state for a new simulation."""
    s.account[:] = 0.0
    s.counts[:] = 0
    s.positions[:] = 0.0
    s.account[CASH] = s.rules[0, INITIAL_CASH]
    s.account[START_CASH] = s.rules[0, INITIAL_CASH]


@inlined
def trade_open(s: Simulation, bar: int) -> None:
    """Mark the curve up to `bar` and fill what fills at its open."""
    mark_until(s, bar)
    _fill_market_orders(s, 0, bar, bar)


@inlined
def trade_close(s: Simulation, bar: int) -> None:
    """Fill market orders at the close of `bar`, where the settings ask for it."""
    mark_until(s, bar)
    _fill_market_orders(s, 3, bar, bar + 1)


@inlined
def finish(s: Simulation, out: NDArray[np.float64]) -> None:
    """Mark the rest of the curve and write the metrics."""
    mark_until(s, s.curve.shape[0])
    summarise(s, out)


@inlined
def _fill_market_orders(s: Simulation, field: int, bar: int, full_bar: int) -> None:
    while s.counts[PENDING] > 0:
        order = s.orders[0]
        symbol = int(order[ORDER_SYMBOL])
        reference = s.path[symbol, field, bar]
        volume = s.path[symbol, 4, bar]
        equity = equity_at(s, field, bar)
        units = units_of(
            s, symbol, int(order[ORDER_MODE]), order[ORDER_QUANTITY], equity, reference, volume
        )
        _execute(s, symbol, units, reference, volume, bar, full_bar, order[ORDER_ID], equity)
        remove_order(s, 0)
    s.counts[ACTIVE] = 0


@inlined
def _execute(
    s: Simulation,
    symbol: int,
    units: float,
    reference: float,
    volume: float,
    bar: int,
    full_bar: int,
    number: float,
    equity: float,
) -> None:
    if units == 0.0:
        s.counts[REJECTED + SIZE_BELOW_LOT] += 1
        return
    price = slipped_price(s, symbol, units, reference, volume)
    commission = commission_of(s, symbol, units, price, False)
    held = s.positions[symbol, UNITS]
    if abs(held + units) > abs(held):
        terms = s.rules[symbol]
        used = terms[INITIAL_RATE] * abs(price) * terms[MULTIPLIER] + terms[INITIAL_FIXED]
        loss = units * (price - reference) * terms[MULTIPLIER] + commission
        free = equity - loss
        if abs(held + units) * used > free * (1.0 + 1e-12):
            s.counts[REJECTED + BUYING_POWER] += 1
            return
    book_fill(s, symbol, units, price, reference, commission, bar, full_bar, number)

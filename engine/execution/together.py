"""Orders that fill together or not at all: the legs of a spread, a position and its hedge.

Such a group fills in the first bar, or sub-bar, whose prices fill every one of its orders, each by
its own terms: at the open, where all of them fill there, after the other orders of the open; else
behind the limits of the bar, each at its own price. Orders for the close fill together at the
close, as do those of slots with quotes. Till then all wait. What a single order is rejected for
rejects all, but margin must cover what the group comes to, not its orders one by one. Sizes are not
cut to the margin, and where fills are limited by volume the group waits for a bar with enough.
"""

from __future__ import annotations

import math
from typing import Final

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import exchange_rate, is_unpaid
from engine.execution.fills import OPENS, equity_with, objection, wants_units
from engine.execution.layout import (
    AGREED,
    AT_CLOSE,
    AT_OPEN,
    BUYING_POWER,
    BY_UNITS,
    CASH,
    CLOSE,
    COST,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    LIMIT,
    MULTIPLIER,
    OPEN,
    ORDER_GROUP,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_SYMBOL,
    PENDING,
    REFUSED,
    REJECTED,
    SET_ASIDE,
    TO_UNITS,
    UNITS,
    VOLUME_LIMIT,
)
from engine.execution.lots import position_after
from engine.execution.margin import margin_covers
from engine.execution.marks import is_symbol, volume_of
from engine.execution.matching import (
    closing_price,
    limit_price,
    opening_price,
    price_at_close,
    stop_price,
)
from engine.execution.orders import log_event, remove_order
from engine.execution.sessions import does_not_trade
from engine.execution.sizing import units_of
from engine.execution.state import Simulation
from engine.execution.tape import is_recorded, recorded_fill
from engine.execution.volume import note_volume, volume_left

__all__ = ["agree"]

# What a group does, where it is not a reason to reject it.
_FILLS: Final = -1
_WAITS: Final = -3


@rare
def agree(s: Simulation, bar: int, moment: int, placed_now: bool) -> bool:
    """Make ready the first group that fills at a moment of `bar`; whether there is one.

    Its orders are AGREED, with price and moment of their fills as their limit and stop, and no
    longer tied. Groups that something objects to are rejected.

    Parameters
    ----------
    moment : int
        AT_OPEN, INSIDE_BY_LIMIT: at the end of what happens inside the bar, or AT_CLOSE.
    placed_now : bool
        Of AT_CLOSE: for orders that were placed at this very close, or those that waited for it.
    """
    keep_apart()
    slot = 0
    while slot < s.counts[PENDING] and moment != INSIDE_BY_STOP:
        group = s.orders[slot, ORDER_GROUP]
        if group >= 0.0 or not _leads(s, slot):
            slot += 1
            continue
        answer = _try(s, group, bar, moment, placed_now, False)
        if answer == _FILLS:
            _try(s, group, bar, moment, placed_now, True)
            return True
        if answer >= 0:
            _reject(s, group, bar, answer)
        else:
            slot += 1
    return False


@part
def _leads(s: Simulation, slot: int) -> bool:
    """Whether the order is the first of its group in the book."""
    for earlier in range(slot):
        if s.orders[earlier, ORDER_GROUP] == s.orders[slot, ORDER_GROUP]:
            return False
    return True


@rare
def _try(s: Simulation, group: float, bar: int, moment: int, placed_now: bool, sign: bool) -> int:
    """Fill a group for trial, one order after the other, and take all of it back.

    Parameters
    ----------
    sign : bool
        Whether the orders become AGREED.

    Returns
    -------
    int
        _FILLS, _WAITS, or the reason to reject it.
    """
    keep_apart()
    cash = s.account[CASH]
    for symbol in range(s.positions.shape[0]):
        for column in range(SET_ASIDE):
            s.positions[symbol, SET_ASIDE + column] = s.positions[symbol, column]
    answer, opens, last, price, field = _FILLS, False, 0, 0.0, OPEN
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_GROUP] == group and answer == _FILLS:
            last = slot
            price, when = _due(s, slot, bar, moment, placed_now)
            field = CLOSE if when == AT_CLOSE else OPEN
            answer = _WAITS
            if price == price:
                answer = _try_one(s, slot, bar, price, when, sign)
            if answer == OPENS:
                answer, opens = _FILLS, True
    if answer == _FILLS and opens and not sign:
        symbol = int(s.orders[last, ORDER_SYMBOL])
        equity = equity_with(s, symbol, price, field, bar)
        exchange = exchange_rate(s, symbol, field, bar)
        if not margin_covers(s, symbol, 0.0, price, price, exchange, 0.0, equity, field, bar):
            answer = BUYING_POWER
    s.account[CASH] = cash
    for symbol in range(s.positions.shape[0]):
        for column in range(SET_ASIDE):
            s.positions[symbol, column] = s.positions[symbol, SET_ASIDE + column]
    return answer


@part
def _try_one(s: Simulation, slot: int, bar: int, price: float, when: int, sign: bool) -> int:
    """Enter the fill of one order; _FILLS, OPENS, _WAITS or the reason against it."""
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    field = CLOSE if when == AT_CLOSE else OPEN
    equity = equity_with(s, symbol, price, field, bar)
    exchange = exchange_rate(s, symbol, field, bar)
    volume = volume_of(s, symbol, bar)
    units = units_of(s, slot, equity, price, exchange, volume, bar - (when != AT_CLOSE))
    nothing = units == 0.0 and order[ORDER_QUANTITY] * 0.0 == 0.0 and not wants_units(s, slot)
    answer = _FILLS
    if is_recorded(s, bar) and recorded_fill(s, slot, bar, units) < 0 and not nothing:
        return _WAITS
    if not nothing:
        limited = s.rules[symbol, VOLUME_LIMIT] != 0.0
        if limited and abs(units) > volume_left(s, symbol, bar):
            return _WAITS
        paid = price
        if order[ORDER_KIND] != LIMIT:
            paid = slipped_price(s, symbol, units, price, volume)
        maker = order[ORDER_KIND] == LIMIT and when == INSIDE_BY_LIMIT
        answer = objection(s, slot, units, paid, equity, field, bar)
        if answer >= 0:
            return answer
        after = position_after(s, symbol, units)
        s.account[CASH] -= commission_of(s, symbol, units, paid, exchange, maker)
        if is_unpaid(s, symbol):
            s.positions[symbol, COST] += units * paid
        else:
            s.account[CASH] -= units * paid * (s.rules[symbol, MULTIPLIER] * exchange)
        if limited:
            note_volume(s, symbol, units, bar)
        s.positions[symbol, UNITS] = after
    if sign:
        if not nothing and order[ORDER_MODE] not in (BY_UNITS, TO_UNITS):
            order[ORDER_MODE], order[ORDER_QUANTITY] = BY_UNITS, units
        order[ORDER_LIMIT], order[ORDER_STOP] = price, when
        order[ORDER_GROUP], order[ORDER_STATE] = 0.0, AGREED
    return answer


@part
def _due(s: Simulation, slot: int, bar: int, moment: int, placed_now: bool) -> tuple[float, int]:
    """Price and moment at which the order fills by itself; NaN if it does not."""
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    if does_not_trade(s, symbol, bar) or (moment != AT_CLOSE and not is_symbol(s, symbol)):
        return math.nan, moment
    if moment == AT_CLOSE:
        if placed_now:
            return price_at_close(s, slot, bar), AT_CLOSE
        return closing_price(s, slot, bar), AT_CLOSE
    price, when = opening_price(s, slot, bar), AT_OPEN
    if price != price and moment != AT_OPEN:
        price, when = stop_price(s, slot, bar), INSIDE_BY_STOP
        if price != price:
            price, when = limit_price(s, slot, bar), INSIDE_BY_LIMIT
    return price, when


@rare
def _reject(s: Simulation, group: float, bar: int, reason: int) -> None:
    keep_apart()
    slot = 0
    while slot < s.counts[PENDING]:
        if s.orders[slot, ORDER_GROUP] == group:
            s.counts[REJECTED + reason] += 1
            units = s.orders[slot, ORDER_QUANTITY]
            log_event(s, slot, bar, REFUSED + reason, units, math.nan, 0.0)
            remove_order(s, slot)
        else:
            slot += 1

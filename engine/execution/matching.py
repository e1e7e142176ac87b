"""Whether and at what price a bar fills an order.

The path inside a bar is unknown, so a bar is worked in a fixed sequence that never flatters the
account: what fills at the open, then stops, then limits. A bar that touches both sides of a
bracket therefore takes the stop. Where a bar has sub-bars, each of them in turn is worked so.
"""

from __future__ import annotations

import math

from engine.execution.calling import part
from engine.execution.currencies import point_value
from engine.execution.equity import equity_at
from engine.execution.layout import (
    BACKTESTING_PY,
    BORN_OF_LIMIT,
    BORN_OF_STOP,
    BRACKET_RULE,
    CLOSE,
    CLOSE_LOT,
    FIRST_SUB_BAR,
    IMMEDIATE,
    LIMIT,
    MARKET,
    MARKET_ON_CLOSE,
    OPEN,
    ORDER_EXPIRY,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_PARENT,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_SYMBOL,
    PENDING,
    PESSIMISTIC,
    STOP,
    STOP_LIMIT,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
    VIEW,
)
from engine.execution.state import Simulation

__all__ = [
    "any_touched",
    "born_stop_price",
    "closing_price",
    "is_buy",
    "is_touched_stop",
    "limit_price",
    "opening_price",
    "stop_price",
]


@part
def any_touched(s: Simulation, bar: int) -> bool:
    """Whether the range of `bar` reaches the price of any order, or one expires: most do not."""
    view = s.counts[VIEW]
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        symbol = int(order[ORDER_SYMBOL])
        kind = order[ORDER_KIND]
        low, high = s.path[symbol, view + 2, bar], s.path[symbol, view + 1, bar]
        if kind == MARKET:
            return True
        # The first price that matters: the stop of a stop-limit, the limit of a limit.
        price = order[ORDER_LIMIT] if kind == LIMIT else order[ORDER_STOP]
        falls = (kind == LIMIT) == (order[ORDER_QUANTITY] > 0.0)
        if order[ORDER_MODE] in (TO_UNITS, TO_PERCENT) or order[ORDER_EXPIRY] <= bar:
            return True
        if (low <= price) if falls else (high >= price):
            return True
    return False


@part
def opening_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which the order fills at the open of `bar`, else NaN.

    Market orders fill there; so do limits and stops that the open has already passed. A
    stop-limit that the open triggers becomes a limit. An order that must fill at once has missed
    its moment when a later sub-bar opens.
    """
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    view = s.counts[VIEW]
    at = s.path[symbol, view, bar]
    kind = order[ORDER_KIND]
    if kind == MARKET:
        return at
    if order[ORDER_STATE] == IMMEDIATE and view > s.rules[symbol, FIRST_SUB_BAR]:
        return math.nan
    buys = is_buy(s, slot, bar)
    peer_rule = s.rules[symbol, BRACKET_RULE] == BACKTESTING_PY
    state = order[ORDER_STATE]
    if peer_rule and (state == BORN_OF_LIMIT or (state == BORN_OF_STOP and kind == STOP)):
        return math.nan
    if kind in (STOP, STOP_LIMIT):
        stop = order[ORDER_STOP]
        if (at < stop) if buys else (at > stop):
            return math.nan
        if kind == STOP:
            return at
        order[ORDER_KIND] = LIMIT
    limit = order[ORDER_LIMIT]
    if peer_rule and order[ORDER_MODE] == CLOSE_LOT and _sibling_stop_touched(s, slot, bar):
        return math.nan
    return at if ((at <= limit) if buys else (at >= limit)) else math.nan


@part
def stop_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which the range of `bar` fills a stop or stop-limit order, else NaN.

    A stop-limit whose limit lies before its stop rests as a limit from the next bar on: the bar
    may have been at the limit before it was at the stop.
    """
    order = s.orders[slot]
    kind = order[ORDER_KIND]
    if kind != STOP and kind != STOP_LIMIT:
        return math.nan
    state = order[ORDER_STATE]
    if state in (BORN_OF_LIMIT, IMMEDIATE):
        return math.nan
    symbol = int(order[ORDER_SYMBOL])
    if state == BORN_OF_STOP and s.rules[symbol, BRACKET_RULE] != PESSIMISTIC:
        return math.nan
    return _touched_stop(s, slot, bar)


@part
def limit_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which the range of `bar` fills a limit order, else NaN.

    A take-profit born of a stop entry inside this bar fills if the stop-loss was not touched:
    the price then passed the entry on its way to the target. One born of a limit entry waits.
    """
    order = s.orders[slot]
    state = order[ORDER_STATE]
    if order[ORDER_KIND] != LIMIT or state in (BORN_OF_LIMIT, IMMEDIATE):
        return math.nan
    if state == BORN_OF_STOP and _sibling_stop_touched(s, slot, bar):
        return math.nan
    symbol = int(order[ORDER_SYMBOL])
    limit = order[ORDER_LIMIT]
    view = s.counts[VIEW]
    low, high = s.path[symbol, view + 2, bar], s.path[symbol, view + 1, bar]
    if order[ORDER_MODE] in (TO_UNITS, TO_PERCENT):
        # A fill may have turned the side of a target: what lies outside waits for the next open.
        return limit if low <= limit <= high else math.nan
    if is_buy(s, slot, bar):
        return limit if low <= limit else math.nan
    return limit if high >= limit else math.nan


@part
def closing_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which an order for the close of `bar` fills, else NaN."""
    order = s.orders[slot]
    if order[ORDER_KIND] != MARKET_ON_CLOSE or order[ORDER_EXPIRY] > bar:
        return math.nan
    return s.path[int(order[ORDER_SYMBOL]), CLOSE, bar]


@part
def born_stop_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which `bar` fills a stop-loss born of a limit entry inside it, else NaN."""
    order = s.orders[slot]
    if order[ORDER_KIND] != STOP or order[ORDER_STATE] != BORN_OF_LIMIT:
        return math.nan
    if s.rules[int(order[ORDER_SYMBOL]), BRACKET_RULE] != PESSIMISTIC:
        return math.nan
    return _touched_stop(s, slot, bar)


@part
def _touched_stop(s: Simulation, slot: int, bar: int) -> float:
    order = s.orders[slot]
    if not _reaches_stop(s, slot, bar):
        return math.nan
    stop, buys = order[ORDER_STOP], is_buy(s, slot, bar)
    if order[ORDER_KIND] == STOP:
        return stop
    order[ORDER_KIND] = LIMIT
    limit = order[ORDER_LIMIT]
    if (stop <= limit) if buys else (stop >= limit):
        return stop
    # Reached the stop, not known to have come back to the limit: a limit from the next bar on.
    order[ORDER_STATE] = BORN_OF_LIMIT
    return math.nan


@part
def is_touched_stop(s: Simulation, slot: int, bar: int, born: bool) -> bool:
    """Whether the range of `bar` reaches the stop of an order that it may fill as a stop.

    Parameters
    ----------
    born : bool
        Ask for stop-losses of lots that a limit opened inside this bar, else for all others.
    """
    order = s.orders[slot]
    kind, state = order[ORDER_KIND], order[ORDER_STATE]
    if kind != STOP and (born or kind != STOP_LIMIT):
        return False
    if state == IMMEDIATE or (state == BORN_OF_LIMIT) != born:
        return False
    return _reaches_stop(s, slot, bar)


@part
def _reaches_stop(s: Simulation, slot: int, bar: int) -> bool:
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    view = s.counts[VIEW]
    low, high = s.path[symbol, view + 2, bar], s.path[symbol, view + 1, bar]
    if order[ORDER_MODE] in (TO_UNITS, TO_PERCENT):
        return low <= order[ORDER_STOP] <= high
    if is_buy(s, slot, bar):
        return high >= order[ORDER_STOP]
    return low <= order[ORDER_STOP]


@part
def _sibling_stop_touched(s: Simulation, slot: int, bar: int) -> bool:
    parent = s.orders[slot, ORDER_PARENT]
    for other in range(s.counts[PENDING]):
        order = s.orders[other]
        if order[ORDER_PARENT] == parent and order[ORDER_KIND] == STOP:
            return _touched_stop(s, other, bar) == order[ORDER_STOP]
    return False


@part
def is_buy(s: Simulation, slot: int, bar: int) -> bool:
    """Whether a limit or stop order buys; a target is compared with what is held."""
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    quantity = order[ORDER_QUANTITY]
    mode = order[ORDER_MODE]
    if mode == TO_UNITS:
        return quantity > s.positions[symbol, UNITS]
    if mode == TO_PERCENT:
        point = point_value(s, symbol, OPEN, bar)
        held = s.positions[symbol, UNITS] * point * s.path[symbol, OPEN, bar]
        return quantity * equity_at(s, OPEN, bar) > held
    return quantity > 0.0

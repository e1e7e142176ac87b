"""Whether and at what price a bar fills an order.

The path inside a bar is unknown, so a bar is worked in a fixed sequence that never flatters the
account: what fills at the open, then stops, then limits. A bar that touches both sides of a
bracket therefore takes the stop. Where a bar has sub-bars, each of them in turn is worked so.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.chance import fills_by_chance
from engine.execution.currencies import point_value
from engine.execution.equity import equity_at
from engine.execution.layout import (
    BACKTESTING_PY,
    BORN_OF_LIMIT,
    BORN_OF_STOP,
    BRACKET_RULE,
    CLOSE,
    CLOSE_LOT,
    FILL_PROBABILITY,
    FIRST_SUB_BAR,
    HEARD,
    IMMEDIATE,
    LIMIT,
    MARKET,
    MARKET_ON_CLOSE,
    MARKET_ON_OPEN,
    OPEN,
    ORDER_BAR,
    ORDER_EXPIRY,
    ORDER_ID,
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
    SAME_CLOSE,
    STOP,
    STOP_LIMIT,
    THIS_CLOSE,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
    VIEW,
)
from engine.execution.marks import is_symbol, price_of, quote_for
from engine.execution.state import Simulation

__all__ = [
    "any_touched",
    "born_stop_price",
    "closing_price",
    "is_buy",
    "is_touched_stop",
    "limit_price",
    "opening_price",
    "price_at_close",
    "price_by_chance",
    "quoted_price",
    "stop_price",
]


@part
def any_touched(s: Simulation, bar: int) -> bool:
    """Whether the range of `bar` reaches the price of any order, or one expires: most do not.

    Not for where slots are quoted: their bars are worked in any case.
    """
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
    if kind == MARKET_ON_OPEN:
        early = order[ORDER_EXPIRY] > bar or view > s.rules[symbol, FIRST_SUB_BAR]
        return math.nan if early else at
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
    if not ((at <= limit) if buys else (at >= limit)):
        return math.nan  # or an order for the close, which has no limit
    if s.rules[symbol, FILL_PROBABILITY] < 1.0:
        return price_by_chance(s, slot, bar, at, True, buys)
    return at


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
        reached = low <= limit <= high
    elif is_buy(s, slot, bar):
        reached = low <= limit
    else:
        reached = high >= limit
    if not reached:
        return math.nan
    if s.rules[symbol, FILL_PROBABILITY] < 1.0:
        return price_by_chance(s, slot, bar, limit, False, False)
    return limit


@part
def closing_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which an order for the close of `bar` fills, else NaN."""
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    if not is_symbol(s, symbol):
        return quoted_price(s, slot, bar) if order[ORDER_BAR] < bar else math.nan
    if order[ORDER_KIND] != MARKET_ON_CLOSE or order[ORDER_EXPIRY] > bar:
        return math.nan
    return s.path[symbol, CLOSE, bar]


@rare
def quoted_price(s: Simulation, slot: int, bar: int) -> float:
    """Price at which the quote of a close fills an order of a slot that is no symbol, else NaN."""
    keep_apart()
    order = s.orders[slot]
    kind = order[ORDER_KIND]
    buys = _buys(s, slot, CLOSE, bar)
    at = quote_for(s, int(order[ORDER_SYMBOL]), buys, bar)
    if kind in (MARKET_ON_CLOSE, MARKET_ON_OPEN) and order[ORDER_EXPIRY] > bar:
        return math.nan
    if kind in (STOP, STOP_LIMIT):
        stop = order[ORDER_STOP]
        if (at < stop) if buys else (at > stop):
            return math.nan
        if kind == STOP_LIMIT:
            order[ORDER_KIND] = LIMIT
    limit = order[ORDER_LIMIT]
    if order[ORDER_KIND] == LIMIT and ((at > limit) if buys else (at < limit)):
        return math.nan
    return at


@rare
def price_at_close(s: Simulation, slot: int, bar: int) -> float:
    """Price at which an order fills at the very close at which it was placed, else NaN.

    A market order fills there; with ``fill="same_close"`` so do limits and stops that the close has
    passed. What has rested through the bar had its range to fill in.
    """
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    kind = order[ORDER_KIND]
    if is_symbol(s, symbol):
        at = s.path[symbol, CLOSE, bar]
    else:
        at = quote_for(s, symbol, _buys(s, slot, CLOSE, bar), bar)
    if order[ORDER_STATE] == THIS_CLOSE:
        return at
    if s.rules[symbol, SAME_CLOSE] == 0.0:
        return math.nan
    if kind == MARKET:
        return at
    if kind in (MARKET_ON_CLOSE, MARKET_ON_OPEN) or order[ORDER_ID] <= s.counts[HEARD]:
        return math.nan
    buys = _buys(s, slot, CLOSE, bar)
    if kind in (STOP, STOP_LIMIT):
        stop = order[ORDER_STOP]
        if (at < stop) if buys else (at > stop):
            return math.nan
        if kind == STOP:
            return at
        order[ORDER_KIND] = LIMIT
    limit = order[ORDER_LIMIT]
    return at if ((at <= limit) if buys else (at >= limit)) else math.nan


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


@rare
def price_by_chance(
    s: Simulation, slot: int, bar: int, price: float, opens: bool, buys: bool
) -> float:
    """Price at which a limit that could fill at `price` does so by chance, else NaN.

    Parameters
    ----------
    opens : bool
        Whether `price` is an open that has passed the limit.
    buys : bool
        Which side of its limit the order waits on, for an open.
    """
    keep_apart()
    if opens:
        if not _was_passed(s, slot, bar, buys):
            return price
        price = s.orders[slot, ORDER_LIMIT]
    return price if fills_by_chance(s, slot, bar) else math.nan


@part
def _was_passed(s: Simulation, slot: int, bar: int, buys: bool) -> bool:
    """Whether a limit that the open has passed was passed over before, in this bar or earlier."""
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    if s.counts[VIEW] > s.rules[symbol, FIRST_SUB_BAR]:
        return True
    if order[ORDER_BAR] >= bar - 1:
        return False
    before, limit = s.path[symbol, CLOSE, bar - 1], order[ORDER_LIMIT]
    return before <= limit if buys else before >= limit


@part
def is_buy(s: Simulation, slot: int, bar: int) -> bool:
    """Whether a limit or stop order buys; a target is compared with what is held."""
    return _buys(s, slot, OPEN, bar)


@part
def _buys(s: Simulation, slot: int, field: int, bar: int) -> bool:
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    quantity = order[ORDER_QUANTITY]
    mode = order[ORDER_MODE]
    if mode == TO_UNITS:
        return quantity > s.positions[symbol, UNITS]
    if mode == TO_PERCENT:
        point = point_value(s, symbol, field, bar)
        held = s.positions[symbol, UNITS] * point * price_of(s, symbol, field, bar)
        return quantity * equity_at(s, field, bar) > held
    return quantity > 0.0

"""Orders that depend on others: the exits of a lot, and groups that fill together or singly."""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    BEYOND,
    CANCELLED,
    CLOSE,
    CLOSE_LOT,
    DISTANCES,
    FIRST_LOT,
    FORCED,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    LIMIT,
    LOT_ORDER,
    LOT_PRICE,
    LOT_TAG,
    LOT_UNITS,
    MARKET_ON_CLOSE,
    OPEN_LOTS,
    ORDER_BAR,
    ORDER_FROM_FILL,
    ORDER_GROUP,
    ORDER_KIND,
    ORDER_MODE,
    ORDER_PARENT,
    ORDER_STATE,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAG,
    ORDER_TAKE_PROFIT,
    ORDER_TRAIL,
    PENDING,
    REDUCE,
    REDUCES,
    RESTING,
    STOP,
    TRAILING,
)
from engine.execution.marks import is_symbol, price_of
from engine.execution.orders import (
    GOOD_TILL_CANCELLED,
    cancel_children,
    cancel_order,
    find_order,
    submit,
)
from engine.execution.reducing import reduces_nothing
from engine.execution.state import Simulation
from engine.execution.trailing import watch_trail

__all__ = [
    "cancel_group",
    "cancel_reducing",
    "join_group",
    "join_together",
    "place_exits",
    "replace_exits",
]


@rare
def place_exits(
    s: Simulation,
    symbol: int,
    held: float,
    price: float,
    reference: float,
    take_profit: float,
    stop_loss: float,
    meant: float,
    bar: int,
    moment: int,
    parent: float,
    state: int,
    tag: float,
) -> None:
    """Place the exits of a lot of `held` units that the order `parent` has just opened.

    Parameters
    ----------
    price, reference : float
        Of the fill, with slippage and without.
    take_profit, stop_loss : float
        NaN: none.
    meant : float
        0: prices; or DISTANCES, TRAILING, TRAILING_DISTANCES.
    moment : int
        AT_OPEN, INSIDE_BY_STOP, INSIDE_BY_LIMIT or AT_CLOSE.
    """
    keep_apart()
    trail = 0.0
    if meant != 0.0:
        stop_loss, take_profit, trail = _exits_from(price, held, stop_loss, take_profit, meant)
    if moment in (INSIDE_BY_STOP, INSIDE_BY_LIMIT):
        # An exit on the wrong side of the entry is due at once, at the entry's own price.
        side = 1.0 if held > 0.0 else -1.0
        if side * stop_loss > side * reference:
            stop_loss = reference
        if side * take_profit < side * reference:
            take_profit = reference
    _add_exits(s, symbol, held, take_profit, stop_loss, bar, parent, state, trail, tag)


@part
def _add_exits(
    s: Simulation,
    symbol: int,
    held: float,
    take_profit: float,
    stop_loss: float,
    bar: int,
    parent: float,
    state: int,
    trail: float,
    tag: float,
) -> None:
    """Place the exits of a lot of `held` units that the order `parent` opened; NaN: none.

    A stop-loss with a distance `trail` follows the best price.
    """
    if stop_loss == stop_loss:
        _add_child(s, symbol, STOP, -held, math.nan, stop_loss, bar, parent, state, tag)
        if trail != 0.0:
            child = s.orders[s.counts[PENDING] - 1]
            child[ORDER_TRAIL] = trail
            # A lot that was opened inside the bar did not see all of its range.
            child[ORDER_BAR] = bar - 1 if state == RESTING else bar
            watch_trail(s.counts)
    if take_profit == take_profit:
        _add_child(s, symbol, LIMIT, -held, take_profit, math.nan, bar, parent, state, tag)


@part
def _add_child(
    s: Simulation,
    symbol: int,
    kind: int,
    units: float,
    limit: float,
    stop: float,
    bar: int,
    parent: float,
    state: int,
    tag: float,
) -> None:
    nan = math.nan
    number = submit(
        s, bar, symbol, kind, CLOSE_LOT, units, limit, stop, nan, nan, GOOD_TILL_CANCELLED
    )
    if number > 0:
        child = s.orders[s.counts[PENDING] - 1]
        child[ORDER_PARENT] = parent
        child[ORDER_STATE] = state
        child[ORDER_TAG] = tag


@part
def _exits_from(
    price: float, held: float, stop_loss: float, take_profit: float, meant: float
) -> tuple[float, float, float]:
    """Return stop-loss and take-profit as prices, and the distance at which the first trails."""
    side = 1.0 if held > 0.0 else -1.0
    if meant != TRAILING:
        take_profit = price + side * take_profit
    trail = 0.0 if meant == DISTANCES else stop_loss
    return price - side * stop_loss, take_profit, trail


@rare
def replace_exits(
    s: Simulation, bar: int, symbol: int, take_profit: float, stop_loss: float, meant: float
) -> int:
    """Give every open lot of a symbol, and every order that may open one, these exits.

    Parameters
    ----------
    meant : float
        0: prices; or DISTANCES, TRAILING, TRAILING_DISTANCES. The stop-loss of what is already
        open trails from the close of `bar`.

    Returns
    -------
    int
        Exits that were placed: those of orders follow when these fill.
    """
    keep_apart()
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        own = order[ORDER_MODE] != CLOSE_LOT and order[ORDER_STATE] != FORCED
        if own and order[ORDER_SYMBOL] == symbol:
            order[ORDER_TAKE_PROFIT] = take_profit
            order[ORDER_STOP_LOSS] = stop_loss
            order[ORDER_FROM_FILL] = meant
    first = int(s.positions[symbol, FIRST_LOT])
    count = 0
    for place in range(first, first + int(s.positions[symbol, OPEN_LOTS])):
        lot = s.lots[symbol, place]
        take, loss, trail = take_profit, stop_loss, 0.0
        if meant != 0.0:
            loss, take, trail = _exits_from(lot[LOT_PRICE], lot[LOT_UNITS], loss, take, meant)
        if trail != 0.0:
            side = 1.0 if lot[LOT_UNITS] > 0.0 else -1.0
            loss = price_of(s, symbol, CLOSE, bar) - side * trail
        cancel_children(s, lot[LOT_ORDER], bar)
        before = s.counts[PENDING]
        parent, tag = lot[LOT_ORDER], lot[LOT_TAG]
        _add_exits(s, symbol, lot[LOT_UNITS], take, loss, bar, parent, RESTING, trail, tag)
        count += s.counts[PENDING] - before
    return count


@rare
def join_group(s: Simulation, first: float, second: float) -> bool:
    """Let the fill of one of two orders cancel the other; their groups become one."""
    keep_apart()
    one, other = find_order(s, first), find_order(s, second)
    if one < 0 or other < 0 or one == other:
        return False
    group, joined = s.orders[one, ORDER_GROUP], s.orders[other, ORDER_GROUP]
    if group < 0.0 or joined < 0.0:
        return False
    if group == 0.0:
        group = first
        s.orders[one, ORDER_GROUP] = group
    s.orders[other, ORDER_GROUP] = group
    for slot in range(s.counts[PENDING]):
        if joined != 0.0 and s.orders[slot, ORDER_GROUP] == joined:
            s.orders[slot, ORDER_GROUP] = group
    return True


@rare
def join_together(s: Simulation, first: float, second: float) -> bool:
    """Let two orders fill together or not at all; their groups become one.

    Not orders of which one cancels the other, exits of a lot, liquidations, nor one for a close
    with one that is not.
    """
    keep_apart()
    one, other = find_order(s, first), find_order(s, second)
    if one < 0 or other < 0 or one == other:
        return False
    if not (_may_wait(s, one) and _may_wait(s, other)):
        return False
    if _is_for_close(s, one) != _is_for_close(s, other):
        return False
    joined = s.orders[other, ORDER_GROUP]
    if s.orders[one, ORDER_GROUP] == 0.0:
        s.orders[one, ORDER_GROUP] = -first
    group = s.orders[one, ORDER_GROUP]
    s.orders[other, ORDER_GROUP] = group
    for slot in range(s.counts[PENDING]):
        if joined != 0.0 and s.orders[slot, ORDER_GROUP] == joined:
            s.orders[slot, ORDER_GROUP] = group
    s.counts[BEYOND] = 1
    return True


@part
def _may_wait(s: Simulation, slot: int) -> bool:
    """Whether an order may wait for others."""
    order = s.orders[slot]
    return (
        order[ORDER_GROUP] <= 0.0
        and order[ORDER_MODE] != CLOSE_LOT
        and order[ORDER_STATE] != FORCED
    )


@part
def _is_for_close(s: Simulation, slot: int) -> bool:
    order = s.orders[slot]
    return order[ORDER_KIND] == MARKET_ON_CLOSE or not is_symbol(s, int(order[ORDER_SYMBOL]))


@rare
def cancel_reducing(s: Simulation, bar: int) -> None:
    """Cancel the orders that only reduce whose position is gone."""
    keep_apart()
    slot, left = 0, 0
    while slot < s.counts[PENDING]:
        if reduces_nothing(s, slot):
            slot = cancel_order(s, slot, bar, CANCELLED)
            continue
        left += s.orders[slot, ORDER_MODE] == REDUCE
        slot += 1
    s.counts[REDUCES] = left


@rare
def cancel_group(s: Simulation, group: float, bar: int) -> None:
    """Cancel what is left of a group of which one order has filled."""
    keep_apart()
    slot = 0
    while slot < s.counts[PENDING]:
        if s.orders[slot, ORDER_GROUP] == group:
            slot = cancel_order(s, slot, bar, CANCELLED)
        else:
            slot += 1

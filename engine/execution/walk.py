"""A bar worked along an assumed way of its price: ``bracket_rule="tradingview"``.

The price goes from the open to the nearer extreme, to the other one and to the close, each leg
straight. Orders fill as it passes them; of two at one price the buy fills first. What the open has
passed fills there, market orders first. Exits of a position that opens on the way are in force
from its entry on. Margin is called for where maintenance is crossed on a leg, unless an order fills
before. A sub-bar is walked as a bar.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.fills import fill_apart
from engine.execution.layout import (
    AT_OPEN,
    FIRST_SUB_BAR,
    IMMEDIATE,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    LIMIT,
    MARKET,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_SYMBOL,
    PENDING,
    STOP_LIMIT,
    VIEW,
    WATCH,
)
from engine.execution.liquidation import call_margin
from engine.execution.matching import is_buy
from engine.execution.rotation import reducing_price
from engine.execution.sequence import forced_slot, watch
from engine.execution.sessions import is_closed
from engine.execution.state import Simulation
from engine.execution.ways import AT_THE_OPEN, FIRST_LEG, LEGS, way_of

__all__ = ["walk_range"]


@rare
def walk_range(s: Simulation, bar: int) -> None:
    """Fill the orders of a bar, or sub-bar, as its price walks past them."""
    keep_apart()
    if s.positions.shape[0] > 1:
        _reduce_at_open(s, bar)
    leg, now = -1, 0.0
    symbol, here = -1, math.nan  # of the last fill, which is more exact than a share of the leg
    while leg < LEGS:
        way = AT_THE_OPEN if leg < 0 else FIRST_LEG + leg
        slot, share, price = _next(s, bar, way, now, symbol, here)
        moment = AT_OPEN if leg < 0 else INSIDE_BY_STOP
        if leg >= 0 and s.counts[WATCH] != 0 and call_margin(s, bar, way, now, share):
            slot = forced_slot(s)
            while slot >= 0:
                symbol = int(s.orders[slot, ORDER_SYMBOL])
                here = s.orders[slot, ORDER_LIMIT]
                now = max(now, _share_of(s, symbol, bar, way, here))
                fill_apart(s, slot, here, bar, INSIDE_BY_STOP)
                slot = forced_slot(s)
            watch(s)
            continue
        if slot < 0:
            if s.counts[PENDING] == 0 and s.counts[WATCH] == 0:
                return
            leg, now, symbol = leg + 1, 0.0, -1
            continue
        order = s.orders[slot]
        symbol, here, now = int(order[ORDER_SYMBOL]), price, share
        if order[ORDER_KIND] == STOP_LIMIT:
            order[ORDER_KIND] = LIMIT
            continue
        if leg >= 0 and order[ORDER_KIND] == LIMIT:
            moment = INSIDE_BY_LIMIT
        fill_apart(s, slot, price, bar, moment)
        watch(s)


@part
def _reduce_at_open(s: Simulation, bar: int) -> None:
    """Fill what makes a position smaller before what another symbol's order needs it for."""
    slot = 0
    while slot < s.counts[PENDING]:
        price = math.nan
        if not is_closed(s, slot, bar):
            price = reducing_price(s, slot, bar, AT_OPEN)
        if price == price:
            fill_apart(s, slot, price, bar, AT_OPEN)
            slot = 0
        else:
            slot += 1
    watch(s)


@part
def _next(
    s: Simulation, bar: int, way: int, now: float, last: int, last_price: float
) -> tuple[int, float, float]:
    """Slot, share of the way and price of the next order that fills; -1 and infinity if none."""
    found, nearest, first, at = -1, math.inf, 3, math.nan
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        kind = order[ORDER_KIND]
        symbol = int(order[ORDER_SYMBOL])
        if is_closed(s, slot, bar) or not _may_fill(s, slot, way):
            continue
        start, end = way_of(s, symbol, bar, way)
        here = last_price if symbol == last else start + now * (end - start)
        buys = is_buy(s, slot, bar)
        rank = 0 if kind == MARKET else (1 if buys else 2)
        level = order[ORDER_LIMIT] if kind == LIMIT else order[ORDER_STOP]
        falls = (kind == LIMIT) == buys
        share, price = now, here
        if kind != MARKET and not ((here <= level) if falls else (here >= level)):
            if not ((end <= level < start) if falls else (start < level <= end)):
                continue
            share, price = max(now, _share_of(s, symbol, bar, way, level)), level
        if share < nearest or (share == nearest and rank < first):
            found, nearest, first, at = slot, share, rank, price
    return found, nearest, at


@part
def _may_fill(s: Simulation, slot: int, way: int) -> bool:
    """Whether an order that fills at the open alone is at one: that of the bar's first prices."""
    order = s.orders[slot]
    if way == AT_THE_OPEN:
        first = s.rules[int(order[ORDER_SYMBOL]), FIRST_SUB_BAR]
        return order[ORDER_STATE] != IMMEDIATE or s.counts[VIEW] <= first
    return order[ORDER_KIND] != MARKET and order[ORDER_STATE] != IMMEDIATE


@part
def _share_of(s: Simulation, symbol: int, bar: int, way: int, price: float) -> float:
    start, end = way_of(s, symbol, bar, way)
    return (price - start) / (end - start) if end != start else 0.0

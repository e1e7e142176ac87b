"""A bar worked along an assumed way of its price: ``bracket_rule="tradingview"``.

The price goes from the open to the nearer extreme, to the other one and to the close, each leg
straight. Orders fill as it passes them; of two at one price the buy fills first. What the open has
passed fills there, market orders first. Exits of a position that opens on the way are in force
from its entry on. Margin is called for where maintenance is crossed on a leg, unless an order fills
before. A sub-bar is walked as a bar.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    AT_OPEN,
    FILL_PROBABILITY,
    FIRST_SUB_BAR,
    IMMEDIATE,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    ORDER_EXPIRY,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_SYMBOL,
    PENDING,
    STOP_LIMIT,
    VIEW,
    WALK_LEG,
    WALK_PRICE,
    WALK_SHARE,
    WALK_SYMBOL,
    WATCH,
)
from engine.execution.liquidation import call_margin, forced_slot
from engine.execution.matching import is_buy, price_by_chance
from engine.execution.sessions import is_closed
from engine.execution.state import Simulation
from engine.execution.ways import AT_THE_OPEN, FIRST_LEG, LEGS, way_of

__all__ = ["LIQUIDATED", "walk_on"]

LIQUIDATED: Final[int] = np.int64(-2)  # type: ignore[assignment]


@rare
def walk_on(s: Simulation, bar: int) -> tuple[int, float, int]:
    """Walk to the next order that fills; its slot, price and moment.

    The slot is -1 at the end of the bar, and LIQUIDATED where margin was called for before:
    liquidations are then in the book, with the prices at which they fill.
    """
    keep_apart()
    walk = s.account
    while s.counts[PENDING] > 0 or s.counts[WATCH] != 0:
        leg, now = int(walk[WALK_LEG]), walk[WALK_SHARE]
        way = AT_THE_OPEN if leg < 0 else FIRST_LEG + leg
        slot, share, price = _next(s, bar, way, now)
        if leg >= 0 and s.counts[WATCH] != 0 and call_margin(s, bar, way, now, share, math.inf):
            order = s.orders[forced_slot(s)]
            symbol, price = int(order[ORDER_SYMBOL]), order[ORDER_LIMIT]
            start, end = way_of(s, symbol, bar, way)
            walk[WALK_SYMBOL], walk[WALK_PRICE] = symbol, price
            if end != start:
                # Its tick may lie beyond the leg.
                walk[WALK_SHARE] = min(max(now, (price - start) / (end - start)), 1.0)
            return LIQUIDATED, math.nan, INSIDE_BY_STOP
        if slot < 0:
            if leg == LEGS - 1:
                break
            walk[WALK_LEG], walk[WALK_SHARE], walk[WALK_SYMBOL] = leg + 1.0, 0.0, -1.0
            continue
        order = s.orders[slot]
        # The price of a fill is more exact than a share of the leg.
        walk[WALK_SHARE], walk[WALK_SYMBOL], walk[WALK_PRICE] = share, order[ORDER_SYMBOL], price
        if order[ORDER_KIND] == STOP_LIMIT:
            order[ORDER_KIND] = LIMIT
            continue
        if leg < 0:
            return slot, price, AT_OPEN
        return slot, price, INSIDE_BY_LIMIT if order[ORDER_KIND] == LIMIT else INSIDE_BY_STOP
    return -1, math.nan, INSIDE_BY_STOP


@part
def _next(s: Simulation, bar: int, way: int, now: float) -> tuple[int, float, float]:
    """Slot, share of the way and price of the next order that fills; -1 and infinity if none."""
    found, nearest, first, at = -1, math.inf, 3, math.nan
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        kind = order[ORDER_KIND]
        symbol = int(order[ORDER_SYMBOL])
        immediate = order[ORDER_STATE] == IMMEDIATE
        if kind == MARKET_ON_OPEN and order[ORDER_EXPIRY] <= bar:
            immediate, kind = True, MARKET
        if way == AT_THE_OPEN:
            # What fills at the open alone fills at that of the bar, not at those inside it.
            late = immediate and s.counts[VIEW] > s.rules[symbol, FIRST_SUB_BAR]
        else:
            late = immediate or kind == MARKET
        if late or is_closed(s, slot, bar):
            continue
        start, end = way_of(s, symbol, bar, way)
        here = start + now * (end - start)
        if symbol == s.account[WALK_SYMBOL]:
            here = s.account[WALK_PRICE]
        buys = is_buy(s, slot, bar)
        rank = 0 if kind == MARKET else (1 if buys else 2)
        level = order[ORDER_LIMIT] if kind == LIMIT else order[ORDER_STOP]
        falls = (kind == LIMIT) == buys
        share, price = now, here
        if kind != MARKET and not ((here <= level) if falls else (here >= level)):
            if not ((end <= level < start) if falls else (start < level <= end)):
                continue
            share, price = max(now, (level - start) / (end - start)), level
        if kind == LIMIT and s.rules[symbol, FILL_PROBABILITY] < 1.0:
            price = price_by_chance(s, slot, bar, price, way == AT_THE_OPEN, buys)
            if price != price:
                continue
        if share < nearest or (share == nearest and rank < first):
            found, nearest, first, at = slot, share, rank, price
    return found, nearest, at

"""The sequence in which a bar, or sub-bar, fills its orders and calls for margin.

The path inside a bar is unknown, so it is worked in a fixed sequence that never flatters the
account: what the open fills, then stops, then limits, then stops of lots that limits opened.
Margin is checked at the open, and on the way to the extreme that harms the holding: before
limits, and again after anything that fills.

Of stops that one bar touches the one nearest to its open fills first, whichever was placed first;
of two at the same distance, the buy. A stop that closes a position fills before a liquidation
whose price lies farther on the same way. ``bracket_rule="backtesting_py"`` fills stops in the
sequence in which they were placed; ``"tradingview"`` walks the bar, see `engine.execution.walk`.
"""

from __future__ import annotations

import math
from typing import Final

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.currencies import is_unpaid
from engine.execution.fills import fill_order
from engine.execution.guard import GUARDED, set_guard
from engine.execution.layout import (
    AGREED,
    AT_CLOSE,
    AT_OPEN,
    BACKTESTING_PY,
    BEYOND,
    BRACKET_RULE,
    CASH,
    DIPS,
    EVERY_BAR,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    ORDER_ID,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_SYMBOL,
    PENDING,
    TRADINGVIEW,
    TRAILS,
    UNITS,
    VIEW,
    WALK_LEG,
    WALK_SHARE,
    WALK_SYMBOL,
    WATCH,
    WATCHED,
)
from engine.execution.liquidation import call_margin, forced_slot
from engine.execution.matching import (
    born_stop_price,
    closing_price,
    is_buy,
    is_touched_stop,
    limit_price,
    opening_price,
    stop_price,
)
from engine.execution.orders import first_after
from engine.execution.rotation import reducing_price
from engine.execution.sessions import is_closed, is_held_back, waits_at_close
from engine.execution.state import Simulation
from engine.execution.together import agree
from engine.execution.trailing import TRAILS_ALONE
from engine.execution.walk import LIQUIDATED, walk_on
from engine.execution.ways import AT_THE_OPEN, TO_EXTREME, WHOLE, way_of

__all__ = ["OPENING", "REDUCING", "fill_apart", "first_phase", "watch", "work_range"]

REDUCING: Final = -1  # before all others, where orders of several symbols may meet
OPENING: Final = 0
_STOPS: Final = 1
_LIMITS: Final = 2
_BORN_STOPS: Final = 3  # of lots that limits opened in this bar
_REDUCING_AT_CLOSE: Final = 4  # by itself, after the others of the bar
_CLOSING: Final = 5
_DONE: Final = 6


@part
def work_range(s: Simulation, bar: int, closing: bool) -> None:
    """Fill the orders of a bar, or sub-bar, one by one; or, `closing`, those for its close."""
    phase, seen = first_phase(s), 0.0
    if closing:
        phase = _REDUCING_AT_CLOSE if phase == REDUCING else _CLOSING
    walks = s.rules[0, BRACKET_RULE] == TRADINGVIEW and not closing
    if walks:
        s.account[WALK_LEG], s.account[WALK_SHARE], s.account[WALK_SYMBOL] = -1.0, 0.0, -1.0
    moment, plain = AT_OPEN, s.counts[BEYOND] == 0
    forced = walks and not plain and agree(s, bar, AT_OPEN, False)
    while phase < _DONE:
        if forced:
            slot = forced_slot(s)
            if slot < 0:
                forced = False
                continue
            price = s.orders[slot, ORDER_LIMIT]
            if s.orders[slot, ORDER_STATE] == AGREED:
                moment = int(s.orders[slot, ORDER_STOP])
        elif walks and phase != REDUCING:
            slot, price, moment = walk_on(s, bar)
            if slot == LIQUIDATED:
                forced = True
                continue
            if slot < 0:
                if not plain and agree(s, bar, INSIDE_BY_LIMIT, False):
                    forced = True
                    continue
                return
        else:
            slot, price = _next(s, bar, phase, seen)
            if s.counts[WATCH] != 0 and not closing and _calls(s, bar, phase, slot):
                forced = True
            moment = _moment_of(phase)
            if forced:
                continue
            if slot < 0:
                if not plain and not _only_reduces(phase) and agree(s, bar, moment, False):
                    forced = True
                    continue
                phase, seen = phase + 1, 0.0
                if phase == _REDUCING_AT_CLOSE:
                    return
                if s.counts[PENDING] == 0 and s.counts[WATCH] == 0:
                    return
                continue
            if not _only_reduces(phase):
                # A fill that reduces a position can make room for an order that was passed over.
                seen = s.orders[slot, ORDER_ID]
        if plain:
            fill_order(s, slot, price, bar, moment, s.orders[slot, ORDER_KIND], True)
            watch(s)
        else:
            fill_apart(s, slot, price, bar, moment)


@rare
def fill_apart(s: Simulation, slot: int, reference: float, bar: int, moment: int) -> None:
    """Fill the order in `slot` by a call, and `watch`: for fills that speed does not depend on."""
    keep_apart()
    fill_order(s, slot, reference, bar, moment, s.orders[slot, ORDER_KIND], False)
    watch(s)


@part
def first_phase(s: Simulation) -> int:
    """Phase with which a bar starts."""
    return REDUCING if s.positions.shape[0] > 1 else OPENING


@part
def watch(s: Simulation) -> None:
    """Decide whether bars must go through the order engine even if no order is touched.

    A long position that was paid in full cannot lose more than it cost, so its bars are marked
    later in one go; as those of others are that stay far from a margin call.
    """
    watched = 1 if s.rules[0, EVERY_BAR] != 0.0 else 0
    held = False
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units != 0.0:
            held = True
            if units < 0.0 or s.rules[symbol, WATCHED] != 0.0 or is_unpaid(s, symbol):
                watched = 1
    if held and (s.account[CASH] < 0.0 or s.counts[DIPS] != 0):
        watched = 1
    if watched != 0 and held and set_guard(s):
        watched = GUARDED
    if watched == 0 and s.counts[TRAILS] != 0:
        watched = TRAILS_ALONE
    s.counts[WATCH] = watched


@part
def _only_reduces(phase: int) -> bool:
    return phase in (REDUCING, _REDUCING_AT_CLOSE)


@part
def _moment_of(phase: int) -> int:
    if phase <= OPENING:
        return AT_OPEN
    if phase >= _REDUCING_AT_CLOSE:
        return AT_CLOSE
    return INSIDE_BY_LIMIT if phase == _LIMITS else INSIDE_BY_STOP


@part
def _next(s: Simulation, bar: int, phase: int, seen: float) -> tuple[int, float]:
    """Slot and price of the next order that the phase fills; -1 if there is none.

    Numbers only grow along the book: `seen` is that of the last one filled.
    """
    nearest = phase in (_STOPS, _BORN_STOPS) and s.rules[0, BRACKET_RULE] != BACKTESTING_PY
    slot = -1 if nearest else first_after(s, seen) - 1
    while True:
        slot = _nearest_stop(s, bar, phase == _BORN_STOPS) if nearest else slot + 1
        if slot < 0 or slot >= s.counts[PENDING]:
            return -1, math.nan
        at_close = phase >= _REDUCING_AT_CLOSE
        if waits_at_close(s, slot, bar) if at_close else is_closed(s, slot, bar):
            continue
        if _only_reduces(phase):
            price = reducing_price(s, slot, bar, _moment_of(phase), False)
        elif phase == OPENING:
            price = opening_price(s, slot, bar)
        elif phase == _STOPS:
            price = stop_price(s, slot, bar)
        elif phase == _LIMITS:
            price = limit_price(s, slot, bar)
        elif phase == _CLOSING:
            price = closing_price(s, slot, bar)
        else:
            price = born_stop_price(s, slot, bar)
        if price == price:
            return slot, price


@part
def _nearest_stop(s: Simulation, bar: int, born: bool) -> int:
    """Slot of the touched stop nearest to the open, as a share of the range; -1 if none."""
    nearest, found, buys = math.inf, -1, False
    view = s.counts[VIEW]
    for slot in range(s.counts[PENDING]):
        if s.counts[BEYOND] != 0 and is_held_back(s, slot):
            continue
        if not is_touched_stop(s, slot, bar, born) or is_closed(s, slot, bar):
            continue
        order = s.orders[slot]
        symbol = int(order[ORDER_SYMBOL])
        span = s.path[symbol, view + 1, bar] - s.path[symbol, view + 2, bar]
        away = abs(order[ORDER_STOP] - s.path[symbol, view, bar])
        distance = away / span if span > 0.0 else 0.0
        side = is_buy(s, slot, bar)
        if distance < nearest or (distance == nearest and side and not buys):
            nearest, found, buys = distance, slot, side
    return found


@rare
def _calls(s: Simulation, bar: int, phase: int, slot: int) -> bool:
    """Whether margin is called for before the order in `slot` fills, or the phase ends."""
    keep_apart()
    if phase <= OPENING:
        if slot >= 0 or phase == REDUCING:
            return False
        return call_margin(s, bar, AT_THE_OPEN, 0.0, math.inf, math.inf)
    if slot < 0:
        return call_margin(s, bar, TO_EXTREME, 0.0, math.inf, math.inf)
    if phase == _LIMITS:
        return False
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    held = s.positions[symbol, UNITS]
    buys = is_buy(s, slot, bar)
    if held == 0.0 or buys == (held > 0.0):
        return False  # it opens, or adds: before the bar turns against what is held
    before = _share_at(s, symbol, bar, TO_EXTREME, order[ORDER_STOP])
    before_whole = _share_at(s, symbol, bar, WHOLE, order[ORDER_STOP])
    # A crossing at the very price of the stop leaves the stop to it.
    return call_margin(s, bar, TO_EXTREME, 0.0, before, before_whole)


@part
def _share_at(s: Simulation, symbol: int, bar: int, way: int, price: float) -> float:
    """Share of a way at which a price lies on it."""
    start, end = way_of(s, symbol, bar, way)
    return (price - start) / (end - start) if end != start else 0.0

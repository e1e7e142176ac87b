"""How a strategy comes to know: of events after the delay of the feed, of its orders by answers."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import seldom
from engine.execution.calling import called, part
from engine.ticks import layout as at
from engine.ticks.accounts import trade_units
from engine.ticks.exchange import arrive, expire
from engine.ticks.messages import set_due

__all__ = ["catch_up", "concerns", "hear", "leave_at", "next_concern", "serve", "show"]

# Events between two looks at whether one of them was it.
_AT_ONCE: Final = 64


@part
def hear(s: Any, event: int, wakes: int) -> None:
    """Let the strategy hear of an event of the feed at a time."""
    counts = s.counts
    counts[at.NOW] = wakes
    counts[at.FEED_NOW] = wakes - s.stamps[np.uint64(event)]


@part
def next_concern(s: Any, first: int, end: int) -> int:
    """Return the first event that may move or fill an order, or at which the clock is due.

    As far as prices tell: it is one of `first` to `end`, the latter where none before it does.
    """
    event = first
    if s.counts[at.LIVE_COUNT] == 0:
        until = s.counts[at.NEXT_CLOCK]
        while event < end and s.stamps[np.uint64(event)] < until:
            event += 1
        return event
    while event < end:
        # Several are compared at once, and where one of them stops it is looked for alone.
        until, found = min(event + _AT_ONCE, end), 0
        for place in range(event, until):
            found |= int(_stops(s, np.uint64(place)))
        if found != 0:
            break
        event = until
    while event < end and not _stops(s, np.uint64(event)):
        event += 1
    return event


@part
def concerns(s: Any, event: int) -> bool:
    """Whether an event may move or fill an order that rests, as far as prices tell."""
    place = np.uint64(event)
    numbers, bid, ask, price = s.numbers, s.bid[place], s.ask[place], s.trade_price[place]
    buys, sells = numbers[at.BUY_EDGE], numbers[at.SELL_EDGE]
    # Branches that mostly go one way cost less here than comparisons that wait for each other.
    if not bid > numbers[at.BUY_BEHIND]:
        shown = s.bid_size[place]
        if bid != numbers[at.BUY_AT] or not shown >= numbers[at.BUY_LEAST]:
            return True
    if not ask < numbers[at.SELL_BEHIND]:
        shown = s.ask_size[place]
        if ask != numbers[at.SELL_AT] or not shown >= numbers[at.SELL_LEAST]:
            return True
    if not (ask > buys and bid < sells):
        return True
    return bool(price <= buys or price >= sells)


@part
def _stops(s: Any, place: Any) -> bool:
    """Whether an event concerns an order or the clock; without a branch, so for several at once."""
    numbers, bid, ask, price = s.numbers, s.bid[place], s.ask[place], s.trade_price[place]
    buys, sells = numbers[at.BUY_EDGE], numbers[at.SELL_EDGE]
    stays = (bid == numbers[at.BUY_AT]) & (s.bid_size[place] >= numbers[at.BUY_LEAST])
    moves = not ((bid > numbers[at.BUY_BEHIND]) | stays)
    stays = (ask == numbers[at.SELL_AT]) & (s.ask_size[place] >= numbers[at.SELL_LEAST])
    moves |= not ((ask < numbers[at.SELL_BEHIND]) | stays)
    fills = (not ((ask > buys) & (bid < sells))) | (price <= buys) | (price >= sells)
    return bool(moves | fills | (s.stamps[place] >= s.counts[at.NEXT_CLOCK]))


@part
def leave_at(s: Any, event: int, heard: int) -> None:
    """Note how far a simulation has come: the next event, and the first not yet heard of."""
    s.counts[at.QUOTES] += heard - s.counts[at.LOCAL]
    s.counts[at.LOCAL] = heard
    if event > 0:
        s.counts[at.LAST_STAMP] = s.stamps[event - 1]


@part
def catch_up(s: Any, shown: int, event: int) -> int:
    """Let the touch of the only symbol be as it is after an event; return that event.

    Events in between need not be shown one by one but for the last price of a side that is empty.
    """
    if event > shown:
        if math.isnan(s.bid[event]) or math.isnan(s.ask[event]):
            for between in range(shown + 1, event):
                show(s, s.touch, between, 0)
        show(s, s.touch, event, 0)
    return event


@part
def show(s: Any, touch: NDArray[np.float64], event: int, symbol: int) -> None:
    """Let a touch be as it is after an event; of a side that is empty the last price is kept."""
    place = np.uint64(event)
    bid, ask = s.bid[place], s.ask[place]
    if seldom(math.isnan(bid)) and not math.isnan(touch[symbol, at.BID]):
        touch[symbol, at.LAST_BID] = touch[symbol, at.BID]
    if seldom(math.isnan(ask)) and not math.isnan(touch[symbol, at.ASK]):
        touch[symbol, at.LAST_ASK] = touch[symbol, at.ASK]
    touch[symbol, at.BID], touch[symbol, at.ASK] = bid, ask
    touch[symbol, at.BID_SIZE], touch[symbol, at.ASK_SIZE] = s.bid_size[place], s.ask_size[place]


@called
def serve(s: Any) -> int:
    """Do what is due first: an expiry, a request that arrives, an answer that is heard.

    Returns
    -------
    int
        The place among the answers of a fill that has been heard of, or -1.
    """
    counts = s.counts
    due = counts[at.NEXT_DUE]
    set_due(s)
    if counts[at.NEXT_DUE] != due:
        # The order that was to expire then has gone before.
        return -1
    if counts[at.NEXT_EXPIRY] == due:
        expire(s, due)
        set_due(s)
        return -1
    if counts[at.REQUEST_HEAD] < counts[at.REQUEST_TAIL]:
        place = counts[at.REQUEST_HEAD] % at.REQUEST_ROOM
        if s.requests[place, at.REQUEST_DUE] == due:
            arrive(s)
            return -1
    return _hear_answer(s)


@called
def _hear_answer(s: Any) -> int:
    counts, orders, books = s.counts, s.orders, s.heard_books
    place = counts[at.RESPONSE_HEAD] % at.RESPONSE_ROOM
    counts[at.RESPONSE_HEAD] += 1
    set_due(s)
    row = s.responses
    counts[at.NOW] = row[place, at.RESPONSE_DUE]
    slot, symbol = row[place, at.RESPONSE_SLOT], row[place, at.RESPONSE_SYMBOL]
    known = s.order_numbers[slot, at.ORDER_KNOWN]
    side = 1.0 if known > 0.0 else -1.0
    sizes = at.BUY_UNITS if side > 0.0 else at.SELL_UNITS
    units = s.response_numbers[place, at.RESPONSE_UNITS]
    kind = row[place, at.RESPONSE_KIND]
    if kind == at.FILLED:
        price, fee = s.response_numbers[place, 1], s.response_numbers[place, 2]
        multiplier = s.rules[at.MULTIPLIER]
        _, gain = trade_units(books, symbol, units, price, s.rules[at.LOT])
        s.numbers[at.HEARD_CASH] -= units * price * multiplier + fee
        s.numbers[at.HEARD_FEES] += fee
        s.numbers[at.HEARD_REALISED] += gain * multiplier
        s.order_numbers[slot, at.ORDER_KNOWN] = known - units
        books[symbol, sizes] -= abs(units)
    elif kind == at.AMENDED:
        s.order_numbers[slot, at.ORDER_KNOWN] = units
        books[symbol, sizes] += abs(units) - abs(known)
    if row[place, at.RESPONSE_FINAL] != 0:
        left = 0.0 if kind == at.FILLED else abs(known)
        orders[slot, at.ORDER_STATE] = at.FREE
        books[symbol, at.BUYS if side > 0.0 else at.SELLS] -= 1.0
        books[symbol, sizes] -= left
    return place if kind == at.FILLED else -1

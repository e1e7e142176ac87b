"""The exchange of a simulation: orders that arrive, wait in the queue, and fill."""

from __future__ import annotations

import math
from typing import Any

from engine.execution.calling import called, part
from engine.ticks import layout as at
from engine.ticks.accounts import book_fill, watch_fill
from engine.ticks.messages import respond, set_due
from engine.ticks.queue import shift, unknown_behind

__all__ = ["arrive", "expire", "meet"]


@part
def meet(s: Any, event: int) -> None:
    """Let orders that rest meet the trade of an event, then its touch."""
    stamp, symbol = s.stamps[event], int(s.symbol[event])
    half = 0.5 * s.rules[at.TICK]
    trade_price = s.trade_price[event]
    taker = 0
    if not math.isnan(trade_price):
        taker = _taker(s, event, symbol, trade_price, half)
    touch = s.touch
    moved = (
        s.bid[event] != touch[symbol, at.BID]
        or s.ask[event] != touch[symbol, at.ASK]
        or s.bid_size[event] != touch[symbol, at.BID_SIZE]
        or s.ask_size[event] != touch[symbol, at.ASK_SIZE]
    )
    if taker == 0 and not moved:
        return
    count = s.counts[at.LIVE_COUNT]
    place = 0
    while place < s.counts[at.LIVE_COUNT]:
        slot = s.live[place]
        if s.orders[slot, at.ORDER_SYMBOL] == symbol:
            side = 1.0 if s.order_numbers[slot, at.ORDER_UNITS] > 0.0 else -1.0
            size = 0.0
            if taker != 0 and (taker < 0) == (side > 0.0):
                size = _traded(s, slot, side, trade_price, s.trade_size[event], half)
            if size > 0.0:
                _fill(s, slot, side * size, s.order_numbers[slot, at.ORDER_PRICE], True, stamp)
            if moved and s.orders[slot, at.ORDER_STATE] == at.LIVE:
                size = _quoted(s, event, symbol, place, slot, side, half)
                if size > 0.0:
                    _fill(s, slot, side * size, s.order_numbers[slot, at.ORDER_PRICE], True, stamp)
        # An order that is gone has left its place to the next.
        if place < s.counts[at.LIVE_COUNT] and s.live[place] == slot:
            place += 1
    # Where an order of one's own has gone, the next quote moves those behind it.
    if moved and s.counts[at.LIVE_COUNT] == count and s.touch.shape[0] == 1:
        _set_edges(s, s.bid[event], s.ask[event], half)


@part
def _set_edges(s: Any, bid: float, ask: float, half: float) -> None:
    """Note which events concern no order: those that leave each where it is in its queue."""
    numbers = s.numbers
    buys, sells = -math.inf, math.inf
    buy_count = sell_count = 0
    buy_slot = sell_slot = 0
    for place in range(s.counts[at.LIVE_COUNT]):
        slot = s.live[place]
        price = s.order_numbers[slot, at.ORDER_PRICE]
        if s.order_numbers[slot, at.ORDER_UNITS] > 0.0:
            buys = max(buys, price + half)
            buy_count, buy_slot = buy_count + 1, slot
        else:
            sells = min(sells, price - half)
            sell_count, sell_slot = sell_count + 1, slot
    numbers[at.BUY_BEHIND], numbers[at.BUY_AT] = buys, math.nan
    numbers[at.SELL_BEHIND], numbers[at.SELL_AT] = sells, math.nan
    known = True
    if not bid > buys:
        known = buy_count == 1 and _stays(s, buy_slot, bid, half)
        numbers[at.BUY_BEHIND], numbers[at.BUY_AT] = math.inf, bid
        numbers[at.BUY_LEAST] = s.order_numbers[buy_slot, at.ORDER_AHEAD]
    if known and not ask < sells:
        known = sell_count == 1 and _stays(s, sell_slot, ask, half)
        numbers[at.SELL_BEHIND], numbers[at.SELL_AT] = -math.inf, ask
        numbers[at.SELL_LEAST] = s.order_numbers[sell_slot, at.ORDER_AHEAD]
    # Of others every event is looked at: of one that nobody stands before, of several at the touch.
    numbers[at.BUY_EDGE] = buys if known else math.inf
    numbers[at.SELL_EDGE] = sells if known else -math.inf


@part
def _stays(s: Any, slot: int, near: float, half: float) -> bool:
    """Whether the only order of a side is at the touch and moves with what is displayed alone."""
    at_touch = abs(near - s.order_numbers[slot, at.ORDER_PRICE]) <= half
    return bool(at_touch and s.times[at.QUEUE] <= at.RISK_AVERSE)


@part
def _taker(s: Any, event: int, symbol: int, price: float, half: float) -> int:
    """Return who took: 1 a buyer, -1 a seller, 0 where neither side nor price tells."""
    side = int(s.trade_side[event])
    if side == 0:
        if price <= s.touch[symbol, at.BID] + half:
            side = -1
        elif price >= s.touch[symbol, at.ASK] - half:
            side = 1
    return side


@part
def _traded(s: Any, slot: int, side: float, price: float, size: float, half: float) -> float:
    """Return the units that a trade fills of an order: through its price all, else by the queue."""
    numbers = s.order_numbers
    left = float(abs(numbers[slot, at.ORDER_UNITS]))
    beyond = side * (numbers[slot, at.ORDER_PRICE] - price)
    if beyond > half:
        return left
    if beyond < -half:
        return 0.0
    numbers[slot, at.ORDER_AHEAD] -= size
    numbers[slot, at.ORDER_TRADED] += size
    lot = s.rules[at.LOT]
    reached = -numbers[slot, at.ORDER_AHEAD]
    if reached <= 0.5 * lot:
        return 0.0
    numbers[slot, at.ORDER_AHEAD] = 0.0
    if s.rules[at.IN_PARTS] == 0.0:
        return left
    return float(min(left, math.floor(reached / lot + 0.5) * lot))


@part
def _quoted(
    s: Any, event: int, symbol: int, place: int, slot: int, side: float, half: float
) -> float:
    """Return the units that a new touch fills of an order; else move it in its queue."""
    numbers, touch = s.order_numbers, s.touch
    price = numbers[slot, at.ORDER_PRICE]
    if side > 0.0:
        near, far, size = s.bid[event], s.ask[event], s.bid_size[event]
        near_before, size_before = touch[symbol, at.BID], touch[symbol, at.BID_SIZE]
    else:
        near, far, size = s.ask[event], s.bid[event], s.ask_size[event]
        near_before, size_before = touch[symbol, at.ASK], touch[symbol, at.ASK_SIZE]
    if side * (price - far) >= -half:
        return float(abs(numbers[slot, at.ORDER_UNITS]))
    before = 0.0
    if s.counts[at.LIVE_COUNT] > 1:
        before = _own_before(s, place, symbol, side, price, half)
    if side * (near - price) > half:
        # Behind the touch: what stands there is not displayed.
        if unknown_behind(s):
            numbers[slot, at.ORDER_AHEAD] = math.inf
        else:
            numbers[slot, at.ORDER_AHEAD] = min(numbers[slot, at.ORDER_AHEAD], before)
        numbers[slot, at.ORDER_TRADED] = 0.0
    elif abs(near - price) <= half:
        was = size_before if abs(near_before - price) <= half else 0.0
        shift(s, event, slot, was, size, before)
    else:
        # Nobody else is left at its price.
        numbers[slot, at.ORDER_AHEAD] = min(numbers[slot, at.ORDER_AHEAD], before)
        numbers[slot, at.ORDER_TRADED] = 0.0
    return 0.0


@part
def _own_before(s: Any, place: int, symbol: int, side: float, price: float, half: float) -> float:
    """Return the units of own orders at the same price that arrived earlier."""
    found = 0.0
    for earlier in range(place):
        other = s.live[earlier]
        units = s.order_numbers[other, at.ORDER_UNITS]
        same = s.orders[other, at.ORDER_SYMBOL] == symbol and side * units > 0.0
        if same and abs(s.order_numbers[other, at.ORDER_PRICE] - price) <= half:
            found += abs(units)
    return found


@called
def _fill(s: Any, slot: int, units: float, price: float, maker: bool, stamp: int) -> None:
    """Fill units of an order: the account, the record, the answer that is on its way."""
    numbers, counts, orders = s.numbers, s.counts, s.orders
    symbol = orders[slot, at.ORDER_SYMBOL]
    size = abs(units)
    rate = s.rules[at.MAKER_FEE] if maker else s.rules[at.TAKER_FEE]
    fee = size * price * s.rules[at.MULTIPLIER] * rate
    watch_fill(s, symbol, units, price, stamp)
    profit = book_fill(s, symbol, units, price, fee, stamp)
    counts[at.FILLS] += 1
    numbers[at.FILLED_UNITS] += size
    if maker:
        counts[at.MAKER_FILLS] += 1
        numbers[at.MAKER_UNITS] += size
    left = s.order_numbers[slot, at.ORDER_UNITS] - units
    # Less than half a lot is rounding.
    done = abs(left) < 0.5 * s.rules[at.LOT]
    s.order_numbers[slot, at.ORDER_UNITS] = left
    if done:
        counts[at.FILLED_ORDERS] += 1
        _leave(s, slot)
    due = respond(s, at.FILLED, slot, done, maker, units, price, fee, stamp)
    if s.fills.shape[0] > 0:
        row = counts[at.TAPED]
        s.fills[row, 0] = stamp
        s.fills[row, 1] = due
        s.fills[row, 2] = orders[slot, at.ORDER_NUMBER]
        s.fills[row, 3] = symbol
        s.fills[row, 4] = 1 if maker else 0
        s.fill_numbers[row, 0] = units
        s.fill_numbers[row, 1] = price
        s.fill_numbers[row, 2] = fee
        s.fill_numbers[row, 3] = s.books[symbol, at.UNITS]
        s.fill_numbers[row, 4] = numbers[at.CASH]
        s.fill_numbers[row, 5] = profit
        counts[at.TAPED] += 1


@part
def _leave(s: Any, slot: int) -> None:
    """Take an order off those at rest, if it is among them; the others keep their turns."""
    counts = s.counts
    s.numbers[at.BUY_EDGE], s.numbers[at.SELL_EDGE] = math.inf, -math.inf
    if s.orders[slot, at.ORDER_STATE] == at.LIVE:
        count = counts[at.LIVE_COUNT]
        found = 0
        while s.live[found] != slot:
            found += 1
        for place in range(found, count - 1):
            s.live[place] = s.live[place + 1]
        counts[at.LIVE_COUNT] = count - 1
        if s.orders[slot, at.ORDER_EXPIRES] <= counts[at.NEXT_EXPIRY]:
            _set_expiry(s)
    s.orders[slot, at.ORDER_STATE] = at.GONE


@part
def _set_expiry(s: Any) -> None:
    soonest = at.NEVER
    for place in range(s.counts[at.LIVE_COUNT]):
        soonest = min(soonest, s.orders[s.live[place], at.ORDER_EXPIRES])
    s.counts[at.NEXT_EXPIRY] = soonest


@called
def expire(s: Any, stamp: int) -> None:
    """End the orders that rest no longer."""
    place = 0
    while place < s.counts[at.LIVE_COUNT]:
        slot = s.live[place]
        if s.orders[slot, at.ORDER_EXPIRES] <= stamp:
            _end(s, slot, stamp)
        else:
            place += 1


@part
def _end(s: Any, slot: int, stamp: int) -> None:
    _leave(s, slot)
    respond(s, at.ENDED, slot, True, False, 0.0, 0.0, 0.0, stamp)


@called
def arrive(s: Any) -> None:
    """Let the earliest request that is under way reach the exchange."""
    counts = s.counts
    place = counts[at.REQUEST_HEAD] % at.REQUEST_ROOM
    counts[at.REQUEST_HEAD] += 1
    stamp, kind = s.requests[place, at.REQUEST_DUE], s.requests[place, at.REQUEST_KIND]
    slot, number = s.requests[place, at.REQUEST_SLOT], s.requests[place, at.REQUEST_NUMBER]
    orders, numbers = s.orders, s.order_numbers
    if kind == at.PLACE:
        _enter(s, slot, stamp)
    elif orders[slot, at.ORDER_NUMBER] == number and orders[slot, at.ORDER_STATE] == at.LIVE:
        if kind == at.CANCEL:
            _end(s, slot, stamp)
        else:
            units, price = s.request_numbers[place, 0], s.request_numbers[place, 1]
            same_price = abs(price - numbers[slot, at.ORDER_PRICE]) <= 0.5 * s.rules[at.TICK]
            keeps_turn = same_price and abs(units) <= abs(numbers[slot, at.ORDER_UNITS])
            respond(s, at.AMENDED, slot, False, False, units, price, 0.0, stamp)
            if keeps_turn:
                numbers[slot, at.ORDER_UNITS] = units
                s.numbers[at.BUY_EDGE], s.numbers[at.SELL_EDGE] = math.inf, -math.inf
            else:
                _leave(s, slot)
                orders[slot, at.ORDER_STATE] = at.SENT
                numbers[slot, at.ORDER_UNITS], numbers[slot, at.ORDER_PRICE] = units, price
                _enter(s, slot, stamp)
    set_due(s)


@part
def _enter(s: Any, slot: int, stamp: int) -> None:
    """Fill an order that arrives at what is displayed against it, or let it rest."""
    orders, numbers, touch, counts = s.orders, s.order_numbers, s.touch, s.counts
    symbol, units = orders[slot, at.ORDER_SYMBOL], numbers[slot, at.ORDER_UNITS]
    price, half = numbers[slot, at.ORDER_PRICE], 0.5 * s.rules[at.TICK]
    side, left = (1.0, units) if units > 0.0 else (-1.0, -units)
    if side > 0.0:
        near, near_size = touch[symbol, at.BID], touch[symbol, at.BID_SIZE]
        far, far_column, far_size = touch[symbol, at.ASK], at.ASK_SIZE, touch[symbol, at.ASK_SIZE]
    else:
        near, near_size = touch[symbol, at.ASK], touch[symbol, at.ASK_SIZE]
        far, far_column, far_size = touch[symbol, at.BID], at.BID_SIZE, touch[symbol, at.BID_SIZE]
    tif = orders[slot, at.ORDER_TIF]
    in_parts = s.rules[at.IN_PARTS] != 0.0
    takes = side * (price - far) >= -half
    if takes and orders[slot, at.ORDER_POST] != 0:
        counts[at.REJECTED + at.WOULD_TAKE] += 1
        _end(s, slot, stamp)
        return
    if takes and not (tif == at.WHOLE_AT_ONCE and in_parts and far_size < left):
        size = min(left, far_size) if in_parts else left
        if size > 0.0:
            # What is taken is not there for the next order, until the touch is shown anew.
            touch[symbol, far_column] = max(far_size - size, 0.0)
            _fill(s, slot, side * size, far, False, stamp)
            if orders[slot, at.ORDER_STATE] == at.GONE:
                return
    if tif != at.RESTS:
        if math.isinf(price) and math.isnan(far):
            counts[at.REJECTED + at.NOTHING_QUOTED] += 1
        _end(s, slot, stamp)
        return
    count = counts[at.LIVE_COUNT]
    before = _own_before(s, count, symbol, side, price, half)
    ahead = before
    if abs(near - price) <= half:
        ahead = near_size + before
    elif side * (near - price) > half and unknown_behind(s):
        ahead = math.inf
    numbers[slot, at.ORDER_AHEAD], numbers[slot, at.ORDER_TRADED] = ahead, 0.0
    s.numbers[at.BUY_EDGE], s.numbers[at.SELL_EDGE] = math.inf, -math.inf
    orders[slot, at.ORDER_STATE] = at.LIVE
    s.live[count] = slot
    counts[at.LIVE_COUNT] = count + 1
    if count == 0 and touch.shape[0] == 1:
        _set_edges(s, touch[0, at.BID], touch[0, at.ASK], half)
    counts[at.NEXT_EXPIRY] = min(counts[at.NEXT_EXPIRY], orders[slot, at.ORDER_EXPIRES])
    if orders[slot, at.ORDER_EXPIRES] <= stamp:
        _end(s, slot, stamp)

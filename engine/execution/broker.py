"""One bar through the order engine: financing, fills in their sequence, margin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.equity import mark_until
from engine.execution.fills import fill_order
from engine.execution.financing import finance
from engine.execution.guard import is_calm
from engine.execution.layout import (
    ACTIVE,
    AT_CLOSE,
    AT_ONCE,
    AT_OPEN,
    BEYOND,
    BORN_OF_LIMIT,
    BORN_OF_STOP,
    BRACKET_RULE,
    CANCELLED,
    CASH,
    CLOSE,
    CLOSE_AT_END,
    DIPS,
    EVERY_BAR,
    EXPIRED,
    FIRST_SUB_BAR,
    FLAT_AT_CLOSE,
    FOR_CLOSE,
    FORCED,
    HEARD,
    IMMEDIATE,
    INITIAL_CASH,
    MARKED,
    MARKET,
    NEXT_ID,
    OPEN,
    ORDER_EXPIRY,
    ORDER_ID,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_STATE,
    ORDER_SYMBOL,
    PASSED,
    PATH,
    PENDING,
    RESTING,
    SAME_CLOSE,
    SEED,
    START_CASH,
    SUB_BAR_WIDTH,
    SUB_BARS,
    TAPE_BARS,
    TAPE_TAKEN,
    THIS_CLOSE,
    TO_UNITS,
    TRADINGVIEW,
    TRAILS,
    UNITS,
    VIEW,
    VOLUME_LIMIT,
    WATCH,
)
from engine.execution.liquidation import forced_slot, is_below_maintenance
from engine.execution.lone_fills import fill_alone
from engine.execution.marks import exit_quote, is_symbol
from engine.execution.matching import any_touched
from engine.execution.metrics import summarise
from engine.execution.orders import cancel_order, expire_before, first_after, submit
from engine.execution.recorded import take_recorded
from engine.execution.rotation import due_price, reducing_price
from engine.execution.sequence import (
    OPENING,
    REDUCING,
    fill_apart,
    first_phase,
    watch,
    work_range,
)
from engine.execution.sessions import is_closed, last_bar_of_day
from engine.execution.state import Simulation, first_trading_bar
from engine.execution.tape import is_recorded
from engine.execution.together import agree
from engine.execution.trailing import TRAILS_ALONE, is_worked_always, move_trailing_stops

__all__ = ["finish", "open_path", "start", "trade_bar", "trade_close"]


@part
def open_path(s: Simulation) -> None:
    """Look over a new path: where prices reach zero, every position must be watched."""
    above, asked = 0, 0
    for symbol in range(s.path.shape[0]):
        lows = s.path[symbol, 2, first_trading_bar(s) :]
        asked += lows.shape[0]
        for bar in range(lows.shape[0]):
            above += lows[np.uint64(bar)] > 0.0
    s.counts[DIPS] = above < asked


@part
def start(s: Simulation) -> None:
    """Reset the state for a new simulation on the same path."""
    dips, seed, path = s.counts[DIPS], s.counts[SEED], s.counts[PATH]
    recorded = s.counts[TAPE_BARS]
    s.account[:] = 0.0
    s.counts[:] = 0
    s.positions[:] = 0.0
    s.counts[DIPS], s.counts[SEED], s.counts[PATH] = dips, seed, path
    s.counts[TAPE_BARS] = recorded
    s.account[CASH] = s.rules[0, INITIAL_CASH]
    s.account[START_CASH] = s.rules[0, INITIAL_CASH]
    s.counts[MARKED] = first_trading_bar(s)
    if s.rules[0, EVERY_BAR] != 0.0:
        # From the first bar on: for orders that rest over the end of a session, for interest.
        s.counts[WATCH] = s.counts[ACTIVE] = 1
    if is_worked_always(s):
        s.counts[BEYOND] = s.counts[TRAILS] = 1
        if s.counts[WATCH] == 0:
            s.counts[WATCH] = s.counts[ACTIVE] = TRAILS_ALONE
    for row in range(s.tape.shape[0]):
        s.tape[row, TAPE_TAKEN] = 0.0


@part
def trade_bar(s: Simulation, bar: int) -> None:
    """Carry the account from the close before `bar` to its close.

    Financing of the holdings; fills and margin calls in the range of the bar; expiries.
    """
    # Most bars: orders rest, nothing else could change, and marks can wait.
    watched = s.counts[WATCH] != 0 and not is_calm(s, bar)
    if watched or any_touched(s, bar):
        _work_bar(s, bar)


@rare
def _work_bar(s: Simulation, bar: int) -> None:
    keep_apart()
    mark_until(s, bar)
    if s.counts[BEYOND] != 0:
        expire_before(s, bar)
    lone = _is_lone_market_order(s, bar)
    if lone:
        # Most fills of most strategies: what else a bar can hold is not looked for.
        if not fill_alone(s, bar):
            fill_order(s, 0, s.path[0, OPEN, bar], bar, AT_OPEN, float(MARKET), True)
        watch(s)
        if s.counts[PENDING] == 0 and (s.counts[WATCH] == 0 or is_calm(s, bar)):
            s.counts[HEARD] = s.counts[NEXT_ID]
            s.counts[ACTIVE] = s.counts[WATCH]
            return
    touched, quoted = True, s.mark_rows.shape[0] != 0
    if s.counts[WATCH] != 0 and not lone:
        if s.counts[WATCH] != TRAILS_ALONE:
            finance(s, bar)
        touched = quoted or any_touched(s, bar)
    # Sub-bars are worked one after the other, as if each were a bar; a bar without them is the only
    # one of its own. This is no piece by itself: each level of pieces compiles all below it anew.
    first = int(s.rules[0, FIRST_SUB_BAR])
    count = max(int(s.rules[0, SUB_BARS]), 1)
    for number in range(count + (s.counts[FOR_CLOSE] != 0)):
        closing = number == count
        s.counts[VIEW] = 0 if closing else first + number * SUB_BAR_WIDTH
        watched = s.counts[WATCH] != 0
        worked = lone or closing or quoted or any_touched(s, bar)
        if worked or (watched and is_below_maintenance(s, bar)):
            work_range(s, bar, closing)
            _settle_born(s)
        if s.counts[TRAILS] != 0 and not closing:
            move_trailing_stops(s, bar)
    s.counts[VIEW] = 0
    if s.counts[BEYOND] != 0 and is_recorded(s, bar):
        take_recorded(s, bar)
    if s.rules[0, FLAT_AT_CLOSE] != 0.0:
        _end_sessions(s, bar)
    if touched:
        _end_of_bar(s, bar)
    s.counts[HEARD] = s.counts[NEXT_ID]
    s.counts[ACTIVE] = s.counts[PENDING] + s.counts[WATCH]


@part
def _is_lone_market_order(s: Simulation, bar: int) -> bool:
    """Whether a market order is all that `bar` has to fill, and nothing is watched."""
    counts = s.counts
    if counts[PENDING] != 1 or counts[BEYOND] != 0 or counts[FOR_CLOSE] != 0:
        return False
    if counts[WATCH] != 0 and not is_calm(s, bar):
        return False
    if s.positions.shape[0] != 1 or s.orders[0, ORDER_KIND] != MARKET:
        return False
    rules = s.rules[0]
    divided = rules[SUB_BARS] > 1.0 or rules[BRACKET_RULE] == TRADINGVIEW
    if divided or rules[FLAT_AT_CLOSE] != 0.0 or rules[VOLUME_LIMIT] != 0.0:
        return False
    return not is_closed(s, 0, bar)


@part
def trade_close(s: Simulation, bar: int) -> None:
    """Fill at the close of `bar` what is for this very close, by the settings or by its order.

    Of the settings: market orders, and limits and stops that were placed at it and that it has
    passed.
    """
    mark_until(s, bar)
    for phase in range(first_phase(s), OPENING + 1):
        slot = 0
        while slot < s.counts[PENDING]:
            if phase == REDUCING:
                price = reducing_price(s, slot, bar, AT_CLOSE, True)
            else:
                price = due_price(s, slot, bar, AT_CLOSE, True)
            if price == price:
                last = s.orders[slot, ORDER_ID] if phase != REDUCING else 0.0
                fill_apart(s, slot, price, bar, AT_CLOSE)
                slot = first_after(s, last)
            else:
                slot += 1
    while s.counts[BEYOND] != 0 and agree(s, bar, AT_CLOSE, True):
        slot = forced_slot(s)
        while slot >= 0:
            fill_apart(s, slot, s.orders[slot, ORDER_LIMIT], bar, AT_CLOSE)
            slot = forced_slot(s)
    if is_recorded(s, bar):
        take_recorded(s, bar)
    _leave_close(s, bar)
    s.counts[HEARD] = s.counts[NEXT_ID]
    s.counts[ACTIVE] = s.counts[PENDING] + s.counts[WATCH]


@rare
def _leave_close(s: Simulation, bar: int) -> None:
    """Let go of what could fill at the close of `bar` alone, and did not."""
    keep_apart()
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        if order[ORDER_STATE] == THIS_CLOSE:
            order[ORDER_STATE] = RESTING  # its symbol rests: at the next open
        if order[ORDER_STATE] == PASSED:
            order[ORDER_STATE] = RESTING
        at_once = order[ORDER_STATE] == IMMEDIATE and order[ORDER_ID] > s.counts[HEARD]
        if at_once and s.rules[0, SAME_CLOSE] != 0.0:
            slot = cancel_order(s, slot, bar, EXPIRED)
        else:
            slot += 1
    s.counts[AT_ONCE] = 0


@part
def finish(s: Simulation, out: NDArray[np.float64]) -> None:
    """Close what is open, where the settings ask for it; mark the curve, write the metrics."""
    if s.rules[0, CLOSE_AT_END] != 0.0:
        _close_all(s, s.path.shape[2] - 1)
    mark_until(s, s.path.shape[2])
    summarise(s, out)


@part
def _end_of_bar(s: Simulation, bar: int) -> None:
    """Let orders expire, and brackets born inside the bar become ordinary ones."""
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        if order[ORDER_EXPIRY] <= bar:
            slot = cancel_order(s, slot, bar, EXPIRED)
            continue
        slot += 1
    _settle_born(s)


@rare
def _close_all(s: Simulation, bar: int) -> None:
    """Close every position at the close of `bar`, at the costs of a market order."""
    keep_apart()
    mark_until(s, bar)
    while s.counts[PENDING] > 0:
        cancel_order(s, 0, bar, CANCELLED)
    for symbol in range(s.positions.shape[0]):
        _close_position(s, symbol, bar)


@rare
def _end_sessions(s: Simulation, bar: int) -> None:
    """Close the position of every symbol whose session ends with `bar`; its orders expire."""
    keep_apart()
    for symbol in range(s.positions.shape[0]):
        if last_bar_of_day(s, symbol, bar) != bar:
            continue
        _close_position(s, symbol, bar)
        slot = 0
        while slot < s.counts[PENDING]:
            if s.orders[slot, ORDER_SYMBOL] == symbol:
                slot = cancel_order(s, slot, bar, EXPIRED)
            else:
                slot += 1


@part
def _close_position(s: Simulation, symbol: int, bar: int) -> None:
    """Close a position at the close of `bar`, if there is one."""
    if s.positions[symbol, UNITS] == 0.0:
        return
    nan = math.nan
    # It may be the end of a session, or of what is traded: nothing objects to an end.
    if submit(s, bar, symbol, MARKET, TO_UNITS, 0.0, nan, nan, nan, nan, math.inf) > 0:
        slot = s.counts[PENDING] - 1
        s.orders[slot, ORDER_STATE] = FORCED
        quoted = not is_symbol(s, symbol)
        price = exit_quote(s, symbol, bar) if quoted else s.path[symbol, CLOSE, bar]
        fill_apart(s, slot, price, bar, AT_CLOSE)


@part
def _settle_born(s: Simulation) -> None:
    """Make ordinary orders of brackets born inside the bar, and of what was passed over in it."""
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_STATE] in (BORN_OF_STOP, BORN_OF_LIMIT, PASSED):
            s.orders[slot, ORDER_STATE] = RESTING

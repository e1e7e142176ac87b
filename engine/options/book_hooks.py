"""The book under a strategy's own hooks: the five calls by which an event loop drives it.

The event loop is the one of strategies of bars (`engine.strategies.kernel`); in the place of the
order engine stands the book. A bar is marked, what is to end by the rules ends, then the hook is
asked, and what it asks for is done at the same close.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

from engine.compiled import kernel
from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import address_of_compiled, call_at, external
from engine.compiled.views import address_of, floats_at, integers_at
from engine.execution import layout as trading
from engine.execution.calling import part, rare
from engine.execution.linked import BrokerCalls
from engine.execution.state import FRAME_WIDTH, simulation_at
from engine.options.book import (
    begin_book,
    can_close,
    leave,
    mark_all,
    note_close,
)
from engine.options.book_entries import NOT_OPENED, free_row, open_booked
from engine.options.book_exits import close_booked
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    ASKED,
    FILL_CODE,
    FULL,
    GROUP_CROSSED,
    GROUP_FIRST,
    GROUP_SIZE,
    HOOK_FAILED,
    HOOK_FIRST,
    HOOK_SET,
    HOOK_STATUS,
    HOOK_STEP,
    HOOK_STRATEGY,
    MONEY,
    PART_CROSSED,
    ROW_FLAGS,
    SHARES,
    SIMULATION,
    TIED_UP,
    USED,
    book_at,
)
from engine.options.book_margin import book_equity, book_margin, margin_with
from engine.options.book_underlying import rehedge, trade_underlying
from engine.options.handles import CLOSE_LEGS, OPEN_LEGS
from engine.options.layout import (
    BY_ORDER,
    BY_RULES,
    EXPOSED,
    LEG_WIDTH,
    LEVEL,
    MOST_POSITIONS,
    NOT_PRICED,
    OF_HOOK,
    OK,
    PRICE,
    REBALANCED,
    REJECTED,
    RULES_WIDTH,
    TAPE_FULL,
    TRADES,
    UNQUOTED,
)
from engine.strategies.kernel import SIMULATE_ARGUMENTS

__all__ = ["BOOK_AT", "hooked_book_call", "option_calls", "step_call"]

#: Place of the address of the book's frame in that of the simulation, behind what all have.
BOOK_AT: Final = FRAME_WIDTH
# What a step does.
_BEGIN: Final = 0
_BAR: Final = 1
_SERVE: Final = 2
_END: Final = 3
# The code of the event loop, and of a step: frame of the book, what, bar.
call_strategy: Any = call_at(SIMULATE_ARGUMENTS)
call_step: Any = call_at(3)
call_fill: Any = call_at(1)


@cache
def hooked_book_call() -> int:
    """Compile or load ``book(frame, set, first, used)`` of a strategy with hooks: its address.

    It stands in the place of `engine.options.book.book_call`.
    """
    return address_of_compiled(_hooked, 4)


@kernel
def _hooked(frame: int, number: int, first: int, used: int) -> int:
    b = book_at(frame)
    taken = floats_at(used, 1)
    b.account[USED] = taken[0]
    if number == 0:
        failed = call_fill(b.reads[FILL_CODE], frame) if b.reads[FILL_CODE] != 0 else 0
        b.hook[HOOK_FAILED] = failed
    b.hook[HOOK_SET], b.hook[HOOK_FIRST], b.hook[HOOK_STATUS] = number, first, OK
    status = call_strategy(
        b.hook[HOOK_STRATEGY],
        b.reads[SIMULATION],
        address_of(b.rows),
        b.rows.shape[0],
        address_of(b.parameters[number]),
        address_of(b.row_of[number]),
        address_of(b.pad),
    )
    taken[0] = b.account[USED]
    if b.hook[HOOK_FAILED] != 0 and _reads_failed(b, number):
        status = trading.RAISED
    code: int = b.hook[HOOK_STATUS]
    if code == OK and status != 0:
        code = OF_HOOK + status
    return code


@part
def _reads_failed(b: Any, number: int) -> bool:
    """Whether a parameter set reads a row that could not be filled."""
    flags = integers_at(b.reads[ROW_FLAGS], b.row_flags.shape[0])
    found = False
    for output in range(b.row_of.shape[1]):
        found |= flags[b.row_of[number, output]] != 0
    return found


@cache
def step_call() -> int:
    """Compile or load ``step(frame of the book, what, bar)`` and return its address."""
    return address_of_compiled(_step, 3)


@kernel
def _step(frame: int, what: int, bar: int) -> int:
    b = book_at(frame)
    rules = b.plans[b.hook[HOOK_SET], :RULES_WIDTH]
    if what == _BEGIN:
        begin_book(b, rules)
    elif what == _BAR:
        return _bar(b, rules, bar)
    elif what == _SERVE:
        return _serve(b, rules, bar)
    elif b.holdings[SHARES, AMOUNT] != 0.0:  # marked, not sold
        price = b.series[PRICE, bar]
        trade_underlying(b, SHARES, bar, price, -b.holdings[SHARES, AMOUNT], True, REBALANCED)
    return TAPE_FULL if b.account[FULL] != 0.0 else OK


@rare
def _bar(b: Any, rules: Any, bar: int) -> int:
    """Mark a bar and let end what ends by the rules."""
    keep_apart()
    held = mark_all(b, bar)
    if held < 0:
        return NOT_PRICED
    b.totals[EXPOSED] += 1.0 if held > 0 else 0.0
    if held > 0 or b.holdings[SHARES, AMOUNT] != 0.0:
        end = RULES_WIDTH + int(b.groups[0, GROUP_SIZE]) * LEG_WIDTH
        legs = b.plans[b.hook[HOOK_SET], RULES_WIDTH:end]
        leave(b, rules, legs.reshape((int(b.groups[0, GROUP_SIZE]), LEG_WIDTH)), bar)
    rehedge(b, rules, bar)
    note_close(b, bar, b.hook[HOOK_FIRST])
    return TAPE_FULL if b.account[FULL] != 0.0 else OK


@rare
def _serve(b: Any, rules: Any, bar: int) -> int:
    """Do what the hook has asked for, in the order in which it did."""
    keep_apart()
    s = simulation_at(b.reads[SIMULATION])
    for place in range(s.counts[trading.PENDING]):
        order = s.orders[place]
        kind, quantity = order[trading.ORDER_KIND], order[trading.ORDER_QUANTITY]
        if kind == OPEN_LEGS:
            code = _open(b, rules, int(order[trading.ORDER_MODE]), quantity, bar)
            if code == NOT_PRICED:
                return code
        elif kind == CLOSE_LEGS:
            _close_all(b, bar)
        else:
            _hold(b, quantity, bar)
    s.counts[trading.PENDING] = 0
    rehedge(b, rules, bar)
    note_close(b, bar, b.hook[HOOK_FIRST])
    return TAPE_FULL if b.account[FULL] != 0.0 else OK


@part
def _open(b: Any, rules: Any, group: int, contracts: float, bar: int) -> int:
    row = free_row(b, rules)
    known = 0 <= group < b.groups.shape[0]
    by_rules = contracts == BY_RULES
    sized = by_rules or (contracts > 0.0 and math.isfinite(contracts))
    if row < 0 or not known or not sized or math.isnan(b.series[LEVEL, bar]):
        b.totals[REJECTED] += 1.0
        return NOT_OPENED
    before = b.totals[REJECTED]
    b.account[ASKED] = math.nan if by_rules else contracts
    b.account[PART_CROSSED] = b.groups[group, GROUP_CROSSED]
    count = int(b.groups[group, GROUP_SIZE])
    begin = RULES_WIDTH + int(b.groups[group, GROUP_FIRST]) * LEG_WIDTH
    legs = b.plans[b.hook[HOOK_SET], begin : begin + count * LEG_WIDTH].reshape((count, LEG_WIDTH))
    code = open_booked(b, rules, legs, row, bar, book_equity(b), False)
    if code == NOT_OPENED and b.totals[REJECTED] == before:
        b.totals[REJECTED] += 1.0  # no contract, or no quote
    return int(code)


@part
def _close_all(b: Any, bar: int) -> None:
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] == 0.0:
            continue
        if can_close(b, row, bar):
            close_booked(b, row, bar, BY_ORDER)
        else:
            b.totals[UNQUOTED] += 1.0


@part
def _hold(b: Any, units: float, bar: int) -> None:
    """Bring the underlying to a size, if equity covers what it and all else then tie up.

    What ties up no more than before is done in any case.
    """
    price: float = b.series[PRICE, bar]
    held = b.holdings[SHARES, AMOUNT]
    if not math.isfinite(units):
        b.totals[REJECTED] += 1.0
        return
    asked = margin_with(b, bar, units - held)
    if asked > book_equity(b) and asked > book_margin(b, bar):
        b.totals[REJECTED] += 1.0
    elif units != held:
        trade_underlying(b, SHARES, bar, price, units - held, False, REBALANCED)


@cache
def option_calls() -> BrokerCalls:
    """Compile or load the book in the place of the order engine, once per process."""
    return BrokerCalls(
        external(_nothing, 1),
        external(_start, 1),
        external(_trade_bar, 2),
        external(_trade_close, 2),
        external(_finish, 2),
    )


def _nothing(frame: int) -> int:
    return 0


def _start(frame: int) -> int:
    s = simulation_at(frame)
    seed, path, dips = s.counts[trading.SEED], s.counts[trading.PATH], s.counts[trading.DIPS]
    s.account[:] = 0.0
    s.counts[:] = 0
    s.positions[:] = 0.0
    s.counts[trading.SEED], s.counts[trading.PATH], s.counts[trading.DIPS] = seed, path, dips
    s.counts[trading.ACTIVE] = 1  # every bar goes through the book
    _do(frame, _BEGIN, 0)
    return 0


def _trade_bar(frame: int, bar: int) -> int:
    _do(frame, _BAR, bar)
    return 0


def _trade_close(frame: int, bar: int) -> int:
    _do(frame, _SERVE, bar)
    return 0


def _finish(frame: int, metrics: int) -> int:
    _do(frame, _END, simulation_at(frame).path.shape[2] - 1)
    return 0


@part
def _do(frame: int, what: int, bar: int) -> None:
    """Take a step of the book, unless one has failed; tell the hook's account what came of it."""
    book = integers_at(frame, BOOK_AT + 1)[BOOK_AT]
    b = book_at(book)
    if b.hook[HOOK_STATUS] != OK:
        return
    b.hook[HOOK_STATUS] = call_step(b.hook[HOOK_STEP], book, what, bar)
    s = simulation_at(frame)
    s.account[trading.CASH] = b.account[MONEY]
    s.positions[0, trading.UNITS] = b.holdings[SHARES, AMOUNT]
    count = 0
    for row in range(MOST_POSITIONS):
        count += 1 if b.positions[row, ACTIVE] != 0.0 else 0
    s.positions[0, trading.OPEN_LOTS] = count
    s.counts[trading.TRADES] = int(b.totals[TRADES])
    s.account[trading.REALISED] = b.account[TIED_UP]

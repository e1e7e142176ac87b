"""Orders that only reduce: exits of a position, which never leave one that nobody asked for.

An order by units, without exits of its own, against what is held and not larger, is an exit. What
is held counts with the orders of the same bar before it that are for the market or its open, since
they fill first; or with all such that wait, and with the rests of entries that have filled in part.
An exit trades at most what is left of the position when it fills, and leaves the book with the
position: of a stop and a limit that close it the fill of one cancels the other, and a part leaves
the other the rest.

An order that is larger turns the position, as does a target on its other side
(``order.target(-10, limit=103.0)``); an order of a size that follows from the account does what it
says. ``bracket_rule="backtesting_py"`` lets every order fill for itself, as that program does.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import (
    BACKTESTING_PY,
    BEGUN,
    BRACKET_RULE,
    BY_PERCENT,
    BY_UNITS,
    CLOSE_LOT,
    ENTER,
    MARKET,
    MARKET_ON_OPEN,
    ORDER_BAR,
    ORDER_KIND,
    ORDER_MODE,
    ORDER_PARTS,
    ORDER_QUANTITY,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAKE_PROFIT,
    REDUCE,
    REDUCES,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
)
from engine.execution.lots import dust, round_to_lot, settled
from engine.execution.state import Simulation

__all__ = ["mark_reducing", "reduces_nothing", "reducing_units"]


@rare
def mark_reducing(s: Simulation, slot: int) -> None:
    """Make an exit of the order in `slot`, just placed, if it is one."""
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    plain = math.isnan(order[ORDER_TAKE_PROFIT]) and math.isnan(order[ORDER_STOP_LOSS])
    if not plain or s.rules[symbol, BRACKET_RULE] == BACKTESTING_PY:
        return
    if _fits(s, slot, order[ORDER_BAR]) or _fits(s, slot, -math.inf):
        order[ORDER_MODE] = REDUCE
        s.counts[REDUCES] = 1


@rare
def reduces_nothing(s: Simulation, slot: int) -> bool:
    """Whether the order in `slot` is an exit of a position that is no longer there."""
    keep_apart()
    order = s.orders[slot]
    quantity, held = order[ORDER_QUANTITY], s.positions[int(order[ORDER_SYMBOL]), UNITS]
    if order[ORDER_MODE] != REDUCE or _is_against(quantity, held):
        return False
    return not _is_against(quantity, _expected(s, slot, -math.inf))


@part
def reducing_units(s: Simulation, symbol: int, quantity: float) -> float:
    """Signed units that an exit of `quantity` trades now: at most what is held."""
    held = s.positions[symbol, UNITS]
    if not _is_against(quantity, held):
        return 0.0
    units = round_to_lot(s, symbol, quantity)
    return units if abs(units) < abs(held) else -held


@rare
def _fits(s: Simulation, slot: int, since: float) -> bool:
    """Whether the order in `slot` only reduces what is held once market orders have filled."""
    keep_apart()
    symbol = int(s.orders[slot, ORDER_SYMBOL])
    units = round_to_lot(s, symbol, s.orders[slot, ORDER_QUANTITY])
    expected = _expected(s, slot, since)
    over = abs(units) - abs(expected)
    return _is_against(units, expected) and over <= dust(s, symbol, units)


@rare
def _expected(s: Simulation, slot: int, since: float) -> float:
    """Position of the symbol once orders for the market before the one in `slot` have filled.

    So have the rests of entries that filled in part; all of the bar `since` and later. Infinite
    where one opens a position of a size that only its fill tells.
    """
    keep_apart()
    symbol = s.orders[slot, ORDER_SYMBOL]
    expected = s.positions[int(symbol), UNITS]
    for earlier in range(slot):
        order = s.orders[earlier]
        mode, quantity = order[ORDER_MODE], order[ORDER_QUANTITY]
        begun = order[ORDER_PARTS] == BEGUN and mode != REDUCE and mode != CLOSE_LOT
        counts = begun or order[ORDER_KIND] in (MARKET, MARKET_ON_OPEN)
        if order[ORDER_SYMBOL] != symbol or not counts:
            continue
        # What an exit at the open does not get is cancelled: others may still close it.
        lapses = order[ORDER_KIND] == MARKET_ON_OPEN and mode == REDUCE
        if lapses or order[ORDER_BAR] < since:
            continue
        agrees = expected * quantity > 0.0
        if mode == TO_UNITS:
            expected = quantity
        elif mode == TO_PERCENT:
            expected = math.copysign(math.inf, quantity) if quantity != 0.0 else 0.0
        elif mode == ENTER:
            expected = expected if agrees else math.copysign(math.inf, quantity)
        elif mode == BY_PERCENT:
            opens = agrees or expected == 0.0
            expected = math.copysign(math.inf, quantity) if opens else 0.0
        elif mode == BY_UNITS or _is_against(quantity, expected):
            units = round_to_lot(s, int(symbol), quantity)
            turns = mode != BY_UNITS and abs(units) > abs(expected)
            expected = 0.0 if turns else settled(s, int(symbol), expected + units, units)
    return expected


@part
def _is_against(units: float, held: float) -> bool:
    return units < 0.0 < held or held < 0.0 < units

"""Accounting of fills: cash, first-in first-out lots and closed trades."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.compiled.lanes import four_at, higher, highest, lower, lowest
from engine.execution.calling import part, rare
from engine.execution.currencies import is_unpaid
from engine.execution.layout import (
    CASH,
    COMMISSION_PAID,
    COST,
    DURATION_MAX,
    DURATION_SUM,
    FIRST_LOT,
    LARGEST_FILL,
    LOSSES,
    LOST,
    LOT_BAR,
    LOT_COMMISSION,
    LOT_DENOMINATOR,
    LOT_FULL_BAR,
    LOT_ORDER,
    LOT_POINT,
    LOT_PRICE,
    LOT_TAG,
    LOT_UNITS,
    LOT_WIDTH,
    LOTS_FULL,
    MAE_SUM,
    MFE_SUM,
    MULTIPLIER,
    OPEN_LOTS,
    ORDER_PARENT,
    ORDER_QUANTITY,
    PENDING,
    REALISED,
    SLIPPAGE_PAID,
    STATUS,
    STREAK,
    STREAK_MAX,
    TRADE_COMMISSION,
    TRADE_ENTRY_BAR,
    TRADE_ENTRY_PRICE,
    TRADE_ENTRY_TAG,
    TRADE_EXIT_BAR,
    TRADE_EXIT_PRICE,
    TRADE_EXIT_TAG,
    TRADE_MAE,
    TRADE_MFE,
    TRADE_PNL,
    TRADE_ROWS,
    TRADE_SYMBOL,
    TRADE_UNITS,
    TRADED_VALUE,
    TRADES,
    TRADES_FULL,
    UNITS,
    WINS,
    WON,
)
from engine.execution.lots import position_after, settled
from engine.execution.marks import is_symbol, mark_range
from engine.execution.orders import cancel_children
from engine.execution.state import Simulation

__all__ = ["book_fill", "close_lot", "open_lot", "pay"]


@part
def book_fill(
    s: Simulation,
    symbol: int,
    units: float,
    price: float,
    reference: float,
    exchange: float,
    commission: float,
    bar: int,
    closes_before: int,
    opens_from: int,
    order: float,
    parent: float,
    tag: float,
) -> float:
    """Enter a fill of signed `units` at `price` into the books.

    Lots close first in, first out, a bracket's child closes its parent's lot; what is left opens
    a lot. The commission is shared between the two parts in proportion to their units.

    Parameters
    ----------
    reference : float
        Price before slippage.
    exchange : float
        Account currency per unit of the symbol's.
    closes_before, opens_from : int
        A lot closed by this fill lived through the whole range of the bars before
        `closes_before`; one opened by it lives through the whole range of those from
        `opens_from` on.
    order, parent : float
        Number of the order and, for a bracket's child, of its parent, else 0.
    tag : float
        Of the order.

    Returns
    -------
    float
        Units of the lot that was opened, 0 if none.
    """
    account, position = s.account, s.positions[symbol]
    point = s.rules[symbol, MULTIPLIER] * exchange
    unpaid = is_unpaid(s, symbol)
    pay(s, symbol, units, price, reference, point, commission)
    per_unit = commission / abs(units)
    after = position_after(s, symbol, units)
    position[LARGEST_FILL] = max(position[LARGEST_FILL], abs(units))
    left = units
    while position[OPEN_LOTS] > 0.0 and left != 0.0:
        slot = int(position[FIRST_LOT])
        if parent != 0.0:
            slot = _lot_of(s, symbol, parent)
        lot = s.lots[symbol, slot]
        held = lot[LOT_UNITS]
        if held * left > 0.0:
            break
        rest = settled(s, symbol, held + left, units)
        closed = -left if rest * held > 0.0 else held
        if unpaid:
            account[CASH] += closed * (price - lot[LOT_PRICE]) * point
        close_lot(s, symbol, lot, closed, price, point, per_unit, bar, closes_before, tag)
        position[COST] -= closed * lot[LOT_PRICE]
        if rest * held > 0.0:
            lot[LOT_UNITS] = rest
            _resize_children(s, lot[LOT_ORDER], -rest)
            left = 0.0
        else:
            cancel_children(s, lot[LOT_ORDER], bar)
            _remove_lot(s, symbol, slot)
            left = rest
    position[UNITS] = after
    if left != 0.0:
        open_lot(s, symbol, left, price, point, per_unit, bar, opens_from, order, tag)
    if position[OPEN_LOTS] == 0.0:
        # Sums of fractions leave dust; a closed position holds exactly nothing.
        position[UNITS] = 0.0
        position[COST] = 0.0
        position[FIRST_LOT] = 0.0
        position[LARGEST_FILL] = 0.0
    elif s.rules[symbol, LOT_DENOMINATOR] == 0.0 and left != units:
        _add_up(s, symbol)
    return left


@part
def pay(
    s: Simulation,
    symbol: int,
    units: float,
    price: float,
    reference: float,
    point: float,
    commission: float,
) -> None:
    """Pay for a fill of signed `units` out of the cash, and count what it cost.

    `point` is account currency per point of price and unit.
    """
    account = s.account
    account[CASH] -= (0.0 if is_unpaid(s, symbol) else units * price * point) + commission
    account[COMMISSION_PAID] += commission
    account[SLIPPAGE_PAID] += abs(units) * point * abs(price - reference)
    account[TRADED_VALUE] += abs(units) * point * abs(price)


@rare
def _add_up(s: Simulation, symbol: int) -> None:
    """Take the sums over the open lots anew: those of larger positions before were coarser."""
    keep_apart()
    position = s.positions[symbol]
    first = int(position[FIRST_LOT])
    position[UNITS] = position[COST] = 0.0
    for slot in range(first, first + int(position[OPEN_LOTS])):
        lot = s.lots[symbol, slot]
        position[UNITS] += lot[LOT_UNITS]
        position[COST] += lot[LOT_UNITS] * lot[LOT_PRICE]


@part
def _lot_of(s: Simulation, symbol: int, parent: float) -> int:
    first = int(s.positions[symbol, FIRST_LOT])
    for slot in range(first, first + int(s.positions[symbol, OPEN_LOTS])):
        if s.lots[symbol, slot, LOT_ORDER] == parent:
            return slot
    return first


@part
def _remove_lot(s: Simulation, symbol: int, slot: int) -> None:
    position = s.positions[symbol]
    first = int(position[FIRST_LOT])
    position[OPEN_LOTS] -= 1.0
    if slot == first:
        position[FIRST_LOT] += 1.0
        return
    for index in range(slot, first + int(position[OPEN_LOTS])):
        for column in range(LOT_WIDTH):
            s.lots[symbol, index, column] = s.lots[symbol, index + 1, column]


@rare
def _free_slot(s: Simulation, symbol: int) -> int:
    """Return the slot behind the youngest lot, or -1; closed lots leave room in front."""
    keep_apart()
    position = s.positions[symbol]
    capacity = s.lots.shape[1]
    first, count = int(position[FIRST_LOT]), int(position[OPEN_LOTS])
    if first + count < capacity:
        return first + count
    if first == 0:
        return -1
    for index in range(count):
        for column in range(LOT_WIDTH):
            s.lots[symbol, index, column] = s.lots[symbol, first + index, column]
    position[FIRST_LOT] = 0.0
    return count


@part
def _resize_children(s: Simulation, parent: float, quantity: float) -> None:
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_PARENT] == parent:
            s.orders[slot, ORDER_QUANTITY] = quantity


@part
def open_lot(
    s: Simulation,
    symbol: int,
    units: float,
    price: float,
    point: float,
    commission: float,
    bar: int,
    full_bar: int,
    order: float,
    tag: float,
) -> None:
    """Open a lot of signed `units` behind the others; `commission` is that of each unit."""
    position = s.positions[symbol]
    slot = _free_slot(s, symbol)
    if slot < 0:
        s.counts[STATUS] = LOTS_FULL
        return
    lot = s.lots[symbol, slot]
    lot[LOT_UNITS] = units
    lot[LOT_PRICE] = price
    lot[LOT_BAR] = bar
    lot[LOT_COMMISSION] = commission
    lot[LOT_FULL_BAR] = full_bar
    lot[LOT_ORDER] = order
    lot[LOT_POINT] = point
    lot[LOT_TAG] = tag
    position[OPEN_LOTS] += 1.0
    position[COST] += units * price


@part
def close_lot(
    s: Simulation,
    symbol: int,
    lot: NDArray[np.float64],
    units: float,
    price: float,
    point: float,
    commission: float,
    bar: int,
    full_bar: int,
    tag: float,
) -> None:
    """Turn `units` (signed as the lot) of a lot into a closed trade."""
    account, counts = s.account, s.counts
    entry = lot[LOT_PRICE]
    value = units * point
    paid = abs(units) * (lot[LOT_COMMISSION] + commission)
    pnl = value * (price - entry) - paid
    if lot[LOT_POINT] != point and not is_unpaid(s, symbol):
        # What was paid for it was paid at another rate.
        pnl += units * entry * (point - lot[LOT_POINT])
    best_price, worst_price = _range_of(s, symbol, int(lot[LOT_FULL_BAR]), full_bar)
    best_price, worst_price = (
        max(best_price, max(price, entry)),
        min(worst_price, min(price, entry)),
    )
    best, worst = value * (best_price - entry), value * (worst_price - entry)
    if units < 0.0:
        best, worst = worst, best
    duration = bar - lot[LOT_BAR]
    account[REALISED] += pnl
    account[MFE_SUM] += best
    account[MAE_SUM] += worst
    account[DURATION_SUM] += duration
    account[DURATION_MAX] = max(account[DURATION_MAX], duration)
    counts[TRADES] += 1
    if pnl > 0.0:
        account[WON] += pnl
        counts[WINS] += 1
        counts[STREAK] = 0
    elif pnl < 0.0:
        account[LOST] += pnl
        counts[LOSSES] += 1
        counts[STREAK] += 1
        counts[STREAK_MAX] = max(counts[STREAK_MAX], counts[STREAK])
    if s.trades.shape[0] == 0:
        return
    row = counts[TRADE_ROWS]
    if row >= s.trades.shape[0]:
        counts[STATUS] = TRADES_FULL
        return
    counts[TRADE_ROWS] = row + 1
    trade = s.trades[row]
    trade[TRADE_SYMBOL] = symbol
    trade[TRADE_UNITS] = units
    trade[TRADE_ENTRY_BAR] = lot[LOT_BAR]
    trade[TRADE_ENTRY_PRICE] = entry
    trade[TRADE_EXIT_BAR] = bar
    trade[TRADE_EXIT_PRICE] = price
    trade[TRADE_PNL] = pnl
    trade[TRADE_COMMISSION] = paid
    trade[TRADE_MFE] = best
    trade[TRADE_MAE] = worst
    trade[TRADE_ENTRY_TAG] = lot[LOT_TAG]
    trade[TRADE_EXIT_TAG] = tag


@part
def _range_of(s: Simulation, symbol: int, start: int, end: int) -> tuple[float, float]:
    """Highest and lowest price of the bars from `start` to before `end`; infinite without any."""
    if not is_symbol(s, symbol):
        return mark_range(s, symbol, start, end)
    highs, lows = s.path[symbol, 1], s.path[symbol, 2]
    top, bottom = -math.inf, math.inf
    if end - start < 4:
        for bar in range(start, end):
            top, bottom = max(top, highs[bar]), min(bottom, lows[bar])
        return top, bottom
    # The last four may overlap those before: an extreme does not mind.
    tops, bottoms = four_at(highs, end - 4), four_at(lows, end - 4)
    for bar in range(start, end - 4, 4):
        tops = higher(tops, four_at(highs, bar))
        bottoms = lower(bottoms, four_at(lows, bar))
    return highest(tops), lowest(bottoms)

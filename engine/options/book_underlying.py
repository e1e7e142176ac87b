"""The underlying in the book: hedges of positions, what was delivered, and their stretches.

A holding is marked to market in cash, as a future is. A stretch, over which it did not change, is
a row of the tape.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from engine.compiled import kernel
from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import address_of_compiled, call_at
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    ACTIVE,
    AMOUNT,
    AT,
    CONTRACTS_HELD,
    DELTA_NOW,
    DIVIDENDS,
    ENTRY,
    EXPIRY,
    FEES,
    FROM_BAR,
    FROM_PRICE,
    FULL,
    GREEKS,
    HELD,
    LAST_HEDGE,
    LAST_PRICE,
    MONEY,
    NEAREST,
    NUMBER,
    OWN_FRAME,
    PROFIT,
    SHARES,
    SLIPPED,
    TRADE_CODE,
    UNDERLYING_COMMISSION,
    UNDERLYING_POINTS,
    UNDERLYING_SHARE,
    UNITS,
    USED,
    book_at,
)
from engine.options.book_margin import forget_scans
from engine.options.book_marks import dividends_of_bar, underlying_at
from engine.options.layout import (
    COMMISSION_PAID,
    HEDGE_BAND,
    HEDGE_BARS,
    HEDGES,
    MOST_LEGS,
    MOST_POSITIONS,
    MULTIPLIER,
    OF_DELTA,
    PRICE,
    REBALANCED,
    SLIPPAGE_PAID,
    TAPE_WIDTH,
    TRADED_VALUE,
    UNDERLYING_PNL,
)

__all__ = ["mark_holdings", "rehedge", "trade_call", "trade_underlying"]

# Legs by the number that says on a tape what they are: put, call, underlying.
_UNDERLYING = 2.0
# Added to the reason of a trade at the market, as opposed to a delivery.
_AT_MARKET = 100
# The code of a trade: frame, holding, bar, reason.
call_trade = call_at(4)
# Of a holding, below which nothing is held.
_NOTHING = 1e-12


@part
def trade_underlying(
    b: Any, row: int, bar: int, price: float, change: float, delivered: bool, reason: int
) -> None:
    """Change a holding, and write the stretch that ends to the tape.

    Parameters
    ----------
    b : OptionBook
        The book.
    row : int
        Of its holdings: that of a position, or `SHARES`.
    bar : int
        At whose close.
    price, change : float
        Price of the underlying; contracts' worth that come in.
    delivered : bool
        Whether they come by settlement of options, without a trade.
    reason : int
        Written to the tape.
    """
    b.pad[0], b.pad[1] = price, change
    told = reason if delivered else reason + _AT_MARKET
    call_trade(b.codes[TRADE_CODE], b.codes[OWN_FRAME], row, bar, told)


@cache
def trade_call() -> int:
    """Compile or load ``trade(frame, holding, bar, told)`` and return its address.

    The pad of the book holds price and change; `told` is the reason, and more by a hundred for a
    trade at the market.
    """
    return address_of_compiled(_trade, 4)


@kernel
def _trade(frame: int, row: int, bar: int, told: int) -> int:
    b = book_at(frame)
    delivered = told < _AT_MARKET
    _change(b, row, bar, b.pad[0], b.pad[1], delivered, told if delivered else told - _AT_MARKET)
    return 0


@part
def _change(
    b: Any, row: int, bar: int, price: float, change: float, delivered: bool, reason: int
) -> None:
    holding = b.holdings[row]
    if row == SHARES:
        forget_scans(b)
    if holding[AMOUNT] != 0.0:
        _end_stretch(b, row, bar, price, reason)
    holding[AMOUNT] += change
    if abs(holding[AMOUNT]) < _NOTHING:
        holding[AMOUNT] = 0.0
    holding[FROM_BAR], holding[FROM_PRICE], holding[LAST_PRICE] = bar, price, price
    holding[FEES], holding[SLIPPED], holding[DIVIDENDS] = 0.0, 0.0, 0.0
    if delivered:
        return
    size = abs(change)
    half = 0.5 * (b.own[UNDERLYING_SHARE] * abs(price) + b.own[UNDERLYING_POINTS])
    slipped = size * b.terms[MULTIPLIER] * half
    fee = size * b.own[UNDERLYING_COMMISSION]
    holding[FEES], holding[SLIPPED] = fee, slipped
    b.account[MONEY] -= fee + slipped
    b.totals[COMMISSION_PAID] += fee
    b.totals[SLIPPAGE_PAID] += slipped
    b.totals[TRADED_VALUE] += size * b.terms[MULTIPLIER] * abs(price)
    b.totals[HEDGES] += 1.0
    b.totals[UNDERLYING_PNL] -= fee + slipped
    _credit(b, row, -(fee + slipped))
    if holding[AMOUNT] == 0.0 and b.tape.shape[1] > 0 and b.account[USED] > 0.0:
        # Costs of the last trade of a holding belong to the stretch that it ends.
        last = int(b.account[USED]) - 1
        b.tape[10, last] -= fee + slipped
        b.tape[11, last] += fee
        b.tape[13, last] += slipped


@part
def _end_stretch(b: Any, row: int, bar: int, price: float, reason: int) -> None:
    holding = b.holdings[row]
    if b.tape.shape[1] == 0:
        return
    column = int(b.account[USED])
    if column >= b.tape.shape[1]:
        b.account[FULL] = 1.0
        return
    moved = holding[AMOUNT] * (price - holding[FROM_PRICE]) * b.terms[MULTIPLIER]
    oldest = row if row != SHARES else oldest_position(b)
    out = b.tape[:, column]
    out[0] = b.positions[oldest, NUMBER] if oldest >= 0 else -1.0
    out[1], out[2], out[3], out[4] = -1.0, _UNDERLYING, np.nan, bar
    out[5], out[6], out[7] = holding[AMOUNT], holding[FROM_BAR], holding[FROM_PRICE]
    out[8], out[9] = bar, price
    out[10] = moved + holding[DIVIDENDS] - holding[FEES] - holding[SLIPPED]
    out[11], out[12], out[13] = holding[FEES], reason, holding[SLIPPED]
    known = 0.0 if b.own[GREEKS] != 0.0 else np.nan
    for place in range(14, TAPE_WIDTH):
        out[place] = known
    out[14], out[18] = 1.0 + known, moved + known
    b.account[USED] += 1.0


@part
def oldest_position(b: Any) -> int:
    """Return the row of the open position that was opened first; -1 where none is open."""
    found = -1
    for row in range(MOST_POSITIONS):
        if b.positions[row, ACTIVE] != 0.0 and (
            found < 0 or b.positions[row, NUMBER] < b.positions[found, NUMBER]
        ):
            found = row
    return found


@part
def _credit(b: Any, row: int, profit: float) -> None:
    """Let profit of a holding count for its position; of what was delivered for the oldest."""
    owner = row if row != SHARES else oldest_position(b)
    if owner >= 0:
        b.positions[owner, PROFIT] += profit


@rare
def mark_holdings(b: Any, bar: int) -> None:
    """Bring every holding to the close of a bar."""
    keep_apart()
    for row in range(MOST_POSITIONS + 1):
        holding = b.holdings[row]
        if holding[AMOUNT] == 0.0:
            continue
        price: float = b.series[PRICE, bar]
        if row != SHARES:
            price = underlying_at(b, bar, int(b.positions[row, NEAREST]))
        move = price - holding[LAST_PRICE]
        paid = dividends_of_bar(b) * holding[LAST_PRICE]
        moved = holding[AMOUNT] * move * b.terms[MULTIPLIER]
        profit = moved + holding[AMOUNT] * paid * b.terms[MULTIPLIER]
        b.totals[OF_DELTA] += moved
        b.totals[UNDERLYING_PNL] += profit
        b.account[MONEY] += profit
        holding[DIVIDENDS] += profit - moved
        holding[LAST_PRICE] = price
        _credit(b, row, profit)


@rare
def rehedge(b: Any, rules: Any, bar: int) -> None:
    """Let every position hold its delta's opposite of the underlying, when it is time to."""
    keep_apart()
    every, band = int(rules[HEDGE_BARS]), rules[HEDGE_BAND]
    if every == 0 and not (band >= 0.0):
        return
    for row in range(MOST_POSITIONS):
        position = b.positions[row]
        if position[ACTIVE] == 0.0:
            continue
        price = underlying_at(b, bar, int(position[NEAREST]))
        target = 0.0
        for leg in range(MOST_LEGS):
            state = b.states[row * MOST_LEGS + leg]
            if state[HELD] != 0.0 and state[EXPIRY] > bar:
                # A future further out moves by the same share of itself.
                target -= state[UNITS] * state[DELTA_NOW] * (state[AT] / price)
        away = abs(target - b.holdings[row, AMOUNT])
        due = every > 0 and bar - int(position[LAST_HEDGE]) >= every
        first = position[ENTRY] == bar
        breached = band >= 0.0 and away > band * position[CONTRACTS_HELD]
        if (due or first or breached) and away > _NOTHING:
            change = target - b.holdings[row, AMOUNT]
            trade_underlying(b, row, bar, price, change, False, REBALANCED)
            position[LAST_HEDGE] = bar
        elif due or first:
            position[LAST_HEDGE] = bar

"""What a strategy's hooks read: bars and indicators up to now, and the account."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import part
from engine.execution.equity import equity_at, unrealised
from engine.execution.financing import settled_cash
from engine.execution.layout import (
    CASH,
    CLOSE,
    COST,
    FUTURE_READ,
    NO_SYMBOL,
    OPEN_LOTS,
    ORDER_SYMBOL,
    PENDING,
    READ_AHEAD,
    REALISED,
    STATUS,
    TRADES,
    UNITS,
)
from engine.execution.state import Simulation, first_trading_bar

__all__ = [
    "account_average_price",
    "account_cash",
    "account_equity",
    "account_open_lots",
    "account_open_orders",
    "account_position",
    "account_realised",
    "account_trades",
    "account_unrealised",
    "bar_clock",
    "bar_index",
    "bar_value",
    "known_symbol",
    "past_bar_clock",
    "past_bar_value",
    "past_value",
    "value",
]

NAN = float("nan")


# --- bars and indicators -----------------------------------------------------------------


@part
def _note_future_read(s: Simulation, t: int) -> None:
    if s.counts[STATUS] != FUTURE_READ:
        s.counts[STATUS] = FUTURE_READ
        s.counts[READ_AHEAD] = t


@part
def known_symbol(s: Simulation, symbol: int) -> int:
    """Return the number of a symbol; the simulation fails if there is no such symbol."""
    if 0 <= symbol < s.path.shape[0]:
        return symbol
    s.counts[STATUS] = NO_SYMBOL
    return 0


@part
def value(s: Simulation, rows: NDArray[np.float64], start: int, t: int) -> float:
    """Return an indicator at the current bar; its values begin at `start`."""
    return rows[np.uint64(start + t)]


@part
def past_value(s: Simulation, rows: NDArray[np.float64], start: int, t: int, back: int) -> float:
    """Return an indicator `back` bars ago; NaN before the first bar."""
    if back < 0:
        _note_future_read(s, t)
        return NAN
    if back > t:
        return NAN
    return rows[np.uint64(start + t - back)]


@part
def bar_value(s: Simulation, t: int, symbol: int, field: int) -> float:
    """Return a field of the current bar."""
    return s.path[symbol, field, np.uint64(t)]


@part
def past_bar_value(s: Simulation, t: int, symbol: int, field: int, back: int) -> float:
    """Return a field `back` bars ago; NaN before the first bar."""
    if back < 0:
        _note_future_read(s, t)
        return NAN
    if back > t:
        return NAN
    return s.path[symbol, field, np.uint64(t - back)]


@part
def bar_clock(s: Simulation, t: int, row: int) -> float:
    """Return what the clock says at the open of the current bar, a row of `CLOCK_NAMES`."""
    return s.clock[row, np.uint64(t)]


@part
def past_bar_clock(s: Simulation, t: int, row: int, back: int) -> float:
    """Return what the clock said `back` bars ago; NaN before the first bar."""
    if back < 0:
        _note_future_read(s, t)
        return NAN
    if back > t:
        return NAN
    return s.clock[row, np.uint64(t - back)]


@part
def bar_index(s: Simulation, t: int) -> int:
    """Return the number of the current bar, 0 for the first on which the strategy trades."""
    return t - first_trading_bar(s)


# --- the account -------------------------------------------------------------------------


@part
def account_cash(s: Simulation, t: int, symbol: int) -> float:
    """Return cash; buying futures does not spend it, buying anything else does."""
    return settled_cash(s)


@part
def account_equity(s: Simulation, t: int, symbol: int) -> float:
    """Return cash plus the value of the positions at the current close."""
    if t < 0:
        return s.account[CASH]
    return equity_at(s, CLOSE, t)


@part
def account_position(s: Simulation, t: int, symbol: int) -> float:
    """Return the units held, negative if short."""
    return s.positions[symbol, UNITS]


@part
def account_average_price(s: Simulation, t: int, symbol: int) -> float:
    """Return the mean entry price of the open lots; NaN without a position."""
    units = s.positions[symbol, UNITS]
    return s.positions[symbol, COST] / units if units != 0.0 else NAN


@part
def account_unrealised(s: Simulation, t: int, symbol: int) -> float:
    """Return the profit of the open lots at the current close, before commissions."""
    if s.positions[symbol, UNITS] == 0.0:
        return 0.0
    return unrealised(s, symbol, t)


@part
def account_realised(s: Simulation, t: int, symbol: int) -> float:
    """Return the profit of all closed trades, net of their commissions, over all symbols."""
    return s.account[REALISED]


@part
def account_open_orders(s: Simulation, t: int, symbol: int) -> int:
    """Return the number of orders in the book of the symbol."""
    count = 0
    for slot in range(s.counts[PENDING]):
        if s.orders[slot, ORDER_SYMBOL] == symbol:
            count += 1
    return count


@part
def account_open_lots(s: Simulation, t: int, symbol: int) -> int:
    """Return the number of open lots of the symbol: fills that are still held."""
    return int(s.positions[symbol, OPEN_LOTS])


@part
def account_trades(s: Simulation, t: int, symbol: int) -> int:
    """Return the number of closed trades, over all symbols."""
    return s.counts[TRADES]

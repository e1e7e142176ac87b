"""What a strategy's hooks reach: bars and indicators up to now, the account, and orders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.execution.broker import settled_cash
from engine.execution.calling import part
from engine.execution.exits import join_group, replace_exits
from engine.execution.layout import (
    BY_PERCENT,
    BY_UNITS,
    CANCELLED,
    CASH,
    CLOSE,
    COST,
    ENTER,
    FORCED,
    FUTURE_READ,
    LIMIT,
    MARKET,
    NO_SYMBOL,
    OPEN_LOTS,
    ORDER_STATE,
    ORDER_SYMBOL,
    PENDING,
    READ_AHEAD,
    REALISED,
    STATUS,
    STOP,
    STOP_LIMIT,
    TO_PERCENT,
    TO_UNITS,
    TRADES,
    UNITS,
)
from engine.execution.ledger import equity_at, unrealised
from engine.execution.orders import GOOD_TILL_CANCELLED, cancel_order, find_order, submit
from engine.execution.state import Simulation, first_trading_bar

NAN = float("nan")


# --- bars and indicators -----------------------------------------------------------------


@part
def _note_future_read(s: Simulation, t: int) -> None:
    if s.counts[STATUS] != FUTURE_READ:
        s.counts[STATUS] = FUTURE_READ
        s.counts[READ_AHEAD] = t


@part
def known_symbol(s: Simulation, symbol: int) -> int:
    """Return the number of a symbol; the simulation fails where there is none of it."""
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


# --- orders ------------------------------------------------------------------------------
# `take_profit` and `stop_loss` make a bracket: prices at which the position that the order opens
# is closed again. `tif` is "gtc", "day", "ioc" or a number of bars.


@part
def order_market(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
) -> int:
    """Trade `units` (negative: sell) at the next fill."""
    return submit(
        s, t, symbol, MARKET, BY_UNITS, units, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_limit(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    price: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Trade `units` at `price` or better."""
    return submit(s, t, symbol, LIMIT, BY_UNITS, units, price, NAN, take_profit, stop_loss, tif)


@part
def order_stop(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    price: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Trade `units` at the market once `price` is reached."""
    return submit(s, t, symbol, STOP, BY_UNITS, units, NAN, price, take_profit, stop_loss, tif)


@part
def order_stop_limit(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    stop: float,
    limit: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Place a limit order once `stop` is reached."""
    return submit(
        s, t, symbol, STOP_LIMIT, BY_UNITS, units, limit, stop, take_profit, stop_loss, tif
    )


@part
def order_bracket(
    s: Simulation, t: int, symbol: int, units: float, take_profit: float, stop_loss: float
) -> int:
    """Trade `units` at the next fill with both exits in place."""
    return order_market(s, t, symbol, units, take_profit, stop_loss)


@part
def order_target(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
) -> int:
    """Trade to a position of `units`."""
    return submit(
        s, t, symbol, MARKET, TO_UNITS, units, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_target_percent(
    s: Simulation,
    t: int,
    symbol: int,
    fraction: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
) -> int:
    """Trade to a position worth `fraction` of equity."""
    mode = TO_PERCENT
    return submit(
        s, t, symbol, MARKET, mode, fraction, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_percent(
    s: Simulation,
    t: int,
    symbol: int,
    fraction: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
) -> int:
    """Buy for `fraction` of equity (negative: sell), whatever is held."""
    mode = BY_PERCENT
    return submit(
        s, t, symbol, MARKET, mode, fraction, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_long(
    s: Simulation, t: int, symbol: int, take_profit: float = NAN, stop_loss: float = NAN
) -> int:
    """Be long by the sizing rule of the settings; nothing happens if already long."""
    return submit(
        s, t, symbol, MARKET, ENTER, 1.0, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_short(
    s: Simulation, t: int, symbol: int, take_profit: float = NAN, stop_loss: float = NAN
) -> int:
    """Be short by the sizing rule of the settings; nothing happens if already short."""
    return submit(
        s, t, symbol, MARKET, ENTER, -1.0, NAN, NAN, take_profit, stop_loss, GOOD_TILL_CANCELLED
    )


@part
def order_close(s: Simulation, t: int, symbol: int) -> int:
    """Close the position and cancel its bracket when that fills."""
    return submit(s, t, symbol, MARKET, TO_UNITS, 0.0, NAN, NAN, NAN, NAN, GOOD_TILL_CANCELLED)


@part
def order_exit(
    s: Simulation,
    t: int,
    symbol: int,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    from_fill: bool = False,
) -> int:
    """Replace the exits of the position, and of orders that wait to open one.

    With `from_fill` they are distances from the price of each fill, to the side where a
    take-profit or stop-loss belongs. Without prices the exits are removed.
    """
    return replace_exits(s, t, symbol, take_profit, stop_loss, from_fill)


@part
def order_one_cancels_other(
    s: Simulation, t: int, symbol: int, first: float, second: float
) -> bool:
    """Let the fill of one of two orders cancel the other; false if one is not in the book."""
    return join_group(s, first, second)


@part
def order_cancel(s: Simulation, t: int, symbol: int, number: float) -> bool:
    """Cancel the order with this number; false if it is no longer in the book.

    A liquidation is the broker's order: it stays.
    """
    slot = find_order(s, number)
    if slot < 0 or s.orders[slot, ORDER_STATE] == FORCED:
        return False
    cancel_order(s, slot, t, CANCELLED)
    return True


@part
def order_cancel_all(s: Simulation, t: int, symbol: int) -> int:
    """Cancel every order of the symbol and return how many there were."""
    count = 0
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        if order[ORDER_SYMBOL] == symbol and order[ORDER_STATE] != FORCED:
            cancel_order(s, slot, t, CANCELLED)
            count += 1
        else:
            slot += 1
    return count


@part
def follow_signals(
    t: int, s: Simulation, p: Any, r: Any, rows: NDArray[np.float64], state: Any
) -> Any:
    """Trade each symbol to the share of equity that the vector form wants, where it changes.

    The targets lie behind the indicators, a row for each symbol.
    """
    symbols, bars = s.path.shape[0], s.path.shape[2]
    first = rows.shape[0] - symbols * bars
    for symbol in range(symbols):
        row = first + symbol * bars
        wanted = rows[np.uint64(row + t)]
        if wanted != (rows[np.uint64(row + t - 1)] if t > first_trading_bar(s) else 0.0):
            order_target_percent(s, t, symbol, wanted, NAN, NAN)
    return state

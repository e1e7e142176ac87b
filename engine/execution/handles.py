"""What a strategy's hooks reach: bars and indicators up to now, the account, and orders."""

from __future__ import annotations

from engine.execution.calling import part
from engine.execution.exits import replace_exits
from engine.execution.group_calls import order_all_or_none, order_one_cancels_other
from engine.execution.layout import (
    AT_ONCE,
    BY_PERCENT,
    BY_UNITS,
    CANCELLED,
    DISTANCES,
    ENTER,
    FOR_CLOSE,
    FORCED,
    LIMIT,
    MARKET,
    MARKET_ON_CLOSE,
    ORDER_STATE,
    ORDER_SYMBOL,
    ORDER_TAG,
    PENDING,
    STOP,
    STOP_LIMIT,
    THIS_CLOSE,
    TO_PERCENT,
    TO_UNITS,
    TRAILING,
    TRAILING_DISTANCES,
)
from engine.execution.orders import (
    DAY,
    GOOD_TILL_CANCELLED,
    cancel_order,
    expire_after,
    find_order,
    submit,
    submit_for_open,
)
from engine.execution.readings import (
    account_average_price,
    account_cash,
    account_equity,
    account_open_lots,
    account_open_orders,
    account_position,
    account_realised,
    account_trades,
    account_unrealised,
    bar_clock,
    bar_index,
    bar_value,
    known_symbol,
    past_bar_clock,
    past_bar_value,
    past_value,
    value,
)
from engine.execution.state import Simulation
from engine.execution.trailing import submit_trailing_stop

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
    "order_all_or_none",
    "order_bracket",
    "order_cancel",
    "order_cancel_all",
    "order_close",
    "order_exit",
    "order_good_till",
    "order_limit",
    "order_long",
    "order_market",
    "order_market_on_close",
    "order_market_on_open",
    "order_one_cancels_other",
    "order_percent",
    "order_short",
    "order_stop",
    "order_stop_limit",
    "order_tag",
    "order_target",
    "order_target_percent",
    "order_trailing_stop",
    "past_bar_clock",
    "past_bar_value",
    "past_value",
    "value",
]

NAN = float("nan")
# Of a price: a market order. An undefined one is a mistake instead.
UNGIVEN = float("inf")


# --- orders ------------------------------------------------------------------------------
# `take_profit` and `stop_loss` make a bracket: prices at which the position that the order opens
# is closed again. `tif` is "gtc", "day", "ioc", "fok" or a number of bars. With `limit`
# or `stop` an order whose size is known when it fills rests there, or at both, as a stop-limit.


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
def order_trailing_stop(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    distance: float = 0.0,
    share: float = 0.0,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Place a stop that follows the best price from the current close on.

    So far away: `distance` in price, or `share` of the best price.
    """
    return submit_trailing_stop(s, t, symbol, units, distance, share, tif)


@part
def order_market_on_close(s: Simulation, t: int, symbol: int, units: float) -> int:
    """Trade `units` at the close of the session in which an order can first fill."""
    s.counts[FOR_CLOSE] = 1
    return submit(s, t, symbol, MARKET_ON_CLOSE, BY_UNITS, units, NAN, NAN, NAN, NAN, DAY)


@part
def order_market_on_open(s: Simulation, t: int, symbol: int, units: float) -> int:
    """Trade `units` at the open of the session after that of the current bar."""
    return submit_for_open(s, t, symbol, units)


@part
def order_bracket(
    s: Simulation, t: int, symbol: int, units: float, take_profit: float, stop_loss: float
) -> int:
    """Trade `units` at the next fill with both exits in place."""
    return order_market(s, t, symbol, units, take_profit, stop_loss)


@part
def _sized(
    s: Simulation,
    t: int,
    symbol: int,
    mode: int,
    quantity: float,
    take_profit: float,
    stop_loss: float,
    limit: float,
    stop: float,
    tif: float,
) -> int:
    """Submit an order whose size is known when it fills: of the kind that its prices make it."""
    kind = MARKET
    if stop != UNGIVEN:
        kind = STOP if limit == UNGIVEN else STOP_LIMIT
    elif limit != UNGIVEN:
        kind = LIMIT
    limit = NAN if limit == UNGIVEN else limit
    stop = NAN if stop == UNGIVEN else stop
    return submit(s, t, symbol, kind, mode, quantity, limit, stop, take_profit, stop_loss, tif)


@part
def order_target(
    s: Simulation,
    t: int,
    symbol: int,
    units: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    limit: float = UNGIVEN,
    stop: float = UNGIVEN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Trade to a position of `units`."""
    return _sized(s, t, symbol, TO_UNITS, units, take_profit, stop_loss, limit, stop, tif)


@part
def order_target_percent(
    s: Simulation,
    t: int,
    symbol: int,
    fraction: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    limit: float = UNGIVEN,
    stop: float = UNGIVEN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Trade to a position worth `fraction` of equity."""
    return _sized(s, t, symbol, TO_PERCENT, fraction, take_profit, stop_loss, limit, stop, tif)


@part
def order_percent(
    s: Simulation,
    t: int,
    symbol: int,
    fraction: float,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    limit: float = UNGIVEN,
    stop: float = UNGIVEN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Buy for `fraction` of equity (negative: sell), whatever is held."""
    return _sized(s, t, symbol, BY_PERCENT, fraction, take_profit, stop_loss, limit, stop, tif)


@part
def order_long(
    s: Simulation,
    t: int,
    symbol: int,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    limit: float = UNGIVEN,
    stop: float = UNGIVEN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Be long by the sizing rule of the settings; nothing happens if already long."""
    return _sized(s, t, symbol, ENTER, 1.0, take_profit, stop_loss, limit, stop, tif)


@part
def order_short(
    s: Simulation,
    t: int,
    symbol: int,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    limit: float = UNGIVEN,
    stop: float = UNGIVEN,
    tif: float = GOOD_TILL_CANCELLED,
) -> int:
    """Be short by the sizing rule of the settings; nothing happens if already short."""
    return _sized(s, t, symbol, ENTER, -1.0, take_profit, stop_loss, limit, stop, tif)


@part
def order_close(s: Simulation, t: int, symbol: int, now: bool = False) -> int:
    """Close the position and cancel its bracket when that fills.

    With `now` at the close of the current bar, whatever the settings say of other orders.
    """
    number = submit(s, t, symbol, MARKET, TO_UNITS, 0.0, NAN, NAN, NAN, NAN, GOOD_TILL_CANCELLED)
    if now and number > 0:
        s.orders[s.counts[PENDING] - 1, ORDER_STATE] = THIS_CLOSE
        s.counts[AT_ONCE] = 1
    return number


@part
def order_exit(
    s: Simulation,
    t: int,
    symbol: int,
    take_profit: float = NAN,
    stop_loss: float = NAN,
    from_fill: bool = False,
    trailing: bool = False,
) -> int:
    """Replace the exits of the position, and of orders that wait to open one.

    With `from_fill` they are distances from the price of each fill, to the side where a
    take-profit or stop-loss belongs. With `trailing` the stop-loss is the distance at which it
    follows the best price. Without prices the exits are removed.
    """
    meant = DISTANCES if from_fill else 0.0
    if trailing:
        meant = TRAILING_DISTANCES if from_fill else TRAILING
    return replace_exits(s, t, symbol, take_profit, stop_loss, meant)


@part
def order_good_till(s: Simulation, t: int, symbol: int, number: float, instant: float) -> bool:
    """Let an order fill only on bars that open up to `instant`, seconds since 1970-01-01 UTC."""
    return expire_after(s, t, number, instant)


@part
def order_tag(s: Simulation, t: int, symbol: int, number: float, tag: float) -> bool:
    """Give an order in the book a number that the trades it opens or closes tell."""
    slot = find_order(s, number)
    if slot >= 0:
        s.orders[slot, ORDER_TAG] = tag
    return slot >= 0


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
    """Cancel every order of the symbol, and those tied to one; return how many there were."""
    before = s.counts[PENDING]
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        if order[ORDER_SYMBOL] == symbol and order[ORDER_STATE] != FORCED:
            slot = cancel_order(s, slot, t, CANCELLED)
        else:
            slot += 1
    return before - s.counts[PENDING]

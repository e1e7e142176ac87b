"""What hooks read: the tick, the account as it has been heard of, a fill."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.execution.calling import part
from engine.ticks import layout as at
from engine.ticks.accounts import equity_of, mark_of

__all__ = [
    "account_average_price",
    "account_cash",
    "account_equity",
    "account_fees",
    "account_open_buys",
    "account_open_orders",
    "account_open_sells",
    "account_position",
    "account_realised",
    "account_unrealised",
    "fill_fee",
    "fill_maker",
    "fill_order",
    "fill_price",
    "fill_time",
    "fill_units",
    "indicator_value",
    "symbol_of_fill",
    "symbol_of_tick",
    "tick_ask",
    "tick_ask_size",
    "tick_bid",
    "tick_bid_size",
    "tick_index",
    "tick_microprice",
    "tick_mid",
    "tick_spread",
    "tick_stamp",
    "tick_symbol",
    "tick_time",
    "tick_trade",
    "tick_trade_price",
    "tick_trade_side",
    "tick_trade_size",
    "touch_of_event",
    "touch_of_symbol",
]

# --- a touch: of the event as a tuple, or of another symbol as last heard of --------------------


@part
def touch_of_event(s: Any, t: int) -> tuple[float, float, float, float]:
    """Return the touch of an event, in the order of `layout`."""
    place = np.uint64(t)
    return s.bid[place], s.ask[place], s.bid_size[place], s.ask_size[place]


@part
def touch_of_symbol(s: Any, symbol: int) -> tuple[float, float, float, float]:
    """Return the touch of a symbol as last heard of."""
    touch = s.heard_touch
    bid, ask = touch[symbol, at.BID], touch[symbol, at.ASK]
    return bid, ask, touch[symbol, at.BID_SIZE], touch[symbol, at.ASK_SIZE]


@part
def tick_bid(touch: Any) -> float:
    """Best bid."""
    return float(touch[at.BID])


@part
def tick_ask(touch: Any) -> float:
    """Best ask."""
    return float(touch[at.ASK])


@part
def tick_bid_size(touch: Any) -> float:
    """Units displayed at the bid."""
    return float(touch[at.BID_SIZE])


@part
def tick_ask_size(touch: Any) -> float:
    """Units displayed at the ask."""
    return float(touch[at.ASK_SIZE])


@part
def tick_mid(touch: Any) -> float:
    """Middle of the touch."""
    return float(0.5 * (touch[at.BID] + touch[at.ASK]))


@part
def tick_microprice(touch: Any) -> float:
    """Touch weighted by the sizes of the other side."""
    bid, ask = touch[at.BID], touch[at.ASK]
    bid_size, ask_size = touch[at.BID_SIZE], touch[at.ASK_SIZE]
    return float((bid * ask_size + ask * bid_size) / (bid_size + ask_size))


@part
def tick_spread(touch: Any) -> float:
    """Ask less bid."""
    return float(touch[at.ASK] - touch[at.BID])


# --- the event that a hook is told of -----------------------------------------------------------


@part
def symbol_of_tick(s: Any, t: int) -> int:
    """Return the symbol of the event that a hook is told of."""
    return int(s.symbol[t])


@part
def tick_trade(s: Any, t: int, symbol: int) -> bool:
    """Whether the event is a trade."""
    return not math.isnan(s.trade_price[t])


@part
def tick_trade_price(s: Any, t: int, symbol: int) -> float:
    """Price of the trade, NaN without one."""
    return float(s.trade_price[t])


@part
def tick_trade_size(s: Any, t: int, symbol: int) -> float:
    """Units of the trade, NaN without one."""
    return float(s.trade_size[t])


@part
def tick_trade_side(s: Any, t: int, symbol: int) -> int:
    """Who took: 1 a buyer, -1 a seller, 0 unknown."""
    return int(s.trade_side[t])


@part
def tick_symbol(s: Any, t: int, symbol: int) -> int:
    """Symbol that the event is of, by its number."""
    return int(s.symbol[t])


@part
def tick_time(s: Any, t: int, symbol: int) -> int:
    """Time at which the strategy hears of it, in nanoseconds."""
    return int(s.counts[at.NOW])


@part
def tick_stamp(s: Any, t: int, symbol: int) -> int:
    """Time at which it happened, in nanoseconds."""
    return int(s.stamps[t])


@part
def tick_index(s: Any, t: int, symbol: int) -> int:
    """Events heard of before it."""
    return int(s.counts[at.QUOTES] + t - s.counts[at.LOCAL])


@part
def indicator_value(s: Any, place: int) -> float:
    """Return the value of an indicator."""
    return float(s.state[place])


# --- the account, as far as answers have come back --------------------------------------------


@part
def account_position(s: Any, t: int, symbol: int) -> float:
    """Units held."""
    return float(s.heard_books[symbol, at.UNITS])


@part
def account_average_price(s: Any, t: int, symbol: int) -> float:
    """Mean entry price, NaN without a position."""
    if s.heard_books[symbol, at.UNITS] == 0.0:
        return np.nan
    return float(s.heard_books[symbol, at.AVERAGE])


@part
def account_cash(s: Any, t: int, symbol: int) -> float:
    """Cash, after fees."""
    return float(s.numbers[at.HEARD_CASH])


@part
def account_fees(s: Any, t: int, symbol: int) -> float:
    """Fees paid, less rebates."""
    return float(s.numbers[at.HEARD_FEES])


@part
def account_realised(s: Any, t: int, symbol: int) -> float:
    """Gain of what was closed, before fees."""
    return float(s.numbers[at.HEARD_REALISED])


@part
def account_unrealised(s: Any, t: int, symbol: int) -> float:
    """Gain of what is held, at the touch that would close it."""
    units = s.heard_books[symbol, at.UNITS]
    if units == 0.0:
        return 0.0
    price = mark_of(s.heard_touch, symbol, units, s.rules[at.MARK_AT_MID] != 0.0)
    gain = units * (price - s.heard_books[symbol, at.AVERAGE])
    return float(gain * s.rules[at.MULTIPLIER])


@part
def account_equity(s: Any, t: int, symbol: int) -> float:
    """Cash and the value of all positions, at the touch that would close them."""
    return equity_of(s.rules, s.heard_touch, s.heard_books, s.numbers[at.HEARD_CASH])


@part
def account_open_buys(s: Any, t: int, symbol: int) -> int:
    """Orders to buy that are under way or at rest."""
    return int(s.heard_books[symbol, at.BUYS])


@part
def account_open_sells(s: Any, t: int, symbol: int) -> int:
    """Orders to sell that are under way or at rest."""
    return int(s.heard_books[symbol, at.SELLS])


@part
def account_open_orders(s: Any, t: int, symbol: int) -> int:
    """Orders that are under way or at rest."""
    return int(s.heard_books[symbol, at.BUYS] + s.heard_books[symbol, at.SELLS])


# --- a fill that has just been heard of: `t` is its place among the answers ---------------------


@part
def symbol_of_fill(s: Any, t: int) -> int:
    """Return the symbol of the fill that a hook is told of."""
    return int(s.responses[t, at.RESPONSE_SYMBOL])


@part
def fill_units(s: Any, t: int, symbol: int) -> float:
    """Units, negative where sold."""
    return float(s.response_numbers[t, at.RESPONSE_UNITS])


@part
def fill_price(s: Any, t: int, symbol: int) -> float:
    """Price."""
    return float(s.response_numbers[t, at.RESPONSE_PRICE])


@part
def fill_fee(s: Any, t: int, symbol: int) -> float:
    """Fee, negative where a rebate."""
    return float(s.response_numbers[t, at.RESPONSE_FEE])


@part
def fill_order(s: Any, t: int, symbol: int) -> int:
    """Order that it is of, by its number."""
    return int(s.responses[t, at.RESPONSE_ORDER])


@part
def fill_maker(s: Any, t: int, symbol: int) -> bool:
    """Whether it rested."""
    return bool(s.responses[t, at.RESPONSE_MAKER] != 0)


@part
def fill_time(s: Any, t: int, symbol: int) -> int:
    """Time at which the exchange filled it, in nanoseconds."""
    return int(s.responses[t, at.RESPONSE_STAMP])

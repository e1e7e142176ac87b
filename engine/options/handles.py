"""What hooks of option strategies reach beside bars: the account, and orders of legs.

An order is a request that the book serves at the close at which it was placed
(`engine.options.book_hooks`).
"""

from __future__ import annotations

from typing import Final

from engine.execution.calling import part
from engine.execution.layout import (
    CASH,
    NEXT_ID,
    OPEN_LOTS,
    ORDER_ID,
    ORDER_KIND,
    ORDER_MODE,
    ORDER_QUANTITY,
    PENDING,
    REALISED,
    TRADES,
    UNITS,
)
from engine.execution.state import Simulation, first_trading_bar
from engine.options.layout import BY_RULES

__all__ = [
    "CLOSE_LEGS",
    "MOST_REQUESTS",
    "OPEN_LEGS",
    "TARGET",
    "account_cash",
    "account_equity",
    "account_margin",
    "account_open_positions",
    "account_position",
    "account_trades",
    "order_close_legs",
    "order_open_legs",
    "order_target",
]

NAN = float("nan")

# Kinds of requests.
OPEN_LEGS: Final = 0
CLOSE_LEGS: Final = 1
TARGET: Final = 2
#: Requests that a hook may place at one close.
MOST_REQUESTS: Final = 16


@part
def account_cash(s: Simulation, t: int, symbol: int) -> float:
    """Return cash: premiums are paid and received, the underlying is marked to market in it."""
    return float(s.account[CASH])


@part
def account_equity(s: Simulation, t: int, symbol: int) -> float:
    """Return cash plus what all options are worth at the current close."""
    first = first_trading_bar(s)
    return float(s.curve[t - first] if t >= first else s.account[CASH])


@part
def account_margin(s: Simulation, t: int, symbol: int) -> float:
    """Return what everything that is held ties up at the current close."""
    return float(s.account[REALISED])


@part
def account_position(s: Simulation, t: int, symbol: int) -> float:
    """Return the underlying that is held, in contracts' worth; negative if short."""
    return float(s.positions[0, UNITS])


@part
def account_open_positions(s: Simulation, t: int, symbol: int) -> int:
    """Return how many positions of legs are open."""
    return int(s.positions[0, OPEN_LOTS])


@part
def account_trades(s: Simulation, t: int, symbol: int) -> int:
    """Return the number of closed positions."""
    return int(s.counts[TRADES])


@part
def order_open_legs(
    s: Simulation, t: int, symbol: int, legs: float = 0.0, contracts: float = BY_RULES
) -> int:
    """Open a position of legs at this close, all of them or none."""
    return _request(s, OPEN_LEGS, legs, contracts)


@part
def order_close_legs(s: Simulation, t: int, symbol: int) -> int:
    """Close every position of legs at this close."""
    return _request(s, CLOSE_LEGS, 0.0, NAN)


@part
def order_target(s: Simulation, t: int, symbol: int, units: float) -> int:
    """Hold so much of the underlying from this close on, in contracts' worth."""
    return _request(s, TARGET, 0.0, units)


@part
def _request(s: Simulation, kind: int, group: float, quantity: float) -> int:
    """Place a request; return its number from 1 on, or 0 where there is no room for it."""
    place = s.counts[PENDING]
    if place >= s.orders.shape[0]:
        return 0
    s.counts[NEXT_ID] += 1
    order = s.orders[place]
    order[ORDER_ID], order[ORDER_KIND] = s.counts[NEXT_ID], kind
    order[ORDER_MODE], order[ORDER_QUANTITY] = group, quantity
    s.counts[PENDING] = place + 1
    return int(s.counts[NEXT_ID])

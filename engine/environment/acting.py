"""From an agent's action to the calls of the order engine."""

from __future__ import annotations

import math
from typing import Any, Final

from engine.environment.layout import (
    ACTION_KIND,
    ACTION_KINDS,
    DISTANCE,
    ORDERS,
    SIDES,
    TARGET,
)
from engine.execution.calling import part
from engine.execution.handles import (
    order_cancel,
    order_cancel_all,
    order_close,
    order_limit,
    order_market,
    order_stop,
    order_target,
)
from engine.execution.layout import (
    CLOSE,
    LOT_DENOMINATOR,
    LOT_NUMERATOR,
    NEXT_ID,
    PENDING,
    UNITS,
)

__all__ = ["DISTANCES", "ORDER_KINDS", "act", "is_in_space", "wanted_units"]

#: Kinds of orders that an action may place.
ORDER_KINDS: Final = ("none", "market", "limit", "stop", "bracket", "close", "cancel")
#: Steps of the distance of a resting order.
DISTANCES: Final = 10
_NONE, _MARKET, _LIMIT, _STOP, _BRACKET, _CLOSE, _CANCEL = range(len(ORDER_KINDS))
_TOLERANCE: Final = 1e-9


@part
def is_in_space(e: Any, number: int) -> bool:
    """Whether the action of an environment is one of its action space."""
    kind = e.settings[ACTION_KIND]
    for place in range(e.actions.shape[1]):
        value = e.actions[number, place]
        if kind == TARGET:
            if not -1.0 <= value <= 1.0:
                return False
        else:
            most = 2.0
            if kind == ORDERS:
                within = place % 3
                most = 6.0 if within == 0 else 1.0 if within == 1 else DISTANCES - 1.0
            if not 0.0 <= value <= most or value != math.floor(value):
                return False
    return True


@part
def act(e: Any, number: int, s: Any, bar: int) -> None:
    """Do at the close of `bar` what the action of an environment says, for every symbol."""
    kind = e.settings[ACTION_KIND]
    for symbol in range(s.path.shape[0]):
        if kind == ORDERS:
            _place(e, number, s, bar, symbol)
        else:
            value = e.actions[number, symbol]
            if kind == SIDES:
                e.taken[number, int(value)] += 1.0
                value = value if value < 2.0 else -1.0
            else:
                range_of = int((value + 1.0) * 0.5 * ACTION_KINDS)
                e.taken[number, min(range_of, ACTION_KINDS - 1)] += 1.0
            _follow(e, number, s, bar, symbol, value)


@part
def wanted_units(share: float, limit: float, numerator: float, denominator: float) -> float:
    """Return the units that a share of a limit comes to, to the nearest lot."""
    units = share * limit
    if numerator == 0.0:
        return units
    return math.floor(units * denominator / numerator + 0.5) * numerator / denominator


@part
def _follow(e: Any, number: int, s: Any, bar: int, symbol: int, share: float) -> None:
    """Order what leads to a position, unless it is held or on its way."""
    rules = s.rules[symbol]
    wanted = wanted_units(share, e.limits[symbol], rules[LOT_NUMERATOR], rules[LOT_DENOMINATOR])
    if s.counts[PENDING] != 0:
        # One that waits, for a session say, is replaced by what is wanted now.
        order_cancel(s, bar, symbol, float(e.sent[number, symbol]))
    if abs(wanted - s.positions[symbol, UNITS]) > _TOLERANCE * e.limits[symbol]:
        order_target(s, bar, symbol, wanted)
        e.sent[number, symbol] = s.counts[NEXT_ID]


@part
def _place(e: Any, number: int, s: Any, bar: int, symbol: int) -> None:
    """Place the order that an action names: its kind, its side, the distance of its prices."""
    kind = int(e.actions[number, 3 * symbol])
    side = 1.0 if e.actions[number, 3 * symbol + 1] == 0.0 else -1.0
    far = e.settings[DISTANCE] * (e.actions[number, 3 * symbol + 2] + 1.0)
    e.taken[number, kind] += 1.0
    if kind == _NONE:
        return
    close = s.path[symbol, CLOSE, bar]
    units = side * e.limits[symbol]
    away = side * far * abs(close)
    if kind == _MARKET:
        order_market(s, bar, symbol, units)
    elif kind == _LIMIT:
        order_limit(s, bar, symbol, units, close - away)
    elif kind == _STOP:
        order_stop(s, bar, symbol, units, close + away)
    elif kind == _BRACKET:
        order_market(s, bar, symbol, units, close + away, close - away)
    elif kind == _CLOSE:
        order_close(s, bar, symbol)
    else:
        order_cancel_all(s, bar, symbol)

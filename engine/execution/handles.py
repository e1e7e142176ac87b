"""What a strategy's hooks reach: bars and indicators up to now, the account, and orders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload
from numpy.typing import NDArray

from engine.compiled.kernel import inlined
from engine.execution.layout import (
    BY_UNITS,
    CASH,
    COST,
    FUTURE_READ,
    MARKET,
    PENDING,
    STATUS,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
)
from engine.execution.ledger import equity_at
from engine.execution.orders import submit
from engine.execution.state import Simulation

NAN = float("nan")
FOREVER = float("inf")


def keep_int(value: int) -> int:
    """Return a whole number as it is; a fraction is an error of compilation."""
    return value


@overload(keep_int, strict=False)
def _keep_int(value: Any) -> Any:
    if isinstance(value, types.Integer | types.Boolean):
        return lambda value: int(value)
    raise TypingError("a state declared as a whole number is given a fraction; declare it 0.0")


# --- bars and indicators -----------------------------------------------------------------


@inlined
def value(s: Simulation, rows: NDArray[np.float64], row: int, t: int) -> float:
    """Return an indicator at the current bar."""
    return rows[row, t]


@inlined
def past_value(s: Simulation, rows: NDArray[np.float64], row: int, t: int, back: int) -> float:
    """Return an indicator `back` bars ago; NaN before the first bar."""
    if back < 0:
        s.counts[STATUS] = FUTURE_READ
        return NAN
    if back > t:
        return NAN
    return rows[row, t - back]


@inlined
def bar_value(s: Simulation, t: int, symbol: int, field: int) -> float:
    """Return a field of the current bar."""
    return s.path[symbol, field, t]


@inlined
def past_bar_value(s: Simulation, t: int, symbol: int, field: int, back: int) -> float:
    """Return a field `back` bars ago; NaN before the first bar."""
    if back < 0:
        s.counts[STATUS] = FUTURE_READ
        return NAN
    if back > t:
        return NAN
    return s.path[symbol, field, t - back]


# --- the account -------------------------------------------------------------------------


@inlined
def account_cash(s: Simulation, t: int, symbol: int) -> float:
    """Return cash: equity less the value of the positions."""
    return s.account[CASH]


@inlined
def account_equity(s: Simulation, t: int, symbol: int) -> float:
    """Return cash plus the value of the positions at the current close."""
    if t < 0:
        return s.account[CASH]
    return equity_at(s, 3, t)


@inlined
def account_position(s: Simulation, t: int, symbol: int) -> float:
    """Return the units held, negative if short."""
    return s.positions[symbol, UNITS]


@inlined
def account_average_price(s: Simulation, t: int, symbol: int) -> float:
    """Return the mean entry price of the open lots; NaN without a position."""
    units = s.positions[symbol, UNITS]
    if units == 0.0:
        return NAN
    return s.positions[symbol, COST] / units


@inlined
def account_open_orders(s: Simulation, t: int, symbol: int) -> int:
    """Return the number of orders in the book, of all symbols."""
    return s.counts[PENDING]


# --- orders ------------------------------------------------------------------------------


@inlined
def order_market(s: Simulation, t: int, symbol: int, units: float) -> int:
    """Trade `units` (negative: sell) at the next fill."""
    return submit(s, t, symbol, MARKET, BY_UNITS, units, NAN, NAN, NAN, NAN, FOREVER, 0.0)


@inlined
def order_target(s: Simulation, t: int, symbol: int, units: float) -> int:
    """Trade to a position of `units`."""
    return submit(s, t, symbol, MARKET, TO_UNITS, units, NAN, NAN, NAN, NAN, FOREVER, 0.0)


@inlined
def order_target_percent(s: Simulation, t: int, symbol: int, fraction: float) -> int:
    """Trade to a position worth `fraction` of equity."""
    return submit(s, t, symbol, MARKET, TO_PERCENT, fraction, NAN, NAN, NAN, NAN, FOREVER, 0.0)


@inlined
def order_close(s: Simulation, t: int, symbol: int) -> int:
    """Close the position."""
    return submit(s, t, symbol, MARKET, TO_UNITS, 0.0, NAN, NAN, NAN, NAN, FOREVER, 0.0)

"""What equity allows: initial margin and costs of a fill, and the most units within them."""

from __future__ import annotations

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import exchange_rate
from engine.execution.layout import (
    BY_PERCENT,
    ENTER,
    INITIAL_FIXED,
    INITIAL_RATE,
    MULTIPLIER,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_SYMBOL,
    TO_PERCENT,
    UNITS,
)
from engine.execution.lots import position_after, round_to_lot, settled
from engine.execution.marks import price_of, volume_of
from engine.execution.state import Simulation

__all__ = ["margin_covers", "units_within_margin"]

# Halvings after which the bracket around the largest affordable size is below rounding.
_HALVINGS = 60


@part
def margin_covers(
    s: Simulation,
    symbol: int,
    units: float,
    price: float,
    reference: float,
    exchange: float,
    commission: float,
    equity: float,
    field: int,
    bar: int,
) -> bool:
    """Whether equity, less the costs of the fill, covers the initial margin after it."""
    after = position_after(s, symbol, units)
    margin = 0.0
    for other in range(s.positions.shape[0]):
        rules = s.rules[other]
        size = abs(after) if other == symbol else abs(s.positions[other, UNITS])
        at = reference if other == symbol else price_of(s, other, field, bar)
        rate = exchange if other == symbol else exchange_rate(s, other, field, bar)
        point = rules[MULTIPLIER] * rate
        margin += size * (rules[INITIAL_RATE] * abs(at) * point + rules[INITIAL_FIXED] * rate)
    point = s.rules[symbol, MULTIPLIER] * exchange
    cost = abs(units) * abs(price - reference) * point + commission
    # An order sized to the last cent must not fail by rounding.
    return margin <= (equity - cost) * (1.0 + 1e-12)


@rare
def units_within_margin(
    s: Simulation,
    slot: int,
    units: float,
    reference: float,
    exchange: float,
    equity: float,
    field: int,
    bar: int,
) -> float:
    """Cut the size of the order in `slot` to what margin and costs leave.

    Only orders whose size follows from equity are cut: by a sizing rule, or by a share of equity
    that the margin of an empty account allows. The others keep their size, as does one for which
    not a single lot is left: a rejection then says why. What an order closes is never cut.

    Parameters
    ----------
    units : float
        Signed units, too many for the buying power.
    reference : float
        Price before slippage.
    exchange : float
        Account currency per unit of the symbol's.
    equity : float
        Equity at the moment of the fill.
    field : int
        Field of `bar` at which the other symbols are valued.
    """
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    mode = int(order[ORDER_MODE])
    rules = s.rules[symbol]
    if mode in (TO_PERCENT, BY_PERCENT):
        worth = abs(reference) * (rules[MULTIPLIER] * exchange)
        each = rules[INITIAL_RATE] * worth + rules[INITIAL_FIXED] * exchange
        if abs(order[ORDER_QUANTITY]) * each > worth * (1.0 + 1e-12):
            return units
    elif mode != ENTER:
        return units
    held = s.positions[symbol, UNITS]
    volume = volume_of(s, symbol, bar)
    side = 1.0 if units > 0.0 else -1.0
    closed = abs(held) if held * side < 0.0 else 0.0
    # The margin and every kind of cost grow with the units that are opened.
    least, most = 0.0, abs(units) - closed
    for _ in range(_HALVINGS):
        opened = 0.5 * (least + most)
        trade = side * (closed + opened)
        price = slipped_price(s, symbol, trade, reference, volume)
        commission = commission_of(s, symbol, trade, price, exchange, False)
        if margin_covers(
            s, symbol, trade, price, reference, exchange, commission, equity, field, bar
        ):
            least = opened
        else:
            most = opened
    opened = round_to_lot(s, symbol, least)
    return settled(s, symbol, side * (closed + opened), units) if opened > 0.0 else units

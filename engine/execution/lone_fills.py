"""The commonest fills by a short way: a position opened from nothing, or closed to nothing.

A market order alone in the book, of the only symbol, in the account's currency, with neither exits
nor limits of volume: most fills of most strategies. They are booked as `engine.execution.fills`
and `engine.execution.ledger` book them, operation for operation; whatever else an order may be is
left to these.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import is_unpaid
from engine.execution.layout import (
    CASH,
    CLOSE_LOT,
    COST,
    FIRST_LOT,
    LARGEST_FILL,
    LOT_UNITS,
    MULTIPLIER,
    OPEN,
    OPEN_LOTS,
    ORDER_GROUP,
    ORDER_ID,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP_LOSS,
    ORDER_TAG,
    ORDER_TAKE_PROFIT,
    PENDING,
    POSITION_CAP,
    RATE_KIND,
    RESTING,
    SHORTABLE,
    STOP_LOSS,
    TAKE_PROFIT,
    TO_PERCENT,
    TO_UNITS,
    UNITS,
    VOLUME,
)
from engine.execution.ledger import close_lot, open_lot, pay
from engine.execution.lots import position_after
from engine.execution.margin import margin_covers
from engine.execution.sizing import units_of
from engine.execution.state import Simulation

__all__ = ["fill_alone"]


@rare
def fill_alone(s: Simulation, bar: int) -> bool:
    """Fill a lone market order at the open of `bar`, if it is one that is booked here.

    Returns
    -------
    bool
        False where it is not: nothing has changed then.
    """
    keep_apart()
    if not _is_plain(s):
        return False
    position = s.positions[0]
    if position[OPEN_LOTS] == 0.0 and position[UNITS] == 0.0:
        return _opens(s, bar)
    return position[OPEN_LOTS] == 1.0 and _closes(s, bar)


@part
def _is_plain(s: Simulation) -> bool:
    """Whether order and rules ask for nothing but a fill of its symbol, logged nowhere."""
    order, rules = s.orders[0], s.rules[0]
    plain = order[ORDER_STATE] == RESTING and order[ORDER_GROUP] == 0.0
    plain = plain and order[ORDER_STOP_LOSS] != order[ORDER_STOP_LOSS]
    plain = plain and order[ORDER_TAKE_PROFIT] != order[ORDER_TAKE_PROFIT]
    plain = plain and rules[STOP_LOSS] == 0.0 and rules[TAKE_PROFIT] == 0.0
    plain = plain and rules[RATE_KIND] == 0.0 and not is_unpaid(s, 0)
    return plain and s.events.shape[0] == 0


@part
def _opens(s: Simulation, bar: int) -> bool:
    """Open a position with all that equity and rules have no objection to."""
    order, rules, position = s.orders[0], s.rules[0], s.positions[0]
    equity, reference, volume = s.account[CASH], s.path[0, OPEN, bar], s.path[0, VOLUME, bar]
    if order[ORDER_MODE] == CLOSE_LOT or not equity > 0.0:
        return False
    units = units_of(s, 0, equity, reference, 1.0, volume, bar - 1)
    price = slipped_price(s, 0, units, reference, volume)
    if units == 0.0 or not (math.isfinite(units) and math.isfinite(price)):
        return False
    commission = commission_of(s, 0, units, price, 1.0, False)
    after = position_after(s, 0, units)
    if after == 0.0 or abs(after) > rules[POSITION_CAP]:
        return False
    if after < 0.0 and rules[SHORTABLE] == 0.0:
        return False
    if not margin_covers(s, 0, units, price, reference, 1.0, commission, equity, OPEN, bar):
        return False
    s.counts[PENDING] = 0
    point = rules[MULTIPLIER] * 1.0
    pay(s, 0, units, price, reference, point, commission)
    position[LARGEST_FILL] = max(position[LARGEST_FILL], abs(units))
    position[UNITS] = after
    per_unit = commission / abs(units)
    open_lot(s, 0, units, price, point, per_unit, bar, bar, order[ORDER_ID], order[ORDER_TAG])
    return True


@part
def _closes(s: Simulation, bar: int) -> bool:
    """Close a position of a single lot, to which nothing objects."""
    order, position = s.orders[0], s.positions[0]
    mode, held = order[ORDER_MODE], position[UNITS]
    if order[ORDER_QUANTITY] != 0.0 or (mode != TO_UNITS and mode != TO_PERCENT):
        return False
    lot = s.lots[0, int(position[FIRST_LOT])]
    reference = s.path[0, OPEN, bar]
    price = slipped_price(s, 0, -held, reference, s.path[0, VOLUME, bar])
    if lot[LOT_UNITS] != held or not math.isfinite(price):
        return False
    commission = commission_of(s, 0, -held, price, 1.0, False)
    s.counts[PENDING] = 0
    point = s.rules[0, MULTIPLIER] * 1.0
    pay(s, 0, -held, price, reference, point, commission)
    close_lot(s, 0, lot, held, price, point, commission / abs(held), bar, bar, order[ORDER_TAG])
    position[UNITS] = position[COST] = position[FIRST_LOT] = 0.0
    position[LARGEST_FILL] = position[OPEN_LOTS] = 0.0
    return True

"""The fill of one order: its size, the checks it must pass, its price and its children."""

from __future__ import annotations

import math
from typing import Final

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import exchange_rate, value_of
from engine.execution.exits import cancel_group, cancel_reducing, place_exits
from engine.execution.layout import (
    AGREED,
    AT_CLOSE,
    AT_OPEN,
    BACKTESTING_PY,
    BORN_OF_LIMIT,
    BORN_OF_STOP,
    BRACKET_RULE,
    BUYING_POWER,
    BY_UNITS,
    CANCELLED,
    CASH,
    CLOSE,
    CLOSE_LOT,
    DISTANCES,
    FILLED,
    FIRST_SUB_BAR,
    FLAT_AT_CLOSE,
    FORCED,
    HALTED,
    INSIDE_BY_LIMIT,
    INSIDE_BY_STOP,
    INVALID,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    NEXT_ID,
    NOT_SHORTABLE,
    OPEN,
    ORDER_FROM_FILL,
    ORDER_GROUP,
    ORDER_ID,
    ORDER_MODE,
    ORDER_PARENT,
    ORDER_PARTS,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAG,
    ORDER_TAKE_PROFIT,
    POSITION_CAP,
    POSITION_LIMIT,
    REDUCE,
    REDUCES,
    REFUSED,
    REJECTED,
    RESTING,
    SHORTABLE,
    SIZE_BELOW_LOT,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TAPE_COMMISSION,
    TAPE_PRICE,
    TAPE_TAKEN,
    TAPE_UNITS,
    UNITS,
    VIEW,
    VOLUME,
    VOLUME_LIMIT,
    WHOLE,
)
from engine.execution.ledger import book_fill
from engine.execution.lots import dust, position_after, round_to_lot, settled
from engine.execution.margin import margin_covers, units_within_margin
from engine.execution.marks import price_of, volume_of
from engine.execution.orders import cancel_order, log_event, remove_order
from engine.execution.sessions import last_bar_of_day
from engine.execution.sizing import units_of
from engine.execution.state import Simulation
from engine.execution.tape import is_recorded, pass_over, recorded_fill, rest_of
from engine.execution.volume import note_volume, rest_leaves, volume_left

__all__ = ["OPENS", "equity_with", "fill_order", "objection", "wants_units"]

#: Of `objection`: nothing objects so far, and the fill makes a position larger.
OPENS: Final = -2


@part
def fill_order(
    s: Simulation, slot: int, reference: float, bar: int, moment: int, kind: float, plain: bool
) -> None:
    """Fill or reject the order in `slot` at price `reference` and take it out of the book.

    Parameters
    ----------
    reference : float
        The price before slippage.
    moment : int
        AT_OPEN, INSIDE_BY_STOP, INSIDE_BY_LIMIT or AT_CLOSE.
    kind : float
        The order's; a constant where the caller knows it.
    plain : bool
        Whether there is nothing but orders of symbols, each for itself, and no record of fills
        (BEYOND is 0): a constant, so that nothing else costs such a fill anything.
    """
    order = s.orders[slot]
    number = order[ORDER_ID]
    symbol = int(order[ORDER_SYMBOL])
    mode = int(order[ORDER_MODE])
    field = CLOSE if moment == AT_CLOSE else OPEN
    equity = equity_with(s, symbol, reference, field, bar)
    exchange = exchange_rate(s, symbol, field, bar)
    volume = s.path[symbol, VOLUME, bar] if plain else volume_of(s, symbol, bar)
    units = units_of(s, slot, equity, reference, exchange, volume, bar - (moment != AT_CLOSE))
    limited = s.rules[symbol, VOLUME_LIMIT] != 0.0 and order[ORDER_STATE] != FORCED
    recorded = not plain and is_recorded(s, bar)
    row = recorded_fill(s, slot, bar, units) if recorded else -1
    wanted, rest = units, 0.0
    if limited:
        units, rest = _within_volume(s, symbol, units, bar)
    if order[ORDER_PARTS] == WHOLE and row < 0 and (rest != 0.0 or _falls_short(s, slot, units)):
        cancel_order(s, slot, bar, CANCELLED)
        return
    price = reference
    if kind != LIMIT:
        price = slipped_price(s, symbol, units, reference, volume)
    maker = kind == LIMIT and moment == INSIDE_BY_LIMIT
    commission = commission_of(s, symbol, units, price, exchange, maker)
    if row >= 0:
        if s.tape[row, TAPE_UNITS] != units:
            units = s.tape[row, TAPE_UNITS]
            rest = rest_of(s, slot, wanted, units)
        price, commission = s.tape[row, TAPE_PRICE], s.tape[row, TAPE_COMMISSION]
        s.tape[row, TAPE_TAKEN] = 1.0
    elif units == 0.0 and order[ORDER_QUANTITY] * 0.0 == 0.0 and not wants_units(s, slot):
        log_event(s, slot, bar, CANCELLED, 0.0, math.nan, 0.0)
        remove_order(s, slot)
        return
    reason = -1
    if row < 0 and (plain or order[ORDER_STATE] != AGREED):
        reason = objection(s, slot, units, price, equity, field, bar)
    if reason == OPENS:
        covered = margin_covers(
            s, symbol, units, price, reference, exchange, commission, equity, field, bar
        )
        reason = -1 if covered else BUYING_POWER
    if reason == BUYING_POWER:
        cut = units_within_margin(s, slot, units, reference, exchange, equity, field, bar)
        if cut != units:
            units, rest = cut, 0.0
            price = slipped_price(s, symbol, units, reference, volume)
            commission = commission_of(s, symbol, units, price, exchange, maker)
            reason = -1
    if reason >= 0:
        s.counts[REJECTED + reason] += 1
        log_event(s, slot, bar, REFUSED + reason, units, math.nan, 0.0)
        remove_order(s, slot)
        return
    if recorded and row < 0:
        pass_over(s, slot, bar)
        return
    log_event(s, slot, bar, FILLED, units, price, commission)
    take_profit, stop_loss = order[ORDER_TAKE_PROFIT], order[ORDER_STOP_LOSS]
    parent = order[ORDER_PARENT] if mode == CLOSE_LOT else 0.0
    from_fill, group, tag = order[ORDER_FROM_FILL], order[ORDER_GROUP], order[ORDER_TAG]
    if rest == 0.0:
        remove_order(s, slot)
    elif rest_leaves(s, slot, rest):
        cancel_order(s, slot, bar, CANCELLED)
    if group > 0.0:
        cancel_group(s, group, bar)
    state = RESTING
    if moment == INSIDE_BY_STOP:
        state = BORN_OF_STOP
    elif moment == INSIDE_BY_LIMIT:
        state = BORN_OF_LIMIT
    elif kind not in (MARKET, MARKET_ON_OPEN) and s.rules[symbol, BRACKET_RULE] == BACKTESTING_PY:
        state = BORN_OF_STOP if kind == STOP else BORN_OF_LIMIT
    if rest != 0.0:
        # Each part opens a lot of its own, which its exits close.
        s.counts[NEXT_ID] += 1
        number = float(s.counts[NEXT_ID])
    if limited:
        note_volume(s, symbol, units, bar)
    opened = book_fill(
        s,
        symbol,
        units,
        price,
        reference,
        exchange,
        commission,
        bar,
        bar + (moment == AT_CLOSE),
        bar + (moment != AT_OPEN or s.counts[VIEW] > s.rules[symbol, FIRST_SUB_BAR]),
        number,
        parent,
        tag,
    )
    if s.counts[REDUCES] != 0:
        cancel_reducing(s, bar)
    own_exits = stop_loss == stop_loss or take_profit == take_profit
    default = s.rules[symbol, STOP_LOSS] != 0.0 or s.rules[symbol, TAKE_PROFIT] != 0.0
    if default and opened != 0.0 and not own_exits:
        stop_loss, take_profit = _default_exits(s, symbol, price)
        own_exits, from_fill = True, DISTANCES
    if opened != 0.0 and own_exits:
        place_exits(
            s,
            symbol,
            opened,
            price,
            reference,
            take_profit,
            stop_loss,
            from_fill,
            bar,
            moment,
            number,
            state,
            tag,
        )


@part
def equity_with(s: Simulation, symbol: int, price: float, field: int, bar: int) -> float:
    """Equity with `symbol` at `price` and the others at the open or close of `bar`."""
    equity = s.account[CASH]
    for other in range(s.positions.shape[0]):
        if s.positions[other, UNITS] != 0.0:
            at = price if other == symbol else price_of(s, other, field, bar)
            equity += value_of(s, other, at, field, bar)
    return equity


@rare
def _within_volume(s: Simulation, symbol: int, units: float, bar: int) -> tuple[float, float]:
    """Part of a size that the volume of `bar` allows, and what is left of it."""
    keep_apart()
    left = volume_left(s, symbol, bar)
    if not abs(units) > left:
        return units, 0.0
    part_of = math.copysign(left, units)
    return part_of, settled(s, symbol, units - part_of, units)


@rare
def _falls_short(s: Simulation, slot: int, units: float) -> bool:
    """Whether an exit finds less of its position than it was to close."""
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    over = abs(round_to_lot(s, symbol, order[ORDER_QUANTITY])) - abs(units)
    return order[ORDER_MODE] == REDUCE and over > dust(s, symbol, units)


@rare
def _default_exits(s: Simulation, symbol: int, price: float) -> tuple[float, float]:
    """Distances of the settings' stop-loss and take-profit from a fill; NaN: none."""
    keep_apart()
    loss, gain = s.rules[symbol, STOP_LOSS], s.rules[symbol, TAKE_PROFIT]
    size = abs(price)
    return (loss * size if loss != 0.0 else math.nan), (gain * size if gain != 0.0 else math.nan)


@part
def wants_units(s: Simulation, slot: int) -> bool:
    """Whether the order asks for a trade, so that a size of zero is a rejection."""
    order = s.orders[slot]
    mode = int(order[ORDER_MODE])
    if mode == BY_UNITS:
        return True
    held = s.positions[int(order[ORDER_SYMBOL]), UNITS]
    if mode == REDUCE:
        return order[ORDER_QUANTITY] * held < 0.0
    return order[ORDER_QUANTITY] != 0.0 and held == 0.0 and mode != CLOSE_LOT


@part
def objection(
    s: Simulation, slot: int, units: float, price: float, equity: float, field: int, bar: int
) -> int:
    """Return the reason to reject a fill, -1, or OPENS where it needs margin to cover it."""
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    if order[ORDER_STATE] == FORCED:
        return -1
    if not (math.isfinite(units) and math.isfinite(price)):
        return INVALID
    if units == 0.0:
        return SIZE_BELOW_LOT if order[ORDER_QUANTITY] != 0.0 else INVALID
    held = s.positions[symbol, UNITS]
    after = position_after(s, symbol, units)
    if abs(after) <= abs(held) and after * held >= 0.0:
        return -1
    if equity <= 0.0:
        return HALTED
    terms = s.rules[symbol]
    if terms[FLAT_AT_CLOSE] != 0.0 and _ends_session(s, symbol, field, bar):
        return HALTED
    if after < 0.0 and terms[SHORTABLE] == 0.0:
        return NOT_SHORTABLE
    over = abs(after) - terms[POSITION_CAP]
    if over > 0.0 and over > dust(s, symbol, after):
        return POSITION_LIMIT
    return OPENS


@rare
def _ends_session(s: Simulation, symbol: int, field: int, bar: int) -> bool:
    """Whether a fill at the open or close of `bar` is at the end of the symbol's session."""
    keep_apart()
    return field == CLOSE and last_bar_of_day(s, symbol, bar) == bar

"""Margin inside a bar: where maintenance is crossed, and what is sold there.

Between two instants of a bar prices move along a *way*: from the open to the extreme that harms
the holding (the low if long, the high if short), or along a leg of a walk. Several symbols move
together, so that the end of the way to the extremes is the sum of what each can do to the
account: a pessimistic bound. The price at which maintenance is crossed lies on the way, so it was
traded in the bar; an instrument with ticks is sold at the next one below, or bought at the next
above, or at the extreme of the bar where that comes first.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.costs import commission_of, slipped_price
from engine.execution.currencies import exchange_rate, value_of
from engine.execution.layout import (
    AGREED,
    CANCELLED,
    CASH,
    COST,
    FORCED,
    INITIAL_FIXED,
    INITIAL_RATE,
    ISOLATED,
    MAINTENANCE_FIXED,
    MAINTENANCE_RATE,
    MARGIN_CALLS,
    MARKET,
    MULTIPLIER,
    OPEN,
    ORDER_LIMIT,
    ORDER_PARENT,
    ORDER_STATE,
    ORDER_SYMBOL,
    PENDING,
    TICK_DENOMINATOR,
    TICK_NUMERATOR,
    TO_MAINTENANCE,
    TO_UNITS,
    UNITS,
    VIEW,
)
from engine.execution.lots import round_to_lot
from engine.execution.marks import exit_quote, is_symbol, volume_of
from engine.execution.orders import GOOD_TILL_CANCELLED, cancel_order, submit
from engine.execution.sessions import rests
from engine.execution.state import Simulation
from engine.execution.ticks import on_tick
from engine.execution.ways import AT_THE_OPEN, TO_EXTREME, WHOLE, price_along

__all__ = ["call_margin", "forced_slot", "is_below_maintenance"]

# Of maintenance: an account that holds exactly it is not called for rounding.
_ROUNDING = 1e-12
# Of the way: as near as a secant needs to come.
_NEAR = 1e-9
# An account of nothing is below a maintenance of nothing.
_NOTHING = -1e-300
_HALVINGS = 60


@rare
def is_below_maintenance(s: Simulation, bar: int) -> bool:
    """Whether margin would be called for somewhere in the range of `bar`."""
    keep_apart()
    below = False
    for account in range(_accounts(s)):
        below = below or _slack(s, account, bar, TO_EXTREME, 1.0) < 0.0
    return below


@rare
def call_margin(
    s: Simulation, bar: int, way: int, since: float, before: float, before_whole: float
) -> bool:
    """Place the liquidation of what cannot be held on a way through `bar`.

    The orders are in the book, marked as forced, with the price at which they fill as their
    limit; one of a symbol that does not trade at `bar` waits for its session, without a price.
    Other orders are cancelled, but for brackets of what is kept.

    Parameters
    ----------
    way : int
        One of `engine.execution.ways`.
    since : float
        Share of the way that lies behind.
    before : float
        Share of the way at which something else happens first; infinity: nothing does.
    before_whole : float
        The same as a share of the whole range, from the extreme that favours the holding.

    Returns
    -------
    bool
        Whether there is a liquidation to be filled at once.
    """
    keep_apart()
    placed = False
    for account in range(_accounts(s)):
        taken, limit = way, before
        share = _crossing(s, account, bar, way, since)
        if way == TO_EXTREME and share == since and _slack(s, account, bar, way, since) < 0.0:
            # Opened inside the bar at a price beyond its open, where maintenance is crossed.
            taken, limit = WHOLE, before_whole
            share = _crossing(s, account, bar, taken, 0.0)
            if share == 0.0 and _slack(s, account, bar, taken, 0.0) < 0.0:
                share = 1.0  # no price of the bar covers it
        if share < limit and not _waits(s, account):
            placed = _liquidate(s, account, bar, taken, share) or placed
    return placed


@part
def forced_slot(s: Simulation) -> int:
    """Slot of an order that fills at once at its limit, or -1: liquidations, and agreed fills."""
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        due = order[ORDER_STATE] == FORCED or order[ORDER_STATE] == AGREED
        if due and order[ORDER_LIMIT] == order[ORDER_LIMIT]:
            return slot
    return -1


@part
def _maintenance(s: Simulation, symbol: int, price: float, exchange: float) -> float:
    """Maintenance margin of a unit at `price`, in account currency."""
    rules = s.rules[symbol]
    worth = abs(price) * (rules[MULTIPLIER] * exchange)
    return rules[MAINTENANCE_RATE] * worth + rules[MAINTENANCE_FIXED] * exchange


@part
def _accounts(s: Simulation) -> int:
    """Return the number of margin accounts: one, or one for each symbol."""
    return s.positions.shape[0] if s.rules[0, ISOLATED] != 0.0 else 1


@part
def _belongs(s: Simulation, symbol: int, account: int) -> bool:
    return s.rules[0, ISOLATED] == 0.0 or symbol == account


@rare
def _slack(s: Simulation, account: int, bar: int, way: int, share: float) -> float:
    """Equity above maintenance at a share of the way; infinite without a position.

    An isolated account is the initial margin of its open lots and what they have gained.
    """
    keep_apart()
    isolated = s.rules[0, ISOLATED] != 0.0
    equity = 0.0 if isolated else s.account[CASH]
    needed = 0.0
    held = False
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units == 0.0 or not _belongs(s, symbol, account):
            continue
        held = True
        rules = s.rules[symbol]
        at = price_along(s, symbol, bar, way, share)
        rate = exchange_rate(s, symbol, OPEN, bar)
        point = rules[MULTIPLIER] * rate
        if isolated:
            cost = s.positions[symbol, COST] * point
            equity += units * point * at
            fixed = abs(units) * (rules[INITIAL_FIXED] * rate)
            equity += abs(cost) * rules[INITIAL_RATE] + fixed - cost
        else:
            equity += value_of(s, symbol, at, OPEN, bar)
        needed += abs(units) * _maintenance(s, symbol, at, rate)
    if not held:
        return math.inf
    slack = equity - needed * (1.0 - _ROUNDING)
    return slack if equity > 0.0 else min(slack, _NOTHING)


@rare
def _crossing(s: Simulation, account: int, bar: int, way: int, since: float) -> float:
    """Share of the way at which maintenance is crossed; infinite where it is not.

    Equity and maintenance are linear in the share, but where a price passes zero: there the
    secant lies before the crossing and is drawn anew.
    """
    keep_apart()
    end = _slack(s, account, bar, way, 1.0)
    if end >= 0.0:
        return math.inf
    share = since
    slack = _slack(s, account, bar, way, since)
    span = slack - end
    for _ in range(_HALVINGS):
        if slack <= _NEAR * span:
            break
        share += (1.0 - share) * slack / (slack - end)
        slack = _slack(s, account, bar, way, share)
    return share


@part
def _waits(s: Simulation, account: int) -> bool:
    """Whether a liquidation waits for a session to open: it is not called for again."""
    for slot in range(s.counts[PENDING]):
        order = s.orders[slot]
        if order[ORDER_STATE] == FORCED and _belongs(s, int(order[ORDER_SYMBOL]), account):
            return True
    return False


@rare
def _liquidate(s: Simulation, account: int, bar: int, way: int, share: float) -> bool:
    keep_apart()
    s.counts[MARGIN_CALLS] += 1
    kept = 0.0
    if s.rules[0, TO_MAINTENANCE] != 0.0:
        kept = _share_kept(s, bar, way, share)
    slot = 0
    while slot < s.counts[PENDING]:
        order = s.orders[slot]
        stays = kept > 0.0 and order[ORDER_PARENT] > 0.0
        if stays or not _belongs(s, int(order[ORDER_SYMBOL]), account):
            slot += 1
        else:
            slot = cancel_order(s, slot, bar, CANCELLED)
    placed = False
    nan = math.nan
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units == 0.0 or not _belongs(s, symbol, account):
            continue
        price = _price_of_sale(s, symbol, bar, way, share)
        if rests(s, symbol, bar):
            price = nan
        target = round_to_lot(s, symbol, kept * units)
        submit(s, bar, symbol, MARKET, TO_UNITS, target, price, nan, nan, nan, GOOD_TILL_CANCELLED)
        s.orders[s.counts[PENDING] - 1, ORDER_STATE] = FORCED
        placed = placed or price == price
    return placed


@part
def _price_of_sale(s: Simulation, symbol: int, bar: int, way: int, share: float) -> float:
    """Price at which a position is closed at a share of the way; a quoted one at its quote.

    An open that was passed is a price of the market. A crossing is on the instrument's ticks the
    next price that is not better than the market gave, but none beyond what was traded.
    """
    if is_symbol(s, symbol):
        price = price_along(s, symbol, bar, way, share)
        tick = s.rules[symbol, TICK_DENOMINATOR]
        if tick == 0.0 or way == AT_THE_OPEN or share == 0.0:
            return price
        buys = s.positions[symbol, UNITS] < 0.0
        on_grid = on_tick(price, buys, s.rules[symbol, TICK_NUMERATOR], tick)
        high, low = s.counts[VIEW] + 1, s.counts[VIEW] + 2
        if buys:
            return min(on_grid, s.path[symbol, high, bar])
        return max(on_grid, s.path[symbol, low, bar])
    return exit_quote(s, symbol, max(bar - (way == AT_THE_OPEN), 0))


@rare
def _share_kept(s: Simulation, bar: int, way: int, share: float) -> float:
    """Largest share of every position that is covered to the end of the way.

    What is sold is sold once, at the crossing, its costs included.
    """
    keep_apart()
    if way == AT_THE_OPEN:
        way = TO_EXTREME
    least, most = 0.0, 1.0
    for _ in range(_HALVINGS):
        kept = 0.5 * (least + most)
        if _covers(s, bar, way, share, kept):
            least = kept
        else:
            most = kept
    return least


@rare
def _covers(s: Simulation, bar: int, way: int, share: float, kept: float) -> bool:
    keep_apart()
    equity = s.account[CASH]
    needed = 0.0
    for symbol in range(s.positions.shape[0]):
        units = s.positions[symbol, UNITS]
        if units == 0.0:
            continue
        rate = exchange_rate(s, symbol, OPEN, bar)
        point = s.rules[symbol, MULTIPLIER] * rate
        reference = _price_of_sale(s, symbol, bar, way, share)
        end = price_along(s, symbol, bar, way, 1.0)
        rest = round_to_lot(s, symbol, kept * units)
        sold = rest - units
        price = slipped_price(s, symbol, sold, reference, volume_of(s, symbol, bar))
        # All at the end of the way, less what the part that is sold earlier does not lose there.
        equity += value_of(s, symbol, end, OPEN, bar) - sold * (price - end) * point
        equity -= commission_of(s, symbol, sold, price, rate, False)
        needed += abs(rest) * _maintenance(s, symbol, end, rate)
    return equity > 0.0 and equity >= needed

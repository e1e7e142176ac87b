"""How many units an order trades, decided at the moment and price of its fill."""

from __future__ import annotations

import math

from engine.compiled.elementary import log
from engine.execution.calling import part
from engine.execution.costs import slipped_price
from engine.execution.layout import (
    BARS_PER_YEAR,
    BY_PERCENT,
    BY_UNITS,
    CLOSE,
    CLOSE_LOT,
    COMMISSION_FIXED,
    COMMISSION_PER_UNIT,
    COMMISSION_PERCENT,
    ENTER,
    EQUAL_WEIGHT,
    FIXED,
    INITIAL_FIXED,
    INITIAL_RATE,
    KELLY,
    LOSSES,
    LOST,
    MULTIPLIER,
    ORDER_FROM_FILL,
    ORDER_MODE,
    ORDER_QUANTITY,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAKE_PROFIT,
    PERCENT,
    REDUCE,
    RISK,
    SIZING_CAP,
    SIZING_KIND,
    SIZING_VALUE,
    SIZING_WINDOW,
    STOP_LOSS,
    TO_UNITS,
    TRADES,
    UNITS,
    VOLATILITY,
    WINS,
    WON,
)
from engine.execution.lots import dust, lots_between, round_to_lot, settled
from engine.execution.marks import price_of
from engine.execution.reducing import reducing_units
from engine.execution.state import Simulation

__all__ = ["units_of"]


@part
def units_of(
    s: Simulation,
    slot: int,
    equity: float,
    reference: float,
    exchange: float,
    volume: float,
    decided: int,
) -> float:
    """Signed units of the order in `slot`, filling around price `reference`.

    A target in percent of `equity` is the largest whole position whose cost, commission
    included, does not exceed that share of equity. `decided` is the last bar that the decision
    could see.
    """
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    mode = int(order[ORDER_MODE])
    quantity = order[ORDER_QUANTITY]
    held = s.positions[symbol, UNITS]
    if mode == BY_UNITS:
        return round_to_lot(s, symbol, quantity)
    if mode == TO_UNITS:
        if quantity == 0.0:
            return -held
        change = quantity - held
        return (
            lots_between(s, symbol, held, quantity) if abs(change) > dust(s, symbol, held) else 0.0
        )
    if mode == CLOSE_LOT:
        return quantity
    if mode == REDUCE:
        return reducing_units(s, symbol, quantity)
    if mode == BY_PERCENT:
        side = 1.0 if quantity > 0.0 else -1.0
        return side * _affordable(
            s, symbol, side, abs(quantity) * equity, reference, exchange, volume
        )
    if mode == ENTER:
        if held * quantity > 0.0:
            return 0.0
        stop = order[ORDER_STOP_LOSS]
        default = s.rules[symbol, STOP_LOSS]
        if order[ORDER_FROM_FILL] != 0.0:
            stop = reference - quantity * stop
        elif default != 0.0 and math.isnan(stop) and math.isnan(order[ORDER_TAKE_PROFIT]):
            stop = reference - quantity * default * abs(reference)
        left = equity - _closing_cost(s, symbol, reference, exchange, volume)
        units = _sized(s, symbol, quantity, stop, left, reference, exchange, volume, decided)
        return settled(s, symbol, units - held, units)
    return _to_percent(s, symbol, quantity, equity, reference, exchange, volume)


@part
def _to_percent(
    s: Simulation,
    symbol: int,
    fraction: float,
    equity: float,
    reference: float,
    exchange: float,
    volume: float,
) -> float:
    held = s.positions[symbol, UNITS]
    if fraction == 0.0:
        return -held
    each = reference * (s.rules[symbol, MULTIPLIER] * exchange)
    change = fraction * equity - held * each
    if abs(change) <= dust(s, symbol, held) * abs(each):
        return 0.0
    side = 1.0 if change > 0.0 else -1.0
    if held * side >= 0.0:
        return side * _affordable(s, symbol, side, abs(change), reference, exchange, volume)
    if held * fraction > 0.0:
        # A smaller position on the same side: trade down to the target.
        return round_to_lot(s, symbol, change / each)
    # Through zero: close what is held, then open the target on the other side.
    left = equity - _closing_cost(s, symbol, reference, exchange, volume)
    opened = _affordable(s, symbol, side, abs(fraction) * left, reference, exchange, volume)
    return settled(s, symbol, side * opened - held, held)


@part
def _affordable(
    s: Simulation,
    symbol: int,
    side: float,
    budget: float,
    reference: float,
    exchange: float,
    volume: float,
) -> float:
    """Most units that `budget` buys at the slipped price, commission included."""
    rules = s.rules
    point = rules[symbol, MULTIPLIER] * exchange
    units = 0.0
    price = slipped_price(s, symbol, side, reference, 0.0)
    # Slippage may depend on the size: the second round prices the size of the first.
    for _ in range(2):
        each = abs(price) * point * (1.0 + rules[symbol, COMMISSION_PERCENT])
        each += rules[symbol, COMMISSION_PER_UNIT]
        units = max(0.0, budget - rules[symbol, COMMISSION_FIXED]) / each
        price = slipped_price(s, symbol, side * units, reference, volume)
    return round_to_lot(s, symbol, units)


@part
def _closing_cost(
    s: Simulation, symbol: int, reference: float, exchange: float, volume: float
) -> float:
    """Slippage and proportional commission of closing what is held."""
    rules = s.rules
    held = s.positions[symbol, UNITS]
    price = slipped_price(s, symbol, -held, reference, volume)
    each = abs(price) * rules[symbol, COMMISSION_PERCENT] + abs(price - reference)
    each = each * (rules[symbol, MULTIPLIER] * exchange) + rules[symbol, COMMISSION_PER_UNIT]
    return abs(held) * each


@part
def _sized(
    s: Simulation,
    symbol: int,
    side: float,
    stop: float,
    equity: float,
    reference: float,
    exchange: float,
    volume: float,
    decided: int,
) -> float:
    """Signed units of a new position by the sizing rule of the settings."""
    rules = s.rules[symbol]
    kind, value = rules[SIZING_KIND], rules[SIZING_VALUE]
    point = rules[MULTIPLIER] * exchange
    worth = abs(reference) * point
    # Share of equity that the position's notional may reach.
    each = rules[INITIAL_RATE] * worth + rules[INITIAL_FIXED] * exchange
    most = worth / each if each > 0.0 else math.inf
    if kind == FIXED:
        return round_to_lot(s, symbol, side * value)
    if kind == RISK:
        risk = abs(reference - stop) * point
        units = value * equity / risk
        if units * worth > most * equity:
            units = _affordable(s, symbol, side, most * equity, reference, exchange, volume)
        return round_to_lot(s, symbol, side * units)
    share = value
    if kind == KELLY:
        share = _kelly_share(s, value, rules[SIZING_WINDOW])
    elif kind == EQUAL_WEIGHT:
        share = value / s.path.shape[0]
    elif kind == VOLATILITY:
        share = value / _volatility(s, symbol, int(rules[SIZING_WINDOW]), decided)
    if share != share:
        return math.nan
    if kind != PERCENT:
        share = min(share, rules[SIZING_CAP])
    budget = min(share, most) * equity
    return side * _affordable(s, symbol, side, budget, reference, exchange, volume)


@part
def _kelly_share(s: Simulation, fraction: float, least: float) -> float:
    """Fraction of the Kelly bet ``W - (1 - W) / R`` of the trades closed so far (Kelly, 1956).

    ``W`` is the share of winners and ``R`` mean win over mean loss; before `least` trades are
    closed the share is `fraction` itself.
    """
    trades, wins, losses = s.counts[TRADES], s.counts[WINS], s.counts[LOSSES]
    if trades < least or losses == 0:
        return fraction
    if wins == 0:
        return 0.0
    won = wins / trades
    ratio = (s.account[WON] / wins) / (-s.account[LOST] / losses)
    return max(0.0, fraction * (won - (1.0 - won) / ratio))


@part
def _volatility(s: Simulation, symbol: int, window: int, decided: int) -> float:
    """Annual standard deviation of the last `window` log returns.

    NaN before there are as many, or where a close is not above zero.
    """
    if decided < window:
        return math.nan
    for bar in range(decided - window, decided + 1):
        if not price_of(s, symbol, CLOSE, bar) > 0.0:
            return math.nan
    total = squares = 0.0
    for bar in range(decided - window + 1, decided + 1):
        before = price_of(s, symbol, CLOSE, bar - 1)
        change = log(price_of(s, symbol, CLOSE, bar) / before)
        total += change
        squares += change * change
    variance = (squares - total * total / window) / (window - 1)
    return math.sqrt(max(variance, 0.0) * s.rules[symbol, BARS_PER_YEAR])

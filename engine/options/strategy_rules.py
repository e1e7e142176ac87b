"""The rules for strategies as compiled code: which leg covers which, and what that ties up."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel

__all__ = ["MARGIN_RULES_WIDTH", "UNDERLYING_PLACE", "fill_strategy_margin", "strategy_margin"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Of the row of rules: rate, minimum, rate of the underlying.
MARGIN_RULES_WIDTH: Final = 3
_RATE, _MINIMUM = 0, 1
UNDERLYING_PLACE: Final = 2


@kernel
def fill_strategy_margin(
    spots: Array,
    strikes: Array,
    calls: Flags,
    years: Array,
    units: Array,
    prices: Array,
    underlying: Array,
    rules: Array,
    out: Array,
) -> None:
    """Write the margin of each position, per unit of the multiplier."""
    left, part = np.empty(strikes.shape[1]), np.empty(strikes.shape[1])
    for i in range(spots.size):
        out[i] = strategy_margin(
            *(spots[i], strikes[i], calls[i], years[i], units[i], prices[i], underlying[i]),
            *(rules, left, part),
        )


@kernel
def strategy_margin(
    spot: float,
    strikes: Array,
    calls: Flags,
    years: Array,
    units: Array,
    prices: Array,
    underlying: float,
    rules: Array,
    left: Array,
    part: Array,
) -> float:
    """Equity that a position ties up, per unit of the multiplier.

    Parameters
    ----------
    spot : float
        Price of the underlying.
    strikes, years, units, prices : ndarray of float64, shape (legs,)
        Strike, time to expiry, contracts (negative: sold) and price of each leg.
    calls : ndarray of bool, shape (legs,)
        Call or put.
    underlying : float
        Units of the underlying held beside, in contracts' worth.
    rules : ndarray of float64, shape (MARGIN_RULES_WIDTH,)
        As of `engine.options.margin.margin_rules`.
    left, part : ndarray of float64, shape (legs,)
        Room to work in.
    """
    count = strikes.size
    paid, longs = 0.0, 0
    for k in range(count):
        left[k] = units[k]
        paid += units[k] * prices[k]
        longs += units[k] > 0.0
    deposit = _covered_by_underlying(spot, strikes, calls, underlying, rules, left)
    # Shorts that longs cover, one expiry after the other, the nearest first.
    expiry = -1.0
    while longs > 0:
        following = math.inf
        for k in range(count):
            if left[k] < 0.0 and expiry < years[k] < following:
                following = years[k]
        if following == math.inf:
            break
        expiry = following
        deposit += _covered_by_longs(spot, strikes, calls, years, prices, expiry, rules, left, part)
    for k in range(count):
        part[k] = left[k]
    return deposit + _uncovered(spot, strikes, calls, prices, rules, part) + paid


@kernel
def _covered_by_underlying(
    spot: float, strikes: Array, calls: Flags, underlying: float, rules: Array, left: Array
) -> float:
    """Deposit for the underlying, whose units are taken from the shorts that they cover."""
    covers_calls = underlying > 0.0
    free = abs(underlying)
    share = rules[UNDERLYING_PLACE]
    deposit = 0.0
    while free > 0.0:
        k = _deepest(strikes, calls, left, covers_calls)
        if k < 0:
            break
        taken = min(free, -left[k])
        inside = _inside(spot, strikes[k], calls[k])
        worth = min(spot, strikes[k]) if covers_calls else spot
        deposit += taken * (share * worth + inside)
        left[k] += taken
        free -= taken
    return float(deposit + free * share * spot)


@kernel
def _covered_by_longs(
    spot: float,
    strikes: Array,
    calls: Flags,
    years: Array,
    prices: Array,
    expiry: float,
    rules: Array,
    left: Array,
    part: Array,
) -> float:
    """Deposit for the shorts of one expiry that longs cover; both are taken out of `left`."""
    count = strikes.size
    for k in range(count):
        part[k] = 0.0
    for right in range(2):
        is_call = right == 0
        while True:
            short = -1
            for k in range(count):
                waits = left[k] < 0.0 and calls[k] == is_call and years[k] == expiry
                if waits and (short < 0 or _deeper(strikes[k], strikes[short], is_call)):
                    short = k
            if short < 0:
                break
            cover = -1
            for k in range(count):
                serves = left[k] > 0.0 and calls[k] == is_call and years[k] >= expiry
                if serves and (cover < 0 or _better(strikes, years, k, cover, short, is_call)):
                    cover = k
            if cover < 0:
                break
            taken = min(left[cover], -left[short])
            left[short] += taken
            left[cover] -= taken
            part[short] -= taken
            part[cover] += taken
    loss = _largest_loss(strikes, calls, part)
    return min(loss, _uncovered(spot, strikes, calls, prices, rules, part))


@kernel
def _largest_loss(strikes: Array, calls: Flags, part: Array) -> float:
    """Largest loss at expiry of as many longs as shorts of each right: at zero or a strike."""
    worst = 0.0
    for at in range(-1, strikes.size):
        price = strikes[at] if at >= 0 else 0.0
        value = 0.0
        for k in range(strikes.size):
            value += part[k] * _inside(price, strikes[k], calls[k])
        worst = min(worst, value)
    return -worst


@kernel
def _uncovered(
    spot: float, strikes: Array, calls: Flags, prices: Array, rules: Array, part: Array
) -> float:
    """Deposit for the shorts of `part`, which it leaves at zero, as if nothing covered them."""
    deposit = 0.0
    while True:
        call = _most_demanding(spot, strikes, calls, prices, rules, part, True)
        put = _most_demanding(spot, strikes, calls, prices, rules, part, False)
        if call < 0 and put < 0:
            return deposit
        if call < 0 or put < 0:
            k = max(call, put)
            deposit -= part[k] * _of_one(spot, strikes, calls, prices, rules, k)
            part[k] = 0.0
            continue
        taken = min(-part[call], -part[put])
        for_call = _of_one(spot, strikes, calls, prices, rules, call)
        for_put = _of_one(spot, strikes, calls, prices, rules, put)
        other = prices[put] if for_call >= for_put else prices[call]
        deposit += taken * (max(for_call, for_put) + other)
        part[call] += taken
        part[put] += taken


@kernel
def _most_demanding(
    spot: float,
    strikes: Array,
    calls: Flags,
    prices: Array,
    rules: Array,
    part: Array,
    is_call: bool,
) -> int:
    found, most = -1, -math.inf
    for k in range(strikes.size):
        if part[k] < 0.0 and calls[k] == is_call:
            needs = _of_one(spot, strikes, calls, prices, rules, k)
            if needs > most:
                found, most = k, needs
    return found


@inlined
def _of_one(
    spot: float, strikes: Array, calls: Flags, prices: Array, rules: Array, k: int
) -> float:
    """Deposit for one uncovered contract: its price and a share of the underlying."""
    outside = _inside(spot, strikes[k], not calls[k])
    least = rules[_MINIMUM] * (spot if calls[k] else strikes[k])
    return float(prices[k] + max(rules[_RATE] * spot - outside, least))


@kernel
def _deepest(strikes: Array, calls: Flags, left: Array, is_call: bool) -> int:
    found = -1
    for k in range(strikes.size):
        waits = left[k] < 0.0 and calls[k] == is_call
        if waits and (found < 0 or _deeper(strikes[k], strikes[found], is_call)):
            found = k
    return found


@inlined
def _deeper(strike: float, other: float, is_call: bool) -> bool:
    return strike < other if is_call else strike > other


@inlined
def _better(strikes: Array, years: Array, k: int, other: int, short: int, is_call: bool) -> bool:
    """Whether leg k covers a short with less loss than another, or sooner with the same."""
    mine = _inside(strikes[k], strikes[short], is_call)
    others = _inside(strikes[other], strikes[short], is_call)
    return mine < others or (mine == others and years[k] < years[other])


@inlined
def _inside(price: float, strike: float, is_call: bool) -> float:
    """Payoff: what an option is in the money."""
    return max(price - strike if is_call else strike - price, 0.0)

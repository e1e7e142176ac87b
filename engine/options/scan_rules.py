"""The scan of scenarios as compiled code, and its form that scans only where something moved."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.pricing.lognormal import lognormal_price

__all__ = [
    "HELD_SCAN_WIDTH",
    "SCAN_RULES_WIDTH",
    "fill_scan",
    "forget_scan",
    "held_scan_risk",
    "held_scan_slope",
    "scan_risk",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Of the row of rules: price range, volatility shift, extreme, covered, short minimum, horizon.
SCAN_RULES_WIDTH: Final = 6
_RANGE, _SHIFT, _EXTREME, _COVERED, _SHORT_MINIMUM, _HORIZON = 0, 1, 2, 3, 4, 5
#: Of the row that holds the last scan: price, instant, risk.
HELD_SCAN_WIDTH: Final = 3
_AT_PRICE, _AT_TIME, _RISK = 0, 1, 2
_SMALLEST_SHARE = 1e-6
_ORDINARY = 14


@kernel
def fill_scan(
    spots: Array,
    strikes: Array,
    calls: Flags,
    years: Array,
    volatilities: Array,
    units: Array,
    underlying: Array,
    rate: float,
    dividend: float,
    rules: Array,
    out: Array,
) -> None:
    """Write the margin of each position, per unit of the multiplier."""
    for i in range(spots.size):
        out[i] = scan_risk(
            *(spots[i], strikes[i], calls[i], years[i], volatilities[i], units[i], underlying[i]),
            *(rate, dividend, rules),
        )


@kernel
def scan_risk(
    spot: float,
    strikes: Array,
    calls: Flags,
    years: Array,
    volatilities: Array,
    units: Array,
    underlying: float,
    rate: float,
    dividend: float,
    rules: Array,
) -> float:
    """Largest loss of a position in sixteen scenarios, per unit of the multiplier.

    Parameters
    ----------
    spot : float
        Price of the underlying, positive.
    strikes, years, volatilities, units : ndarray of float64, shape (legs,)
        Strike, time to expiry, volatility and contracts (negative: sold) of each leg.
    calls : ndarray of bool, shape (legs,)
        Call or put.
    underlying : float
        Units of the underlying held beside, in contracts' worth.
    rate, dividend : float
        For discounting, and the yield of the underlying: the rate itself for a future.
    rules : ndarray of float64, shape (SCAN_RULES_WIDTH,)
        As of `engine.options.scan.scan_rules`.
    """
    now, least = 0.0, 0.0
    for k in range(strikes.size):
        now += units[k] * lognormal_price(
            spot, strikes[k], years[k], volatilities[k], rate, dividend, calls[k]
        )
        least += rules[_SHORT_MINIMUM] * max(-units[k], 0.0)
    worst = least
    for scenario in range(_ORDINARY + 2):
        move, shift, weight = _scenario(scenario, rules)
        price = max(spot * (1.0 + move), spot * _SMALLEST_SHARE)
        then = underlying * (price - spot)
        for k in range(strikes.size):
            then += units[k] * lognormal_price(
                price,
                strikes[k],
                max(years[k] - rules[_HORIZON], 0.0),
                volatilities[k] * shift,
                rate,
                dividend,
                calls[k],
            )
        worst = max(worst, weight * (now - then))
    return worst


@inlined
def _scenario(number: int, rules: Array) -> tuple[float, float, float]:
    """Move of the price as a share of it, factor of volatilities, share of the loss that counts.

    In pairs with volatility up and down: no move, up and down by a third, by two, by three; then
    the extremes.
    """
    if number >= _ORDINARY:
        sign = 1.0 if number == _ORDINARY else -1.0
        return sign * rules[_EXTREME] * rules[_RANGE], 1.0, rules[_COVERED]
    pair = number // 2
    thirds = (pair + 1) // 2
    sign = 1.0 if pair % 2 == 1 else -1.0
    shift = 1.0 + rules[_SHIFT] if number % 2 == 0 else 1.0 - rules[_SHIFT]
    return sign * thirds / 3.0 * rules[_RANGE], shift, 1.0


@kernel
def held_scan_risk(
    held: Array,
    step: float,
    every: float,
    now: float,
    spot: float,
    strikes: Array,
    calls: Flags,
    years: Array,
    volatilities: Array,
    units: Array,
    underlying: float,
    rate: float,
    dividend: float,
    rules: Array,
) -> float:
    """Return the risk of the last scan, made anew where price or clock have moved on since.

    Parameters
    ----------
    held : ndarray of float64, shape (HELD_SCAN_WIDTH,)
        The last scan; `forget_scan` it whenever the position changes.
    step : float
        Share of the price by which it may move before the next scan. The risk that comes back is
        then off by at most ``held_scan_slope(...) * step * price``.
    every, now : float
        Time in years after which volatilities and times to expiry have to be read anew, and the
        time of this call.
    """
    price = held[_AT_PRICE]
    stays = abs(spot - price) <= step * price and now - held[_AT_TIME] < every
    if not stays:  # a scan that was forgotten has NaN for its price
        held[_AT_PRICE] = spot
        held[_AT_TIME] = now
        held[_RISK] = scan_risk(
            *(spot, strikes, calls, years, volatilities, units, underlying, rate, dividend, rules)
        )
    return float(held[_RISK])


@kernel
def forget_scan(held: Array) -> None:
    """Let the next call of `held_scan_risk` scan."""
    held[_AT_PRICE] = math.nan
    held[_AT_TIME] = -math.inf
    held[_RISK] = math.nan


@kernel
def held_scan_slope(units: Array, underlying: float, rules: Array) -> float:
    """Most that the risk can move per unit that the price does, all else equal.

    The loss of a scenario has the derivative ``delta(S) - (1 + m) delta(S (1 + m))`` by the price;
    a delta lies between 0 and 1, or -1 and 0, while yields are not negative.
    """
    size = 0.0
    for k in range(units.size):
        size += abs(units[k])
    widest = rules[_EXTREME] * rules[_RANGE]
    ordinary = size * (1.0 + rules[_RANGE]) + abs(underlying) * rules[_RANGE]
    extreme = rules[_COVERED] * (size * (1.0 + widest) + abs(underlying) * widest)
    return float(max(ordinary, extreme))

"""The scan of scenarios as compiled code, and its form that scans only where something moved."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.pricing.lognormal import lognormal_price

__all__ = [
    "HELD_SCAN_WIDTH",
    "SCAN_RULES_WIDTH",
    "SCENARIOS",
    "fill_scan",
    "forget_scan",
    "held_scan_risk",
    "held_scan_slope",
    "scan_risk",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Scenarios of a scan.
SCENARIOS: Final = 16
#: Of the row of rules: short-option minimum and horizon; then of every scenario its move of the
#: price as a share of it, its factor of volatilities, and the share of its loss that counts.
SCAN_RULES_WIDTH: Final = 2 + 3 * SCENARIOS
_SHORT_MINIMUM, _HORIZON, _SCENARIOS = 0, 1, 2
#: Of the row that holds the last scan: price, instant, risk.
HELD_SCAN_WIDTH: Final = 3
_AT_PRICE, _AT_TIME, _RISK = 0, 1, 2
_SMALLEST_SHARE = 1e-6


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
    losses = np.empty(SCENARIOS)
    for i in range(spots.size):
        out[i] = scan_risk(
            *(spots[i], strikes[i], calls[i], years[i], volatilities[i], units[i], underlying[i]),
            *(rate, dividend, rules, losses),
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
    losses: Array,
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
    losses : ndarray of float64, shape (SCENARIOS,)
        Room to work in.
    """
    moves = rules[_SCENARIOS : _SCENARIOS + SCENARIOS]
    shifts = rules[_SCENARIOS + SCENARIOS : _SCENARIOS + 2 * SCENARIOS]
    weights = rules[_SCENARIOS + 2 * SCENARIOS :]
    now, least = 0.0, 0.0
    for k in range(strikes.size):
        now += units[k] * lognormal_price(
            spot, strikes[k], years[k], volatilities[k], rate, dividend, calls[k]
        )
        least += rules[_SHORT_MINIMUM] * max(-units[k], 0.0)
    for j in range(SCENARIOS):
        price = max(spot * (1.0 + moves[j]), spot * _SMALLEST_SHARE)
        losses[j] = now - underlying * (price - spot)
    for k in range(strikes.size):
        left = max(years[k] - rules[_HORIZON], 0.0)
        strike, volatility, size, is_call = strikes[k], volatilities[k], units[k], calls[k]
        for j in range(SCENARIOS):  # in one piece, so that it runs in the lanes of vectors
            price = max(spot * (1.0 + moves[j]), spot * _SMALLEST_SHARE)
            losses[j] -= size * lognormal_price(
                price, strike, left, volatility * shifts[j], rate, dividend, is_call
            )
    worst = least
    for j in range(SCENARIOS):
        worst = max(worst, weights[j] * losses[j])
    return worst


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
    losses: Array,
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
            *(spot, strikes, calls, years, volatilities, units, underlying, rate, dividend),
            *(rules, losses),
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
    slope = 0.0
    for j in range(SCENARIOS):
        move = abs(rules[_SCENARIOS + j])
        weight = rules[_SCENARIOS + 2 * SCENARIOS + j]
        slope = max(slope, weight * (size * (1.0 + move) + abs(underlying) * move))
    return slope

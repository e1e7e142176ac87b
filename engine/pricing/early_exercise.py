"""American options by the integral equation of their early-exercise boundary, as kernel code.

Andersen, Lake and Offengenden (2016), High-performance American option pricing, J. Computational
Finance 20, 39-87: the squared logarithm of the boundary is a polynomial in the square root of time.
It starts from the QD+ approximation (Li, 2010, Analytical approximations for the critical stock
prices of American options) and is improved by a few steps of Newton on the equation of the price's
slope; the price is a European one and an integral over the boundary.

Everything is of a put with strike 1; calls follow by symmetry (McDonald and Schroder, 1998).
Integrals over time run over an angle, ``s = tau sin^2``, which has no square roots at either end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp, log, normal_cdf, normal_pdf
from engine.pricing.lognormal import lognormal_values
from engine.pricing.quadrature import INNER, NODES, OUTER, interpolation

__all__ = ["american_put", "american_room", "fill_american"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_COUNT = len(NODES) - 1  # nodes after the first, at which the boundary is known
_NODES, _INNER, _OUTER = np.array(NODES), np.array(INNER), np.array(OUTER)
# To the points of every node's integral, and to those of the price's.
_TO_INNER = interpolation(0.5 * (1.0 + _NODES[:-1]), _INNER[:, 1])
_TO_OUTER = interpolation(np.ones(1), _OUTER[:, 1])
_ITERATIONS = 6
_START_STEPS = 12
_START_PRECISION = 1e-5
_LOWEST = 1e-12


@inlined
def highest_boundary(rate: float, dividend: float) -> float:
    """Return the boundary just before expiry, 0 where exercise is never early, NaN for two of them.

    Andersen and Lake (2021), Fast American option pricing: the double-boundary case, table 2.
    """
    if rate > 0.0:
        return min(1.0, rate / dividend) if dividend > 0.0 else 1.0
    if dividend >= rate:
        return 1.0 if rate == 0.0 and dividend < 0.0 else 0.0
    return 1.0 if rate == 0.0 else math.nan


@inlined
def american_room() -> tuple[Array, Array]:
    """Return arrays that `american_put` works in, one pair for as many calls as there are."""
    return np.empty(2 * _COUNT), np.empty((2, _COUNT, len(_INNER)))


@inlined
def american_put(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    work: Array,
    flows: Array,
) -> tuple[float, float, float, float]:
    """Price, delta, gamma and boundary of a put with strike 1.

    `work` and `flows` are room that `american_room` gives. The boundary is 0 where exercise is
    never early.
    """
    european, delta, gamma, _, _, _, _, _, _, _ = lognormal_values(
        spot, 1.0, years, volatility, rate, dividend, False
    )
    top = highest_boundary(rate, dividend)
    if not (top > 0.0) or not (volatility * volatility * years > 0.0) or math.isnan(european):
        intrinsic = 1.0 - spot
        if top > 0.0 and intrinsic > european:  # no volatility, or no time, left
            return intrinsic, -1.0, 0.0, top
        return european + (top - top), delta, gamma, top
    _start_boundary(years, volatility, rate, dividend, top, work)
    _fill_flows(years, rate, dividend, flows)
    for _ in range(_ITERATIONS):
        _improve_boundary(years, volatility, rate, dividend, top, work, flows)
    boundary = top * exp(-math.sqrt(work[0]))
    if spot <= boundary:
        return 1.0 - spot, -1.0, 0.0, boundary
    premium, its_delta, its_gamma = _premium(spot, years, volatility, rate, dividend, top, work)
    price = max(european + premium, max(1.0 - spot, 0.0))
    return price, delta + its_delta, gamma + its_gamma, boundary


@inlined
def _start_boundary(
    years: float, volatility: float, rate: float, dividend: float, top: float, work: Array
) -> None:
    """Write ``ln(B / top)^2`` at every node by the QD+ approximation, from expiry backward."""
    variance = volatility * volatility
    spot = top
    for k in range(_COUNT):
        node = _COUNT - 1 - k
        x = 0.5 * (1.0 + _NODES[node])
        tau = years * x * x
        v = volatility * math.sqrt(tau)
        dr, dq = exp(-rate * tau), exp(-dividend * tau)
        small = abs(rate * tau) < 1e-5
        paid = 1.0 / (tau * (1.0 - 0.5 * rate * tau)) if small else rate / (1.0 - dr)
        omega = 2.0 * (rate - dividend) / variance - 1.0
        root = math.sqrt(omega * omega + 8.0 * paid / variance)
        slope = -root  # 2 lambda + omega - 1
        lambda_ = 0.5 * (-omega - root)
        alpha = 2.0 * dr / (variance * slope)
        beta = alpha * (paid + 2.0 * paid * paid / (variance * root) / slope) - lambda_
        for _ in range(_START_STEPS):
            d1 = log(spot * dq / dr) / v + 0.5 * v
            d2 = d1 - v
            below1, below2, density = normal_cdf(-d1), normal_cdf(-d2), normal_pdf(d1)
            value = dr * below2 - spot * dq * below1
            theta = rate * dr * below2 - dividend * spot * dq * below1
            theta -= 0.5 * volatility * spot / math.sqrt(tau) * dq * density
            charm = (rate - dividend) / v - 0.5 * d2 / tau
            charm = -dq * (density * charm + dividend * below1)
            held = 1.0 - dq * below1
            miss = held * spot - beta * (1.0 - spot - value) + alpha * theta / dr
            rise = held * (1.0 + beta) + dq * density / v + alpha * charm / dr
            moved = spot - miss / rise
            moved = min(max(moved, 0.3 * spot), top)
            done = abs(moved - spot) < _START_PRECISION * spot
            spot = max(moved, _LOWEST)
            if done:
                break
        distance = log(spot / top)
        work[node] = distance * distance


@inlined
def _improve_boundary(
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    top: float,
    work: Array,
    flows: Array,
) -> None:
    """Take one step of Newton's towards the fixed point of the equation of the price's slope.

    The integrals are held fixed in the derivative, which makes it one of the boundary alone.
    """
    drift = rate - dividend
    for node in range(_COUNT):
        x = 0.5 * (1.0 + _NODES[node])
        tau = years * x * x
        root = math.sqrt(tau)
        v = volatility * root
        distance = math.sqrt(work[node])
        upper, lower = 0.0, 0.0
        for j in range(len(_INNER)):
            sine, cosine = _INNER[j, 0], _INNER[j, 1]
            y = 0.0
            for k in range(_COUNT):
                y += _TO_INNER[node, j, k] * work[k]
            deviation = v * sine
            trend = drift * tau * sine * sine
            d1 = (math.sqrt(max(y, 0.0)) - distance + trend) / deviation + 0.5 * deviation
            density = normal_pdf(d1)
            narrow = root * cosine / volatility
            step = tau * sine * cosine
            upper += flows[0, node, j] * narrow * normal_pdf(d1 - deviation)
            lower += flows[1, node, j] * (narrow * density + step * normal_cdf(d1))
        d1 = (log(top) - distance + drift * tau) / v + 0.5 * v
        d2 = d1 - v
        boundary = top * exp(-distance)
        density1, density2 = normal_pdf(d1), normal_pdf(d2)
        upper += density2 / v
        lower += density1 / v + normal_cdf(d1)
        upper_slope = -d2 * density2 / (boundary * v * v)
        lower_slope = density1 / (boundary * v) * (1.0 - d1 / v)
        discount = exp(-drift * tau)
        fixed = discount * upper / lower
        slope = discount * (upper_slope - upper / lower * lower_slope) / lower
        next_one = boundary - (fixed - boundary) / (slope - 1.0)
        moved = log(min(max(next_one, _LOWEST), top) / top)
        work[_COUNT + node] = moved * moved
    for node in range(_COUNT):
        work[node] = work[_COUNT + node]


@inlined
def _fill_flows(years: float, rate: float, dividend: float, flows: Array) -> None:
    """Write what strike and underlying earn up to the points of every integral."""
    for node in range(_COUNT):
        x = 0.5 * (1.0 + _NODES[node])
        for j in range(len(_INNER)):
            u = years * x * x * _INNER[j, 1] * _INNER[j, 1]
            weight = 2.0 * _INNER[j, 2]
            flows[0, node, j] = weight * rate * exp(rate * u)
            flows[1, node, j] = weight * dividend * exp(dividend * u)


@inlined
def _premium(
    spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend: float,
    top: float,
    work: Array,
) -> tuple[float, float, float]:
    """Return the value of early exercise and its first two derivatives."""
    v = volatility * math.sqrt(years)
    above = log(spot / top)
    value, delta, gamma = 0.0, 0.0, 0.0
    for j in range(len(_OUTER)):
        sine, cosine, weight = _OUTER[j, 0], _OUTER[j, 1], _OUTER[j, 2]
        y = 0.0
        for k in range(_COUNT):
            y += _TO_OUTER[0, j, k] * work[k]
        s = years * sine * sine
        deviation = v * sine
        d1 = (above + math.sqrt(max(y, 0.0)) + (rate - dividend) * s) / deviation + 0.5 * deviation
        d2 = d1 - deviation
        step = weight * 2.0 * years * sine * cosine
        received, given = rate * exp(-rate * s), dividend * exp(-dividend * s)
        value += step * (received * normal_cdf(-d2) - spot * given * normal_cdf(-d1))
        # Densities over the deviation: its sine goes with that of the step.
        narrow = weight * 2.0 * math.sqrt(years) * cosine / volatility
        density1, density2 = given * normal_pdf(d1), received * normal_pdf(d2)
        delta += narrow * (density1 - density2 / spot) - step * given * normal_cdf(-d1)
        gamma += narrow * density2 * (1.0 + d2 / deviation) / (spot * spot)
        gamma += narrow * density1 * (1.0 - d1 / deviation) / spot
    return value, delta, gamma


@kernel
def fill_american(
    spot: Array,
    strike: Array,
    years: Array,
    volatility: Array,
    rate: Array,
    dividend: Array,
    call: Flags,
    price: Array,
    delta: Array,
    gamma: Array,
    boundary: Array,
) -> None:
    """Write prices, slopes and boundaries of puts and calls."""
    work, flows = american_room()
    for i in range(spot.size):
        valid = spot[i] > 0.0 and strike[i] > 0.0 and years[i] >= 0.0 and volatility[i] >= 0.0
        if not valid:
            price[i], delta[i], gamma[i], boundary[i] = math.nan, math.nan, math.nan, math.nan
            continue
        ratio = strike[i] / spot[i] if call[i] else spot[i] / strike[i]
        r, q = (dividend[i], rate[i]) if call[i] else (rate[i], dividend[i])
        p, slope, curve, edge = american_put(ratio, years[i], volatility[i], r, q, work, flows)
        if call[i]:
            price[i] = max(spot[i] * p, spot[i] - strike[i])
            delta[i] = p - ratio * slope
            gamma[i] = ratio * ratio * curve / spot[i]
            boundary[i] = strike[i] / edge if edge > 0.0 else math.inf
        else:
            price[i] = max(strike[i] * p, strike[i] - spot[i])
            delta[i] = slope
            gamma[i] = curve / strike[i]
            boundary[i] = strike[i] * edge
        if math.isnan(edge):
            boundary[i] = math.nan

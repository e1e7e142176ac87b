"""European option prices from the characteristic function of the log price."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.pricing.arrays import as_inputs, refuse_scalars

__all__ = ["characteristic_price"]

Array = NDArray[np.float64]
Complex = NDArray[Any]

# The integrand is analytic for |Im u| < 1/2, so the trapezoid rule errs by exp(-pi / step).
_STEP = 0.1
_LONGEST = 20_000


def characteristic_price(
    characteristic: Callable[[Complex, float], Complex],
    *,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    dividend: ArrayLike,
    call: ArrayLike,
    tolerance: float,
) -> Array:
    r"""Price of European options on a price whose characteristic function is known.

    Parameters
    ----------
    characteristic : callable
        ``characteristic(z, years)``: that of the log of the price over its forward, at complex
        arguments; 1 at 0 and at -i.
    spot, strike, years, rate, dividend, call : array_like
        They broadcast; strikes of one expiry share the work.
    tolerance : float
        Size below which the integrand is cut off, relative to the strike.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where spot or strike is not positive or the option has expired.

    Notes
    -----
    :math:`C = S e^{-qT} - \frac{\sqrt{SK}e^{-(r+q)T/2}}{\pi} \int_0^\infty
    \mathrm{Re}[e^{iuk} \phi(u - i/2)] \frac{du}{u^2 + 1/4}` with
    :math:`k = \ln(S/K) + (r-q)T` (Lewis, 2001), by the trapezoid rule, which converges
    exponentially for this integrand.
    """
    inputs = as_inputs(
        spot=spot, strike=strike, years=years, rate=rate, dividend=dividend, call=call
    )
    refuse_scalars(inputs, {"spot": "positive", "strike": "positive", "years": "not negative"})
    shape = np.broadcast_shapes(*(each.shape for each in inputs.values()))
    spots, strikes, times, rates, yields, calls = (
        np.broadcast_to(each, shape).reshape(-1) for each in inputs.values()
    )
    prices = np.full(strikes.shape, np.nan)
    valid = (spots > 0.0) & (strikes > 0.0) & (times >= 0.0)
    terms = np.stack([spots, times, rates, yields], axis=1)[valid]
    groups, members = np.unique(terms, axis=0, return_inverse=True)
    for number, (s, t, r, q) in enumerate(groups):
        chosen = np.flatnonzero(valid)[members.reshape(-1) == number]
        prices[chosen] = _of_one_expiry(
            characteristic,
            float(s),
            strikes[chosen],
            float(t),
            float(r),
            float(q),
            calls[chosen],
            tolerance,
        )
    return np.asarray(prices.reshape(shape))


def _of_one_expiry(
    characteristic: Callable[[Complex, float], Complex],
    spot: float,
    strikes: Array,
    years: float,
    rate: float,
    dividend: float,
    calls: NDArray[np.bool_],
    tolerance: float,
) -> Array:
    forward = spot * math.exp((rate - dividend) * years)
    discount = math.exp(-rate * years)
    if years == 0.0:
        return np.maximum(np.where(calls, spot - strikes, strikes - spot), 0.0)
    log_ratio = np.log(forward / strikes)
    u = _grid(characteristic, years, tolerance)
    weight = characteristic(u - 0.5j, years) / (u**2 + 0.25) * _STEP
    weight[0] *= 0.5
    integral = _transform(weight, log_ratio)
    values = discount * (forward - np.sqrt(forward * strikes) / math.pi * integral)
    return np.maximum(np.where(calls, values, values - discount * (forward - strikes)), 0.0)


def _transform(weight: Complex, log_ratio: Array) -> Array:
    """Sum of ``weight[j] exp(i j step k)`` over j for each k: its real part.

    With j = a B + b the exponential is a product of two factors, each with few distinct values.
    """
    block = math.isqrt(len(weight)) + 1
    table = np.zeros(block * block, dtype=np.complex128)
    table[: len(weight)] = weight
    turn = np.exp(1j * _STEP * np.outer(np.arange(block), log_ratio))
    leap = np.exp(1j * _STEP * block * np.outer(np.arange(block), log_ratio))
    return np.asarray(np.einsum("ak,ak->k", leap, table.reshape(block, block) @ turn).real)


def _grid(
    characteristic: Callable[[Complex, float], Complex], years: float, tolerance: float
) -> Array:
    """Points up to where the integrand is negligible."""
    probe = 2.0 ** np.arange(0.0, 12.0, 0.25)
    size = np.abs(characteristic(probe - 0.5j, years)) / probe**2
    small = np.flatnonzero(size < tolerance)
    last = float(probe[small[0]]) if len(small) else _LONGEST * _STEP
    return np.asarray(
        np.arange(min(math.ceil(last / _STEP) + 1, _LONGEST)) * _STEP, dtype=np.float64
    )

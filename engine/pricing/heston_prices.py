"""European option prices of the Heston model from its characteristic function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["heston_characteristic", "heston_price"]

Array = NDArray[np.float64]
Complex = NDArray[Any]

# The integrand is analytic for |Im u| < 1/2, so the trapezoid rule errs by exp(-pi / step).
_STEP = 0.1
_LONGEST = 20_000


def heston_price(
    spot: float,
    strike: ArrayLike,
    years: float,
    *,
    v0: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    rate: float = 0.0,
    dividend: float = 0.0,
    call: ArrayLike = True,
    tolerance: float = 1e-14,
) -> Array:
    r"""Price of European options of one expiry.

    Parameters
    ----------
    spot : float
        Price of the underlying.
    strike : array_like
        Strikes.
    years : float
        Time to expiry.
    v0, kappa, theta, xi, rho : float
        Variance now, its speed of reversion, long-run level and volatility, and its correlation
        with the price.
    rate, dividend : float
        Continuously compounded.
    call : array_like of bool
        Call or put; broadcasts with `strike`.
    tolerance : float
        Size below which the integrand is cut off, relative to the strike.

    Notes
    -----
    :math:`C = S e^{-qT} - \frac{\sqrt{SK}e^{-(r+q)T/2}}{\pi} \int_0^\infty
    \mathrm{Re}[e^{iuk} \phi(u - i/2)] \frac{du}{u^2 + 1/4}` with
    :math:`k = \ln(S/K) + (r-q)T` [1]_, by the trapezoid rule, which converges exponentially for
    this integrand; the characteristic function is in the form without branch cuts [2]_.

    References
    ----------
    .. [1] Lewis, A. (2001). A simple option formula for general jump-diffusion and other
       exponential Levy processes.
    .. [2] Albrecher, H., Mayer, P., Schoutens, W., Tistaert, J. (2007). The little Heston trap.
    """
    strikes = np.atleast_1d(np.asarray(strike, dtype=np.float64))
    forward = spot * math.exp((rate - dividend) * years)
    discount = math.exp(-rate * years)
    log_ratio = np.log(forward / strikes)
    model = {"v0": v0, "kappa": kappa, "theta": theta, "xi": xi, "rho": rho}
    u = _grid(years, model, tolerance)
    weight = heston_characteristic(u - 0.5j, years, **model) / (u**2 + 0.25) * _STEP
    weight[0] *= 0.5
    integral = _transform(weight, log_ratio)
    calls = discount * (forward - np.sqrt(forward * strikes) / math.pi * integral)
    puts = calls - discount * (forward - strikes)
    prices = np.where(np.broadcast_to(np.asarray(call, bool), strikes.shape), calls, puts)
    return np.maximum(prices, 0.0) if np.ndim(strike) else np.asarray(max(prices[0], 0.0))


def heston_characteristic(
    u: Complex, years: float, *, v0: float, kappa: float, theta: float, xi: float, rho: float
) -> Complex:
    """Characteristic function of the log of the price over its forward, at complex arguments.

    Written so that nothing cancels when the volatility of variance is small.
    """
    z = np.asarray(u, dtype=np.complex128)
    b = kappa - 1j * rho * xi * z
    square = z * z + 1j * z
    d = np.sqrt(b * b + xi * xi * square)
    # (b - d) / xi^2, from b^2 - d^2 = -xi^2 (z^2 + iz)
    low = -square / (b + d)
    g = xi * xi * low / (b + d)
    decay = np.exp(-d * years)
    ratio = (1.0 - decay) / (1.0 - g * decay)
    shift = g * (1.0 - decay) / (1.0 - g)
    if xi * xi * kappa * theta < 1e-12:
        # log(1 + shift) / xi^2 to first order: shift itself is of order xi^2
        logarithm = low / (b + d) * (1.0 - decay) / (1.0 - g) * (1.0 - 0.5 * shift)
    else:
        logarithm = np.asarray(np.log1p(shift) / (xi * xi), dtype=np.complex128)
    exponent = kappa * theta * (low * years - 2.0 * logarithm) + v0 * low * ratio
    return np.asarray(np.exp(exponent))


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


def _grid(years: float, model: dict[str, float], tolerance: float) -> Array:
    """Points up to where the integrand is negligible."""
    probe = 2.0 ** np.arange(0.0, 12.0, 0.25)
    size = np.abs(heston_characteristic(probe - 0.5j, years, **model)) / probe**2
    small = np.flatnonzero(size < tolerance)
    last = float(probe[small[0]]) if len(small) else _LONGEST * _STEP
    return np.asarray(
        np.arange(min(math.ceil(last / _STEP) + 1, _LONGEST)) * _STEP, dtype=np.float64
    )

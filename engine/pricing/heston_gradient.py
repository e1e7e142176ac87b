"""Heston and Bates prices of a whole surface with derivatives by the parameters, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp, log, normal_cdf
from engine.compiled.kernel import inlined
from engine.compiled.trigonometry import atan2, sincos
from engine.errors import Refusal

__all__ = ["fill_surface", "heston_gradient", "surface_gradient"]

Array = NDArray[np.float64]

_LONGEST = 20_000
# The rule with half the step has the square of the error, so that this leaves about 1e-12.
_AGREEMENT = 1e-6
_NEGLIGIBLE = 1e-12
_SMALLEST_XI = 1e-3
# Rows of a price and its derivatives by eight parameters.
_WITH_JUMPS = 9


def heston_gradient(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    v0: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    call: ArrayLike = True,
) -> tuple[Array, Array]:
    r"""Undiscounted prices of European options with their derivatives by the parameters.

    Parameters
    ----------
    forward, strike, years : array_like
        Forward price, strike and time to expiry of each option; they broadcast.
    v0, kappa, theta, xi, rho : float
        Variance now, its speed of reversion, long-run level and volatility (at least 0.001), and
        its correlation with the price.
    call : array_like of bool
        Call or put.

    Returns
    -------
    prices : ndarray of float64, shape (n,)
        Prices at expiry: discount them.
    gradient : ndarray of float64, shape (n, 5)
        Derivatives by `v0`, `kappa`, `theta`, `xi` and `rho`.

    Raises
    ------
    ValueError
        If `xi` is below 0.001: `heston_price` has that limit.

    Notes
    -----
    The difference to a Black-Scholes price with the model's mean variance,
    :math:`C = C_{BS} - \frac{\sqrt{FK}}{\pi} \int_0^\infty \mathrm{Re}[e^{iuk} (\phi - \phi_{BS})
    (u - i/2)] \frac{du}{u^2 + 1/4}` with :math:`k = \ln(F/K)` [1]_. Both functions are 1 at the
    poles of the integrand, so it has none, and the trapezoid rule converges with the tails of the
    density alone: short expiries take no more points than long ones. The step is halved until two
    rules agree. The gradient is that of the exponent of the characteristic function [2]_, in the
    form without branch cuts.

    References
    ----------
    .. [1] Lewis, A. (2001). A simple option formula for general jump-diffusion and other
       exponential Levy processes.
    .. [2] Cui, Y., del Bano Rollin, S., Germano, G. (2017). Full and fast calibration of the
       Heston stochastic volatility model. European Journal of Operational Research 263, 625-638.

    Examples
    --------
    >>> prices, gradient = heston_gradient(
    ...     100.0, [90.0, 110.0], 0.5, v0=0.05, kappa=2.0, theta=0.06, xi=0.7, rho=-0.6
    ... )
    >>> prices.round(4)
    array([12.6663,  1.8208])
    """
    point = np.array([v0, kappa, theta, xi, rho])
    return surface_gradient(forward, strike, years, point, call=call)


def surface_gradient(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    point: Array,
    *,
    call: ArrayLike = True,
) -> tuple[Array, Array]:
    """As `heston_gradient`, of the model's parameters in one array, with or without jumps.

    Parameters
    ----------
    forward, strike, years, call : array_like
        See `heston_gradient`.
    point : ndarray, shape (5,) or (8,)
        ``v0, kappa, theta, xi, rho``, and ``jump_intensity, mean_log_jump, jump_vol`` for the Bates
        model (`bates_price`).

    Returns
    -------
    prices : ndarray of float64, shape (n,)
        Prices at expiry: discount them.
    gradient : ndarray of float64, shape (n, 5) or (n, 8)
        Derivatives by the parameters.
    """
    if not point[3] >= _SMALLEST_XI:
        raise Refusal("xi", str(float(point[3])), f">= {_SMALLEST_XI}")
    f, k, t, is_call = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (forward, strike, years)),
        np.atleast_1d(np.asarray(call, dtype=bool)),
    )
    order = np.argsort(t, kind="stable")
    ratio, values = np.log(f[order] / k[order]), np.empty((1 + len(point), len(t)))
    fill_surface(ratio, t[order], point, values)
    root = np.sqrt(f[order] * k[order])
    prices, gradient = np.empty(len(t)), np.empty((len(t), len(point)))
    prices[order] = root * values[0]
    gradient[order] = (root * values[1:]).T
    # Parity makes of the option out of the money the one in the money.
    intrinsic = np.where(is_call, np.maximum(f - k, 0.0), np.maximum(k - f, 0.0))
    return np.maximum(prices, 0.0) + intrinsic, gradient


@kernel
def fill_surface(ratio: Array, years: Array, point: Array, values: Array) -> int:
    """Price the option out of the money at every place of a surface.

    Parameters
    ----------
    ratio, years : ndarray, shape (n,)
        Logarithm of forward over strike, and time to expiry, in rising order.
    point : ndarray, shape (5,) or (8,)
        ``v0, kappa, theta, xi, rho``, and ``jump_intensity, mean_log_jump, jump_vol`` where there
        are jumps.
    values : ndarray, shape (6, n) or (9, n)
        Filled, all over the root of forward times strike: row 0 with undiscounted prices, the
        others with their derivatives by the parameters.

    Returns
    -------
    int
        Points of all integrals.
    """
    first, points = 0, 0
    while first < len(years):
        last = first
        while last < len(years) and years[last] == years[first]:
            last += 1
        points += _expiry(ratio, years[first], point, values, first, last)
        first = last
    return points


@inlined
def _black(distance: float, deviation: float) -> float:
    """Black's price of an option so far out of the money, over the root of forward times strike."""
    half = exp(-0.5 * distance)
    d = 0.5 * deviation - distance / deviation
    return half * normal_cdf(d) - normal_cdf(d - deviation) / half


@inlined
def _reciprocal(z: complex) -> complex:
    size = z.real * z.real + z.imag * z.imag
    return complex(z.real / size, -z.imag / size)


@inlined
def _exponential(z: complex) -> complex:
    size = exp(z.real)
    sine, cosine = sincos(z.imag)
    return complex(size * cosine, size * sine)


@inlined
def _jump_exponent(
    half: complex, t: float, point: Array, weights: NDArray[np.complex128]
) -> complex:
    """Return what jumps add to the exponent; its derivatives become weights 6 to 8."""
    intensity, mean, deviation = point[5], point[6], point[7]
    square = half * half
    growth = exp(mean + 0.5 * deviation * deviation)
    moved = _exponential(mean * half + (0.5 * deviation * deviation) * square)
    on_intensity = t * (moved - 1.0 - (growth - 1.0) * half)
    weights[6] = on_intensity
    weights[7] = (intensity * t) * (half * moved - growth * half)
    weights[8] = (intensity * t * deviation) * (square * moved - growth * half)
    found: complex = intensity * on_intensity
    return found


@kernel
def _expiry(ratio: Array, t: float, point: Array, values: Array, first: int, last: int) -> int:
    """Fill the options of one expiry."""
    v0, kappa, theta = point[0], point[1], point[2]
    rows = len(point) + 1
    mean = theta + (v0 - theta) * (1.0 - exp(-kappa * t)) / (kappa * t)
    if rows == _WITH_JUMPS:
        mean += point[5] * (point[6] * point[6] + point[7] * point[7])
    deviation = math.sqrt(mean * t)
    widest = 0.0
    for i in range(first, last):
        widest = max(widest, abs(ratio[i]))
    # A rule with this step repeats the density at this distance.
    step = math.pi / (widest + 6.0 * deviation)
    n = last - first
    total, added = np.zeros((rows, n)), np.zeros((rows, n))
    points = _add_points(ratio, t, point, mean, first, last, 0.0, step, total)
    for _ in range(8):
        added[:] = 0.0
        points += _add_points(ratio, t, point, mean, first, last, 0.5 * step, step, added)
        apart = 0.0
        for i in range(n):
            apart = max(apart, abs(total[0, i] - added[0, i]) * step)
        for row in range(rows):
            for i in range(n):
                total[row, i] += added[row, i]
        step *= 0.5
        # The rules before and after differ by half of it.
        if 0.5 * apart < _AGREEMENT * math.pi:
            break
    scale = step / math.pi
    for i in range(n):
        values[0, first + i] = _black(abs(ratio[first + i]), deviation) - scale * total[0, i]
        for row in range(1, rows):
            values[row, first + i] = -scale * total[row, i]
    return points


@kernel
def _add_points(
    ratio: Array,
    t: float,
    point: Array,
    mean: float,
    first: int,
    last: int,
    start: float,
    step: float,
    out: Array,
) -> int:
    """Add the integrands at ``start, start + step, ...`` until they no longer count."""
    v0, kappa, theta, xi, rho = point[0], point[1], point[2], point[3], point[4]
    n = last - first
    cosines, sines = np.empty(n), np.empty(n)
    turn_cosines, turn_sines = np.empty(n), np.empty(n)
    for i in range(n):
        sines[i], cosines[i] = sincos(start * ratio[first + i])
        turn_sines[i], turn_cosines[i] = sincos(step * ratio[first + i])
    rows = len(point) + 1
    weights = np.empty(rows, dtype=np.complex128)
    level = kappa * theta
    square_xi = xi * xi
    for j in range(_LONGEST):
        u = start + j * step
        square = u * u + 0.25
        half = complex(0.5, u)
        b = kappa - rho * xi * half
        # Root of b^2 + xi^2 (u^2 + 1/4), whose real part is a sum of squares.
        real = b.real * b.real + square_xi * ((1.0 - rho * rho) * u * u + 0.25)
        imaginary = 2.0 * b.real * b.imag
        root = math.sqrt(0.5 * (math.sqrt(real * real + imaginary * imaginary) + real))
        d = complex(root, 0.5 * imaginary / root)
        over_d = _reciprocal(d)
        over_q = _reciprocal(b + d)
        low = -square * over_q
        g = square_xi * low * over_q
        decay = _exponential(-t * d)
        gone = 1.0 - decay
        over_m = _reciprocal(1.0 - g * decay)
        over_g = _reciprocal(1.0 - g)
        shift = g * gone * over_g
        size = 2.0 * shift.real + shift.real * shift.real + shift.imag * shift.imag
        logarithm = complex(0.5 * log(1.0 + size), atan2(shift.imag, 1.0 + shift.real))
        on_v0 = low * gone * over_m
        on_level = t * low - (2.0 / square_xi) * logarithm
        exponent = level * on_level + v0 * on_v0
        if rows == _WITH_JUMPS:
            exponent += _jump_exponent(half, t, point, weights)
        phi = _exponential(exponent)
        black = exp(-0.5 * square * mean * t)
        share = 1.0 / square
        if u == 0.0:
            share *= 0.5
        weights[0] = share * (phi - black)
        phi *= share
        weights[1] = phi * on_v0
        weights[3] = phi * (kappa * on_level)
        for k in range(3):
            b_by = complex(1.0, 0.0)
            d_by = b
            if k == 1:
                b_by = -rho * half
                d_by = b * b_by + xi * square
            elif k == 2:
                b_by = -xi * half
                d_by = b * b_by
            d_by = d_by * over_d
            q_by = b_by + d_by
            low_by = -low * q_by * over_q
            g_by = (b_by - d_by - g * q_by) * over_q
            decay_by = -t * d_by * decay
            product_by = g_by * decay + g * decay_by
            on_v0_by = (low_by * gone - low * decay_by + on_v0 * product_by) * over_m
            logarithm_by = g_by * over_g - product_by * over_m
            on_level_by = t * low_by - (2.0 / square_xi) * logarithm_by
            if k == 0:
                weights[2] = phi * (theta * on_level + level * on_level_by + v0 * on_v0_by)
            else:
                if k == 1:
                    on_level_by += (4.0 / (square_xi * xi)) * logarithm
                weights[3 + k] = phi * (level * on_level_by + v0 * on_v0_by)
        if rows == _WITH_JUMPS:
            for row in range(6, rows):
                weights[row] *= phi
        for row in range(rows):
            x, y = weights[row].real, weights[row].imag
            for i in range(n):
                out[row, i] += x * cosines[i] - y * sines[i]
        for i in range(n):
            turned = cosines[i] * turn_cosines[i] - sines[i] * turn_sines[i]
            sines[i] = sines[i] * turn_cosines[i] + cosines[i] * turn_sines[i]
            cosines[i] = turned
        # What is left of an integrand that falls at least as the square.
        left = abs(phi.real) + abs(phi.imag) + black * share
        if left * u < _NEGLIGIBLE and j > 4:
            return j + 1
    return _LONGEST

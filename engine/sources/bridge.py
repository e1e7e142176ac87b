r"""The exact joint law of the highest and lowest point of a Brownian bridge.

Over a bar, the log price of a diffusion with constant coefficients is, given both ends, a
Brownian bridge whatever the drift. In units of its standard deviation let it go from 0 to `x`.
The maximum has ``P(max > h) = exp(-2 h (h - x))``, inverted in closed form. Let ``a = max`` and
``b = max - x`` be the distances of the ends from the maximum and ``s = a + b``. Given them, the
range ``w = max - min`` has the survival function

.. math::

    G(w) = \sum_{k \ge 1} k \left[ \frac{2kw - a + b}{s} e^{-2(kw - a)(kw + b)}
         + \frac{2kw + a - b}{s} e^{-2(kw + a)(kw - b)} \right]
         - \sum_{k \ne 0} (1 + k)\left(1 + \frac{2kw}{s}\right) e^{-2kw(s + kw)},

for ``w >= max(a, b)``: the derivative, in the upper barrier, of the probability of staying
between two barriers (reflection principle; Feller, 1951, The asymptotic distribution of the range
of sums of independent random variables, Annals of Mathematical Statistics 22). It is inverted by
Newton's method on ``sqrt(-2 ln G)``, which is nearly linear in `w`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import fma, inlined, kernel
from engine.compiled.elementary import exp, log, log_fast

__all__ = ["bridge_extremes", "group_extremes", "range_survival"]

_ITERATIONS = 4
# Three terms are good to 1e-9 between these bounds; beyond them the scalar solver takes over.
_SHORTEST_RANGE = 0.85
_FARTHEST_END = 4.0
# A bridge that goes this many standard deviations is straight to rounding: its extremes are its
# ends. Farther moves (no volatility at all) are cut, and the caller widens the range to the ends.
_STRAIGHT = 1e4
_FARTHEST_MOVE = 1e6
# Newton's step after which the next would be below 1e-9.
_CONVERGED = 1e-5
# A range below 0.4 is less likely than a uniform can say; above it eleven terms are exact.
_LEAST_RANGE = 0.4
_TERMS = 11
_NEGLIGIBLE = 18.0  # exp(-36) is below rounding
_LIMIT = 100


@inlined
def bridge_extremes(
    move: float, variance: float, high_u: float, low_u: float
) -> tuple[float, float]:
    """Return the maximum and minimum of a bridge from 0 to `move`, given two uniforms."""
    if variance <= 0.0:
        return max(move, 0.0), min(move, 0.0)
    deviation = math.sqrt(variance)
    x = min(max(move / deviation, -_FARTHEST_MOVE), _FARTHEST_MOVE)
    s = math.sqrt(fma(x, x, -2.0 * log_fast(high_u)))
    a, b = 0.5 * (s + x), 0.5 * (s - x)
    if s > _STRAIGHT:
        return max(move, 0.0), min(move, 0.0)
    r = math.sqrt(fma(s, s, -2.0 * log_fast(low_u) + 0.5 * log_fast(1.0 + 2.0 / s)))
    guess = max(max(0.5 * (abs(x) + r), 0.5 * (s + abs(x)) + 0.02), _LEAST_RANGE)
    width = _solve_range(max(a, 0.0), max(b, 0.0), low_u, guess)
    return a * deviation, (a - width) * deviation


@inlined
def group_extremes(room: NDArray[np.float64]) -> None:
    """Replace the uniforms of 256 bars by maximum and minimum relative to the open.

    Parameters
    ----------
    room : ndarray of float64, shape (8, 256)
        On entry rows 0 and 1 hold the uniforms of maximum and minimum, rows 2 and 3 the bars'
        moves and variances; on return rows 0 and 1 hold maximum and minimum. The other rows are
        to work in. A variance of zero gives extremes at the ends of the bar.
    """
    high_u, low_u, moves, variances = room[0], room[1], room[2], room[3]
    widths, steps, targets, inverses = room[4], room[5], room[6], room[7]
    for i in range(256):
        deviation = math.sqrt(max(variances[i], 1e-300))
        x = min(max(moves[i] / deviation, -_FARTHEST_MOVE), _FARTHEST_MOVE)
        e = -2.0 * log_fast(low_u[i])
        s = math.sqrt(fma(x, x, -2.0 * log_fast(high_u[i])))
        r = math.sqrt(fma(s, s, e + 0.5 * log_fast(1.0 + 2.0 / s)))
        high_u[i] = 0.5 * (s + x)
        moves[i] = s
        targets[i] = math.sqrt(e)
        inverses[i] = 1.0 / min(s, 2.0 * _FARTHEST_END)
        widths[i] = max(max(0.5 * (abs(x) + r), 0.5 * (s + abs(x)) + 0.02), _LEAST_RANGE)
    for _ in range(_ITERATIONS):
        for i in range(256):
            # Clipped so that nothing overflows in the lanes that the scalar solver redoes.
            s = min(moves[i], 2.0 * _FARTHEST_END)
            a = min(max(high_u[i], 0.0), s)
            w = min(widths[i], 4.0 * _FARTHEST_END)
            least = max(a, s - a)
            survival, slope = _survival_three_terms(w, a, s, inverses[i])
            survival = min(max(survival, 1e-30), 1.0 - 1e-15)
            root = math.sqrt(-2.0 * log(survival))
            step = (targets[i] - root) * root * survival / max(slope, 1e-300)
            excess = w - least
            step = min(max(step, -0.5 * excess), fma(1.5, excess, 0.05))
            widths[i] = w + step
            steps[i] = step
    for i in range(256):
        s = moves[i]
        a = min(max(high_u[i], 0.0), s)
        least = max(a, s - a)
        width = widths[i]
        if s > _STRAIGHT:
            width = least
        elif not (abs(steps[i]) < _CONVERGED and width > _SHORTEST_RANGE and least < _FARTHEST_END):
            width = _solve_range(a, s - a, low_u[i], width)
        deviation = math.sqrt(max(variances[i], 0.0))
        high_u[i] = a * deviation
        low_u[i] = (a - width) * deviation


@inlined
def _survival_three_terms(w: float, a: float, s: float, inverse: float) -> tuple[float, float]:
    """Return G and -dG/dw with k up to 3, by powers of a few exponentials; `inverse` is 1/s."""
    d = s - 2.0 * a  # b - a
    w2 = w * w
    q = exp(-2.0 * w2)
    common = exp(2.0 * a * (s - a))
    left = exp(-2.0 * w * d)
    right = exp(2.0 * w * d)
    near = exp(2.0 * w * s)
    far = exp(-2.0 * w * s)
    g = 0.0
    slope = 0.0
    for k in range(1, 4):
        kk = float(k)
        qk = q  # q^k, then (q^k e^{...})^k
        for _ in range(k - 1):
            qk = qk * q
        u, v, t = qk * left, qk * right, qk * far
        e1, e2, e3 = u, v, t
        for _ in range(k - 1):
            e1, e2, e3 = e1 * u, e2 * v, e3 * t
        e1, e2 = e1 * common, e2 * common
        c1 = fma(2.0 * kk, w, d)
        c2 = fma(2.0 * kk, w, -d)
        g = g + kk * inverse * fma(c1, e1, c2 * e2)
        slope = slope + 2.0 * kk * kk * inverse * (e1 * fma(c1, c1, -1.0) + e2 * fma(c2, c2, -1.0))
        c3 = fma(2.0 * kk * inverse, w, 1.0)
        g = g - (1.0 + kk) * c3 * e3
        slope = slope - (1.0 + kk) * e3 * (
            c3 * fma(4.0 * kk * kk, w, 2.0 * kk * s) - 2.0 * kk * inverse
        )
    for n in range(2, 5):
        nn = float(n)
        qn = q
        for _ in range(n - 1):
            qn = qn * q
        t = qn * near
        e = t
        for _ in range(n - 1):
            e = e * t
        c = fma(-2.0 * nn * inverse, w, 1.0)
        g = g - (1.0 - nn) * c * e
        slope = slope - (1.0 - nn) * e * (
            c * fma(4.0 * nn * nn, w, -2.0 * nn * s) + 2.0 * nn * inverse
        )
    return g, slope


@inlined
def _survival(w: float, a: float, b: float) -> tuple[float, float]:
    """Return G and -dG/dw with as many terms as count, and exponents that cannot overflow."""
    s = a + b
    least = max(a, b)
    g = 0.0
    slope = 0.0
    for k in range(1, _TERMS + 1):
        kk = float(k)
        kw = kk * w
        nw = kw + w
        if k > 1 and (kw - least) * (kw + s - least) > _NEGLIGIBLE:
            break
        e1 = exp(-2.0 * (kw - a) * (kw + b))
        e2 = exp(-2.0 * (kw + a) * (kw - b))
        e3 = exp(-2.0 * kw * (s + kw))
        e4 = exp(2.0 * nw * (s - nw))
        c1, c2 = 2.0 * kw - a + b, 2.0 * kw + a - b
        c3, c4 = 2.0 * kw + s, s - 2.0 * nw
        g += (kk * (c1 * e1 + c2 * e2 + c4 * e4) - (kk + 1.0) * c3 * e3) / s
        slope += (
            2.0 * kk * kk * ((c1 * c1 - 1.0) * e1 + (c2 * c2 - 1.0) * e2)
            - 2.0 * kk * (kk + 1.0) * ((c3 * c3 - 1.0) * e3 + (1.0 - c4 * c4) * -e4)
        ) / s
    return g, slope


@inlined
def _solve_range(a: float, b: float, survival: float, guess: float) -> float:
    """Solve G(w) = survival by Newton's method within a bracket that bisection keeps safe."""
    target = math.sqrt(-2.0 * log_fast(survival))
    low = max(max(a, b), _LEAST_RANGE)
    high = low + 8.0
    w = min(max(guess, low), high)
    for _ in range(_LIMIT):
        value, slope = _survival(w, a, b)
        if value > survival:
            low = w
        else:
            high = w
        # Where G is flat, Newton's step is short far from the solution too.
        near = abs(value - survival) < 0.01 * min(survival, 1.0 - survival)
        value = min(max(value, 1e-30), 1.0 - 1e-15)
        root = math.sqrt(-2.0 * log(value))
        following = w + (target - root) * root * value / max(slope, 1e-300)
        if near:
            following = min(max(following, low), high)
        elif not (low < following < high) or (low == w and root < 0.5 * target):
            following = 0.5 * (low + high)
        if near and abs(following - w) < _CONVERGED:
            return following
        w = following
    return w


@kernel
def range_survival(w: float, a: float, b: float) -> float:
    """Return the probability that the range exceeds `w`, given how far the ends lie below the top.

    Parameters
    ----------
    w : float
        At least ``max(a, b)``, in standard deviations.
    a, b : float
        Distance of the first and last point below the maximum; ``a + b > 0``.
    """
    return _survival(w, a, b)[0]

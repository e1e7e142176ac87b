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
one step of fourth order on ``ln G`` from a polynomial that starts within a hundredth or two: each
term is an exponential of a square, so that its derivatives are Hermite polynomials and cost no
further exponential. What one step does not settle is left to Newton's method within a bracket.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import fma, inlined, kernel
from engine.compiled.elementary import exp, log, log_fast
from engine.sources.range_start import range_start

__all__ = ["bridge_extremes", "group_extremes", "range_survival"]

# Three terms are good to 1e-6 between these bounds; beyond them the scalar solver takes over.
_SHORTEST_RANGE = 0.85
_FARTHEST_END = 4.0
# Largest terms of second and third order of a step whose error is below 4e-6.
_LARGEST_SECOND = 0.02
_LARGEST_THIRD = 1e-5
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
    widths, distances, inverses, targets = room[4], room[5], room[6], room[7]
    for i in range(256):
        deviation = math.sqrt(max(variances[i], 1e-300))
        move = min(max(moves[i] / deviation, -_FARTHEST_MOVE), _FARTHEST_MOVE)
        x, e = abs(move), -2.0 * log_fast(low_u[i])
        s = math.sqrt(fma(move, move, -2.0 * log_fast(high_u[i])))
        widths[i] = max(range_start(x, s, math.sqrt(e)), fma(0.5, s + x, 1e-3))
        distances[i] = x
        inverses[i] = 1.0 / high_u[i]
        targets[i] = e
        high_u[i] = 0.5 * (s + move)
        moves[i] = s
    for i in range(256):
        # Clipped so that nothing overflows in the lanes that the scalar solver redoes.
        s = min(moves[i], 2.0 * _FARTHEST_END)
        x = min(distances[i], s)
        w = min(widths[i], 4.0 * _FARTHEST_END)
        step, second, third = _step_of_fourth_order(w, x, s, inverses[i], targets[i])
        far = moves[i] + distances[i] > 2.0 * _FARTHEST_END
        short = not (w + step > _SHORTEST_RANGE)
        open_yet = not (abs(second) < _LARGEST_SECOND and abs(third) < _LARGEST_THIRD)
        # A step that is not a number, too, belongs to a lane that is redone.
        widths[i] = w + (step if abs(step) < 1.0 else 0.0)
        inverses[i] = 1.0 if far or short or open_yet else 0.0
    for i in range(256):
        s = moves[i]
        a = min(max(high_u[i], 0.0), s)
        width = widths[i]
        if s > _STRAIGHT:
            width = max(a, s - a)
        elif inverses[i] != 0.0:
            width = _solve_range(a, s - a, low_u[i], width)
        deviation = math.sqrt(max(variances[i], 0.0))
        high_u[i] = a * deviation
        low_u[i] = (a - width) * deviation


@inlined
def _step_of_fourth_order(
    w: float, x: float, s: float, inverse_high: float, target: float
) -> tuple[float, float, float]:
    """Return the step from `w` to where ``-2 ln G`` is `target`, and its two smaller terms.

    The series of the inverse function, with `k` up to 3. Beside ``x = |a - b|`` and `s` it takes
    ``exp(2 a b)``, which is one over the uniform of the maximum.
    """
    q = exp(-2.0 * w * w)
    right, far = exp(2.0 * w * x), exp(-2.0 * w * s)
    left, near = 1.0 / right, 1.0 / far
    q2 = q * q
    q3, q4 = q2 * q, q2 * q2
    n2, n3, n4 = q2 * near, q3 * near, q4 * near
    r2, l2, f2 = q2 * right, q2 * left, q2 * far
    r3, l3, f3 = q3 * right, q3 * left, q3 * far
    c = inverse_high
    g, g1, g2, g3 = _terms(1.0, w, x, s, q * right * c, q * left * c, q * far, n2 * n2)
    h, h1, h2, h3 = _terms(2.0, w, x, s, r2 * r2 * c, l2 * l2 * c, f2 * f2, n3 * n3 * n3)
    g, g1, g2, g3 = g + h, g1 + h1, g2 + h2, g3 + h3
    n4 = n4 * n4
    h, h1, h2, _ = _terms(3.0, w, x, s, r3 * r3 * r3 * c, l3 * l3 * l3 * c, f3 * f3 * f3, n4 * n4)
    g, g1, g2 = g + h, g1 + h1, g2 + h2
    # Derivatives of ln G, and the inverse of its Taylor series.
    inverse = 1.0 / max(g, 1e-30)
    p1, p2, p3 = g1 * inverse, g2 * inverse, g3 * inverse
    m2, m3 = fma(-p1, p1, p2), fma(p1, fma(2.0 * p1, p1, -3.0 * p2), p3)
    slope = 1.0 / min(p1, -1e-300)
    first = -fma(0.5, target, log_fast(min(max(g / s, 1e-30), 1.0))) * slope
    bend, twist = 0.5 * m2 * slope, (1.0 / 6.0) * m3 * slope
    second = -bend * first * first
    third = fma(2.0 * bend, bend, -twist) * first * first * first
    return first + second + third, second, third


@inlined
def _terms(
    k: float, w: float, x: float, s: float, e1: float, e2: float, e3: float, e4: float
) -> tuple[float, float, float, float]:
    """Return the terms of number `k` in ``s G`` and in its first three derivatives by `w`.

    `e1` to `e4` are the exponentials of the two terms of the first sum and of `k` and ``-k - 1`` in
    the second. The next derivative of ``H(c) exp(-c^2 / 2)`` has the next Hermite polynomial.
    """
    n = k + 1.0
    c1, c2 = fma(2.0 * k, w, -x), fma(2.0 * k, w, x)
    c3, c4 = fma(2.0 * k, w, s), fma(-2.0 * n, w, s)
    s1, s2, s3, s4 = c1 * c1, c2 * c2, c3 * c3, c4 * c4
    g = k * (fma(c1, e1, c2 * e2) + c4 * e4) - n * c3 * e3
    slope = (
        2.0 * k * (n * ((s3 - 1.0) * e3 + (s4 - 1.0) * e4) - k * fma(s1 - 1.0, e1, (s2 - 1.0) * e2))
    )
    b1, b2, b3, b4 = (s1 - 3.0) * c1, (s2 - 3.0) * c2, (s3 - 3.0) * c3, (s4 - 3.0) * c4
    bend = 4.0 * k * (k * k * fma(b1, e1, b2 * e2) + n * (n * b4 * e4 - k * b3 * e3))
    t1, t2 = fma(s1, s1 - 6.0, 3.0), fma(s2, s2 - 6.0, 3.0)
    t3, t4 = fma(s3, s3 - 6.0, 3.0), fma(s4, s4 - 6.0, 3.0)
    twist = 8.0 * k * (n * (k * k * t3 * e3 + n * n * t4 * e4) - k * k * k * fma(t1, e1, t2 * e2))
    return g, slope, bend, twist


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

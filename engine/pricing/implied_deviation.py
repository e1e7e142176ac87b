r"""The deviation that a price implies, as scalar code for kernels: no loop, no branch.

Both models are solved for the deviation s of the (log) price up to expiry, by three steps of
Householder's third-order iteration and one more on the price itself, which brings the last digits.
Where the iteration starts and what it iterates on depend on the price:

- far out of the money on :math:`(-\ln(u / x))^{-1/2}`, nearly a straight line in s, from the
  asymptotic form of the price;
- near the upper bound on the logarithm of what is left to it;
- elsewhere on the price, from the tangent at its point of inflection.

The price is convex in s below that point: without the start from the tangent, iterations diverge
just below it (Jaeckel, 2015, Let's be rational, which has four such regions).
"""

from __future__ import annotations

import math

from engine.compiled import inlined
from engine.compiled.elementary import exp, log
from engine.pricing.lognormal import time_value
from engine.pricing.mills import mills, mills_slope

__all__ = ["lognormal_deviation", "normal_deviation"]

_INVERSE_SQRT_2PI = 0.3989422804014327
_SQRT_2PI = 2.5066282746310002
_LOG_SQRT_2PI = 0.9189385332046727
_SMALLEST = 1e-307
_LARGEST_EXPONENT = 690.0
_LARGEST_DEVIATION = 60.0
# Shares of the distance to the strike, and of the bound, at which regions begin.
_DEEP = 0.02
_HIGH = 0.75


@inlined
def lognormal_deviation(u: float, x: float) -> float:
    """Return ``volatility sqrt(years)`` of a lognormal price.

    Parameters
    ----------
    u : float
        Price of the option out of the money, over the smaller of forward and strike; in (0, 1).
    x : float
        ``|ln(forward / strike)|``.
    """
    inflection = math.sqrt(2.0 * x)
    tangent = inflection + _SQRT_2PI * (u - 0.5) + mills(inflection)
    deep = u < _DEEP * x and tangent < inflection
    high = u > _HIGH
    scale = 1.0 / x if deep else 1.0
    y = log(u * scale if deep else 1.0 - u)
    goal = 1.0 / math.sqrt(-y) if deep else y
    s = min(_far(0.5 * x - y, x), tangent) if deep else tangent
    s = _lognormal_step(s, x, u, deep, high, goal, scale)
    s = _lognormal_step(s, x, u, deep, high, goal, scale)
    s = _lognormal_step(s, x, u, deep, high, goal, scale)
    return _lognormal_step(s, x, u, False, False, goal, scale)


@inlined
def normal_deviation(u: float, x: float) -> float:
    """Return ``volatility sqrt(years)`` of a normal price.

    Parameters
    ----------
    u : float
        Price of the option out of the money, positive.
    x : float
        Distance of forward and strike.
    """
    tangent = _SQRT_2PI * (u + 0.5 * x)
    deep = u < _DEEP * x
    scale = 1.0 / x if deep else 1.0
    y = log(u * scale if deep else 1.0)
    goal = 1.0 / math.sqrt(-y) if deep else y
    s = min(_far(-y, x), tangent) if deep else tangent
    s = _normal_step(s, x, u, deep, goal, scale)
    s = _normal_step(s, x, u, deep, goal, scale)
    s = _normal_step(s, x, u, deep, goal, scale)
    return _normal_step(s, x, u, False, goal, scale)


@inlined
def _far(size: float, x: float) -> float:
    """Solve ``size = h^2/2 + ln(h (h^2 + 2)) + ln sqrt(2 pi)`` for x / h by one Newton step."""
    level = max(size - _LOG_SQRT_2PI, 0.5)
    h2 = 2.0 * level
    h = math.sqrt(h2)
    h -= log(h * (h2 + 2.0)) / (h + 1.0 / h + 2.0 * h / (h2 + 2.0))
    return x / max(h, 0.5)


@inlined
def _lognormal_step(
    s: float, x: float, u: float, deep: bool, high: bool, goal: float, scale: float
) -> float:
    h, t = -x / s, 0.5 * s
    value, density, _, outer, ratio = time_value(h, t)
    rest = outer + density * ratio  # 1 - value, where it is small
    h2 = h * h
    second = (h2 - t * t) / s
    third = second * second - 3.0 * h2 / (s * s) - 0.25
    return _moved(s, u, value, rest, density, second, third, deep, high, goal, scale)


@inlined
def _normal_step(s: float, x: float, u: float, deep: bool, goal: float, scale: float) -> float:
    h = x / s
    h2 = h * h
    exponent = 0.5 * h2
    density = _INVERSE_SQRT_2PI * exp(-exponent) if exponent < _LARGEST_EXPONENT else 0.0
    value = s * density * mills_slope(h)
    second = h2 / s
    third = second * second - 3.0 * h2 / (s * s)
    return _moved(s, u, value, 1.0, density, second, third, deep, False, goal, scale)


@inlined
def _moved(
    s: float,
    u: float,
    value: float,
    rest: float,
    density: float,
    second: float,
    third: float,
    deep: bool,
    high: bool,
    goal: float,
    scale: float,
) -> float:
    """Return s after a step of Householder's third-order iteration.

    ``density`` is the price's derivative by s, ``second`` and ``third`` those of higher order over
    the first. Of a function g of y, the logarithm of the price or of the rest, they follow by the
    chain rule.
    """
    level = max(value * scale if deep else rest, _SMALLEST)
    y = log(level)
    p = (density * scale if deep else -density) / level
    y2 = second - p
    y3 = third - 3.0 * p * second + 2.0 * p * p
    size = max(-y, 1e-3) if deep else 1.0
    root = math.sqrt(size)
    g2 = 1.5 / size if deep else 0.0
    g3 = g2 * 2.5 / size
    plain = not (deep or high)
    rise = density if plain else (p * 0.5 / (size * root) if deep else p)
    miss = u - value if plain else goal - (1.0 / root if deep else y)
    curve = second if plain else g2 * p + y2
    bend = third if plain else g3 * p * p + 3.0 * g2 * p * y2 + y3
    newton = miss / max(abs(rise), _SMALLEST)
    newton = -newton if rise < 0.0 else newton
    newton = newton if density > 0.0 else 0.0
    step = newton * (1.0 + 0.5 * curve * newton) / (1.0 + newton * (curve + bend * newton / 6.0))
    return min(max(s + step, 0.2 * s), 5.0 * s)

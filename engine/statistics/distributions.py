"""Normal and Student's distributions, of single numbers.

SciPy has them too, but importing it takes longer than most studies do.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from engine.errors import Refusal

__all__ = ["normal_probability", "normal_quantile", "student_probability", "student_quantile"]

_STANDARD = NormalDist()
_TINY = 1e-300


def normal_probability(x: float) -> float:
    """Probability that a standard normal number is at most `x`."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """Return the number below which a standard normal one lies with this probability.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1.
    """
    if not 0.0 < probability < 1.0:
        raise Refusal("probability", str(probability), "above 0 and below 1")
    return _STANDARD.inv_cdf(probability)


def student_probability(x: float, freedom: float) -> float:
    """Probability that Student's t with `freedom` degrees of freedom is at most `x`.

    Notes
    -----
    Half the regularised incomplete beta function I(nu / (nu + x^2); nu / 2, 1 / 2) beyond |x|, by
    its continued fraction (Press et al. 2007, "Numerical recipes", section 6.4).
    """
    if math.isinf(x):
        return 1.0 if x > 0 else 0.0
    tail = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + x * x))
    return 1.0 - tail if x > 0 else tail


@lru_cache(maxsize=4096)
def student_quantile(probability: float, freedom: float) -> float:
    """Return the number below which Student's t lies with this probability.

    Newton's method from the expansion of Fisher and Cornish (1960) around the normal quantile.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1, or the degrees of freedom are not above 0.
    """
    if not freedom > 0:
        raise Refusal("freedom", str(freedom), "above 0")
    if probability < 0.5:
        return -student_quantile(1.0 - probability, freedom)
    z = normal_quantile(probability)
    if probability == 0.5:
        return 0.0
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    low, high = z, math.inf
    x = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    if freedom > 1e5:
        # The next term is below 1e-14, and the gamma functions lose digits here.
        return x
    log_scale = (
        math.lgamma((freedom + 1) / 2)
        - math.lgamma(freedom / 2)
        - 0.5 * math.log(freedom * math.pi)
    )
    for _ in range(100):
        error = student_probability(x, freedom) - probability
        if error > 0:
            high = x
        else:
            low = x
        density = math.exp(log_scale - (freedom + 1) / 2 * math.log1p(x * x / freedom))
        step = x - error / density
        # Newton may leap out of the bracket in the far tail of few degrees of freedom.
        if not low <= step <= high:
            step = 2 * x if math.isinf(high) else 0.5 * (low + high)
        if abs(step - x) <= 1e-14 * abs(x):
            return step
        x = step
    return x


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges fast on this side of the mean only.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            factor = c * d
            value *= factor
        if abs(factor - 1.0) < 1e-15:
            break
    return value

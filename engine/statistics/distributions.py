"""Normal, Student's and gamma distributions, of single numbers and of one per parameter set.

SciPy has them too, but importing it takes longer than most studies do.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.incomplete_beta import incomplete_beta, incomplete_betas

__all__ = [
    "binomial_exceedance",
    "gamma_quantiles",
    "normal_probabilities",
    "normal_probability",
    "normal_quantile",
    "student_probabilities",
    "student_probability",
    "student_quantile",
    "student_quantiles",
]

Floats = NDArray[np.float64]

_STANDARD = NormalDist()
_TINY = 1e-300
# Degrees of freedom above which Hill's expansion replaces the continued fraction.
_MANY_DEGREES = 500.0
# The logarithm of a quantile is smooth in 1 / freedom: as many nodes give it to 1e-13.
_NODES = 48


def normal_probability(x: float) -> float:
    """Probability that a standard normal number is at most `x`.

    Parameters
    ----------
    x : float
        Any number.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> round(normal_probability(1.96), 4)
    0.975
    """
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """Return the number below which a standard normal one lies with this probability.

    Parameters
    ----------
    probability : float
        Above 0 and below 1.

    Returns
    -------
    float
        The quantile.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1.

    Examples
    --------
    >>> round(normal_quantile(0.975), 4)
    1.96
    """
    if not 0.0 < probability < 1.0:
        raise Refusal("probability", str(probability), "above 0 and below 1")
    return _STANDARD.inv_cdf(probability)


def student_probability(x: float, freedom: float) -> float:
    """Probability that Student's t with `freedom` degrees of freedom is at most `x`.

    Parameters
    ----------
    x : float
        Any number.
    freedom : float
        Degrees of freedom, above 0.

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    Half the regularised incomplete beta function I(nu / (nu + x^2); nu / 2, 1 / 2) beyond |x|, by
    its continued fraction (Press et al. 2007, "Numerical recipes", section 6.4).

    Examples
    --------
    >>> round(student_probability(2.228, 10.0), 4)
    0.975
    """
    if math.isinf(x):
        return 1.0 if x > 0 else 0.0
    tail = 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + x * x))
    return 1.0 - tail if x > 0 else tail


@lru_cache(maxsize=4096)
def student_quantile(probability: float, freedom: float) -> float:
    """Return the number below which Student's t lies with this probability.

    Newton's method from the expansion of Fisher and Cornish (1960) around the normal quantile.

    Parameters
    ----------
    probability : float
        Above 0 and below 1.
    freedom : float
        Degrees of freedom, above 0.

    Returns
    -------
    float
        The quantile.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1, or the degrees of freedom are not above 0.

    Examples
    --------
    >>> round(student_quantile(0.975, 10.0), 3)
    2.228
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
        # Newton's step may leave the bracket in the far tail of few degrees of freedom.
        if not low <= step <= high:
            step = 2 * x if math.isinf(high) else 0.5 * (low + high)
        if abs(step - x) <= 1e-14 * abs(x):
            return step
        x = step
    return x


def normal_probabilities(x: ArrayLike) -> Floats:
    """Return `normal_probability` of every element, in the shape of `x`.

    Parameters
    ----------
    x : array_like
        Any numbers.

    Returns
    -------
    ndarray of float64, shaped as `x`
        From 0 to 1.

    Examples
    --------
    >>> normal_probabilities([0.0, 1.96]).round(4).tolist()
    [0.5, 0.975]
    """
    values = np.asarray(x, dtype=np.float64)
    found = [normal_probability(value) for value in values.ravel().tolist()]
    return np.array(found).reshape(values.shape)


def student_quantiles(probability: float, freedom: ArrayLike) -> Floats:
    """Return `student_quantile` for an array of degrees of freedom, each at least 1.

    Parameters
    ----------
    probability : float
        Above 0.5 and below 1.
    freedom : array_like
        Degrees of freedom, each at least 1.

    Returns
    -------
    ndarray of float64, shaped as `freedom`
        The quantiles.

    Raises
    ------
    ValueError
        If the probability is not between 0.5 and 1.

    Notes
    -----
    For a given probability the logarithm of the quantile is a smooth function of 1 / freedom on
    [0, 1]; its Chebyshev interpolant through 48 exact values is within 1e-12 of it.

    Examples
    --------
    >>> student_quantiles(0.975, [1.0, 10.0, 100.0]).round(3).tolist()
    [12.706, 2.228, 1.984]
    """
    if not 0.5 < probability < 1.0:
        raise Refusal("probability", str(probability), "above 0.5 and below 1")
    degrees = np.asarray(freedom, dtype=np.float64)
    alike = degrees.size > 1 and bool((degrees == degrees.flat[0]).all())
    inverse = 1.0 / np.maximum(degrees.flat[0] if alike else degrees, 1.0)
    series = _student_series(probability)
    found: Floats = np.exp(np.polynomial.chebyshev.chebval(2.0 * inverse - 1.0, series))
    return np.full(degrees.shape, found) if alike else found


def student_probabilities(x: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return `student_probability` of every pair; the two are broadcast.

    Parameters
    ----------
    x, freedom : array_like
        Numbers, and degrees of freedom above 0; the two are broadcast.

    Returns
    -------
    ndarray of float64
        From 0 to 1.

    Notes
    -----
    Above 500 degrees of freedom x is turned into a normal number [1]_, which keeps the relative
    error of the tails below 2e-9.

    References
    ----------
    .. [1] Hill (1970), "Algorithm 395: Student's t-distribution".

    Examples
    --------
    >>> student_probabilities(2.228, [10.0, 1000.0]).round(4).tolist()
    [0.975, 0.9869]
    """
    values, degrees = np.broadcast_arrays(
        np.asarray(x, dtype=np.float64), np.asarray(freedom, dtype=np.float64)
    )
    flat, nu = values.ravel(), degrees.ravel()
    tail = np.full(flat.shape, math.nan)
    many = nu > _MANY_DEGREES
    if many.any():
        a = nu[many] - 0.5
        b = 48.0 * a * a
        y = a * np.log1p(flat[many] ** 2 / nu[many])
        root = np.sqrt(y)
        top = ((((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b) + y + 3.0) / b
        tail[many] = normal_probabilities(-(top + 1.0) * root)
    few = ~many & np.isfinite(flat) & (nu > 0)
    if few.any():
        nu_few = nu[few]
        at = nu_few / (nu_few + flat[few] ** 2)
        tail[few] = 0.5 * incomplete_betas(nu_few / 2, 0.5, at)
    tail[np.isinf(flat)] = 0.0
    found: Floats = np.where(flat > 0, 1.0 - tail, tail).reshape(values.shape)
    return found


def binomial_exceedance(n: int, rank: float, probability: float) -> float:
    """Probability that at least `rank` of n trials succeed; ranks between whole ones interpolate.

    It is the incomplete beta function I_p(rank, n + 1 - rank): the probability that the
    `rank`-th of n order statistics lies below the quantile of this probability.

    Parameters
    ----------
    n : int
        Trials.
    rank : float
        From 1 to `n`.
    probability : float
        Of success in each trial, from 0 to 1.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> round(binomial_exceedance(10, 1.0, 0.1), 4)
    0.6513
    """
    return incomplete_beta(rank, n + 1.0 - rank, probability)


def gamma_quantiles(probability: float, shape: ArrayLike) -> Floats:
    """Quantile of gamma laws of scale 1, one per shape.

    Parameters
    ----------
    probability : float
        Above 0 and below 1.
    shape : array_like
        Shapes, from 0.5 to some hundreds.

    Returns
    -------
    ndarray of float64, shaped as `shape`
        The quantiles.

    Notes
    -----
    Newton's method in the logarithm, from the cube of Wilson and Hilferty (1931); the
    probability is the power series of the incomplete gamma function.

    Examples
    --------
    >>> gamma_quantiles(0.975, [1.0, 10.0]).round(3).tolist()
    [3.689, 17.085]
    """
    a = np.asarray(shape, dtype=np.float64)
    z = normal_quantile(probability)
    cube = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * np.sqrt(a))
    log_factorial = np.array([math.lgamma(v + 1.0) for v in a.ravel().tolist()]).reshape(a.shape)
    # Near zero the left tail x^a / Gamma(a + 1) is the better start.
    small = np.exp((math.log(probability) + log_factorial) / a)
    log_x = np.log(np.where(cube > 0.3, a * np.maximum(cube, 0.3) ** 3, small))
    for _ in range(60):
        x = np.exp(log_x)
        below = _gamma_probability(a, x, log_factorial)
        density = np.exp(a * log_x - x - log_factorial) * a
        step = np.clip((below - probability) / np.maximum(density, _TINY), -1.0, 1.0)
        log_x = log_x - step
        if np.all(np.abs(step) < 1e-13):
            break
    found: Floats = np.exp(log_x)
    return found


def _gamma_probability(a: Floats, x: Floats, log_factorial: Floats) -> Floats:
    term = np.ones_like(x)
    total = np.ones_like(x)
    for k in range(1, 10_000):
        term = term * x / (a + k)
        total = total + term
        if np.all(term <= 1e-16 * total):
            break
    found: Floats = np.minimum(np.exp(a * np.log(x) - x - log_factorial) * total, 1.0)
    return found


@lru_cache(maxsize=64)
def _student_series(probability: float) -> Floats:
    """Chebyshev coefficients of log(quantile) in 2 / freedom - 1."""
    angles = np.pi * (np.arange(_NODES) + 0.5) / _NODES
    nodes = np.cos(angles)
    values = np.array(
        [math.log(student_quantile(probability, 2.0 / (1.0 + node))) for node in nodes.tolist()]
    )
    orders = np.arange(_NODES)
    series: Floats = 2.0 / _NODES * np.cos(np.outer(orders, angles)) @ values
    series[0] /= 2.0
    return series

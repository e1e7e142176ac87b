"""Options on the futures of Schwartz's commodity models: how much a contract still moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import fma, inlined, kernel
from engine.compiled.elementary import exp
from engine.errors import Refusal
from engine.pricing.arrays import as_inputs, filled, refuse_scalars

__all__ = [
    "decayed",
    "loading_integrals",
    "one_factor_variance",
    "schwartz_variance",
    "schwartz_volatility",
    "two_factor_variance",
]

Array = NDArray[np.float64]

# Below this product of speed and time the closed form loses digits, and a rule of five points,
# exact for polynomials of degree nine, has them all.
_SLOW = 0.2
_POINTS = (0.04691007703066802, 0.23076534494715845, 0.5, 0.7692346550528415, 0.9530899229693319)
_WEIGHTS = (
    0.11846344252809454,
    0.23931433524968324,
    0.28444444444444444,
    0.23931433524968324,
    0.11846344252809454,
)


def schwartz_volatility(
    years: ArrayLike,
    futures_years: ArrayLike,
    *,
    kappa: ArrayLike,
    sigma_spot: ArrayLike,
    sigma_yield: ArrayLike | None = None,
    rho: ArrayLike = 0.0,
) -> Array:
    r"""Volatility of a future up to the expiry of its option, for `black76`.

    Parameters
    ----------
    years : array_like
        Time to the option's expiry in years; all arguments broadcast.
    futures_years : array_like
        Time to the future's expiry, not before the option's.
    kappa : array_like
        Speed of mean reversion per year: of the log price with one factor, of the convenience
        yield with two.
    sigma_spot : array_like
        Volatility of the spot per year.
    sigma_yield : array_like, optional
        Volatility of the convenience yield per year. Without it, the model has one factor.
    rho : array_like
        Correlation of the two shocks.

    Returns
    -------
    ndarray of float64, shape (...)
        Annual volatility: the root of `schwartz_variance` over ``years``. NaN where a time, a speed
        or a volatility is negative or the future expires before its option.

    Raises
    ------
    Refusal
        If `rho` is given without `sigma_yield`; if all arguments are single numbers and one of
        them is impossible.

    Notes
    -----
    Futures are lognormal in both models, so `black76` at this volatility is their exact price
    [1]_. Names are those of `Schwartz2F`; of `Schwartz1F`, ``sigma`` is ``sigma_spot``.

    References
    ----------
    .. [1] Schwartz, E. (1997). The stochastic behavior of commodity prices. J. Finance 52, 923-973;
       Miltersen, K. and Schwartz, E. (1998). Pricing of options on commodity futures with
       stochastic term structures. J. Financial and Quantitative Analysis 33, 33-59.

    Examples
    --------
    >>> import engine as mc
    >>> terms = {"kappa": 1.876, "sigma_spot": 0.393, "sigma_yield": 0.527, "rho": 0.766}
    >>> vol = mc.schwartz_volatility(0.25, 0.5, **terms)
    >>> round(float(vol), 6), round(float(mc.black76(60.0, 65.0, 0.25, vol).price), 4)
    (0.29986, 1.7535)
    """
    variance = schwartz_variance(
        years,
        futures_years,
        kappa=kappa,
        sigma_spot=sigma_spot,
        sigma_yield=sigma_yield,
        rho=rho,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(variance / np.asarray(years, dtype=np.float64)))[()]


def schwartz_variance(
    years: ArrayLike,
    futures_years: ArrayLike,
    *,
    kappa: ArrayLike,
    sigma_spot: ArrayLike,
    sigma_yield: ArrayLike | None = None,
    rho: ArrayLike = 0.0,
) -> Array:
    r"""Variance of the logarithm of a future between now and the expiry of its option.

    Parameters
    ----------
    years, futures_years, kappa, sigma_spot, sigma_yield, rho : array_like
        As of `schwartz_volatility`.

    Returns
    -------
    ndarray of float64, shape (...)
        In units of years times squared annual volatility.

    Raises
    ------
    Refusal
        As `schwartz_volatility` does.

    Notes
    -----
    With one factor :math:`\sigma^2 \int e^{-2 \kappa u} du`, with two
    :math:`\int \sigma_1^2 + \sigma_2^2 B^2 - 2 \rho \sigma_1 \sigma_2 B \, du`,
    :math:`B = (1 - e^{-\kappa u}) / \kappa`, both over the times u that the future has left,
    from ``futures_years - years`` to ``futures_years``. A speed of 0 is their limit.
    """
    two = sigma_yield is not None
    if not two and np.any(rho):
        raise Refusal("rho", f"{rho!r}", "0 without sigma_yield")
    inputs = as_inputs(
        years=years,
        futures_years=futures_years,
        kappa=kappa,
        sigma_spot=sigma_spot,
        sigma_yield=0.0 if sigma_yield is None else sigma_yield,
        rho=rho,
    )
    names = ("years", "kappa", "sigma_spot", "sigma_yield")
    refuse_scalars(inputs, dict.fromkeys(names, "not negative"))
    variance: Array = filled(_fill_two_factors if two else _fill_one_factor, inputs, 1)[0][()]
    if not variance.ndim and math.isnan(variance):
        if abs(float(inputs["rho"])) > 1.0:
            raise Refusal("rho", f"{float(inputs['rho'])}", "-1 to 1")
        least = float(inputs["years"])
        raise Refusal("futures_years", f"{float(inputs['futures_years'])}", f"{least} or more")
    return variance


@inlined
def one_factor_variance(years: float, futures_years: float, kappa: float, sigma: float) -> float:
    """Return the variance with one factor."""
    left = futures_years - years
    return sigma * sigma * exp(-2.0 * kappa * left) * decayed(2.0 * kappa, years)


@inlined
def two_factor_variance(
    years: float,
    futures_years: float,
    kappa: float,
    sigma_spot: float,
    sigma_yield: float,
    rho: float,
) -> float:
    """Return the variance with two factors."""
    first, second = loading_integrals(years, futures_years, kappa)
    crossed = 2.0 * rho * sigma_spot * sigma_yield * first
    return sigma_spot * sigma_spot * years + sigma_yield * sigma_yield * second - crossed


@inlined
def loading_integrals(years: float, futures_years: float, kappa: float) -> tuple[float, float]:
    """Return the integrals of B and of its square over the times that the future has left.

    ``B(u) = (1 - exp(-kappa u)) / kappa`` is how much of the convenience yield a future carries.
    """
    left = futures_years - years
    first, second = 0.0, 0.0
    if kappa * futures_years < _SLOW:
        for k in range(len(_POINTS)):
            b = decayed(kappa, fma(years, _POINTS[k], left))
            first += _WEIGHTS[k] * years * b
            second += _WEIGHTS[k] * years * b * b
    else:
        # e^{-kappa u} and its square, integrated.
        once = exp(-kappa * left) * decayed(kappa, years)
        twice = exp(-2.0 * kappa * left) * decayed(2.0 * kappa, years)
        first = (years - once) / kappa
        second = (years - 2.0 * once + twice) / (kappa * kappa)
    return first, second


@inlined
def decayed(speed: float, years: float) -> float:
    """Return ``(1 - exp(-speed years)) / speed``, the time itself where the speed is 0."""
    x = speed * years
    # Its series where the difference from one has too few digits.
    term, total = 1.0, 1.0
    for n in range(2, 16):
        term *= -x / n
        total += term
    return years * total if x < 0.5 else (1.0 - exp(-x)) / speed


@kernel
def _fill_one_factor(
    years: Array,
    futures_years: Array,
    kappa: Array,
    sigma_spot: Array,
    sigma_yield: Array,
    rho: Array,
    out: Array,
) -> None:
    for i in range(years.size):
        valid = years[i] >= 0.0 and futures_years[i] >= years[i]
        valid = valid and kappa[i] >= 0.0 and sigma_spot[i] >= 0.0
        value = one_factor_variance(years[i], futures_years[i], kappa[i], sigma_spot[i])
        out[i] = value if valid else math.nan


@kernel
def _fill_two_factors(
    years: Array,
    futures_years: Array,
    kappa: Array,
    sigma_spot: Array,
    sigma_yield: Array,
    rho: Array,
    out: Array,
) -> None:
    for i in range(years.size):
        valid = years[i] >= 0.0 and futures_years[i] >= years[i] and abs(rho[i]) <= 1.0
        valid = valid and kappa[i] >= 0.0 and sigma_spot[i] >= 0.0 and sigma_yield[i] >= 0.0
        value = two_factor_variance(
            years[i], futures_years[i], kappa[i], sigma_spot[i], sigma_yield[i], rho[i]
        )
        out[i] = max(value, 0.0) if valid else math.nan

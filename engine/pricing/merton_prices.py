"""European options on a price that jumps: Merton's series."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp
from engine.errors import Refusal
from engine.pricing.arrays import as_inputs, filled, refuse_scalars
from engine.pricing.lognormal import lognormal_price

__all__ = ["merton_price", "merton_value"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Terms beyond add less than the last digit of the sum.
_PRECISION = 1e-18
_MOST_TERMS = 10_000
_MOST_JUMPS = 600.0

_POSITIVE = ("spot", "strike")
_NOT_NEGATIVE = ("years", "sigma", "jump_intensity", "jump_vol")


def merton_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike,
    jump_intensity: ArrayLike,
    mean_log_jump: ArrayLike,
    jump_vol: ArrayLike,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> Array:
    r"""Price of European options under Merton's jump diffusion.

    Parameters
    ----------
    spot, strike : array_like
        Price of the underlying and strike; all arguments broadcast.
    years : array_like
        Time to expiry in years.
    sigma : array_like
        Volatility of the diffusion per year.
    jump_intensity : array_like
        Expected jumps per year under the pricing measure.
    mean_log_jump, jump_vol : array_like
        Mean and standard deviation of a jump of the log price.
    rate, dividend : array_like
        Continuously compounded; for an option on a future set both to the same rate.
    call : array_like of bool
        Call or put.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where spot or strike is not positive, a time, volatility or intensity is negative, or
        more than 600 jumps are expected.

    Raises
    ------
    Refusal
        If all arguments are single numbers and one of them is impossible.

    Notes
    -----
    :math:`\sum_n e^{-\lambda T} (\lambda T)^n / n! \; BS(S_n, \sigma_n)`, an expectation over the
    number of jumps, with :math:`k = e^{m + \delta^2 / 2} - 1`,
    :math:`S_n = S (1 + k)^n e^{-\lambda k T}` and :math:`\sigma_n^2 = \sigma^2 + n \delta^2 / T`
    [1]_. Parameters are those of the source `Merton`.

    References
    ----------
    .. [1] Merton, R. (1976). Option pricing when underlying stock returns are discontinuous.
       J. Financial Economics 3, 125-144.

    Examples
    --------
    >>> import engine as mc
    >>> jumps = {"jump_intensity": 1.0, "mean_log_jump": -0.1, "jump_vol": 0.15}
    >>> mc.merton_price(100.0, [90.0, 100.0], 0.5, sigma=0.2, **jumps).round(4)
    array([13.2302,  7.1604])
    """
    inputs = as_inputs(
        spot=spot,
        strike=strike,
        years=years,
        sigma=sigma,
        jump_intensity=jump_intensity,
        mean_log_jump=mean_log_jump,
        jump_vol=jump_vol,
        rate=rate,
        dividend=dividend,
        call=call,
    )
    rules = dict.fromkeys(_POSITIVE, "positive") | dict.fromkeys(_NOT_NEGATIVE, "not negative")
    refuse_scalars(inputs, rules)
    found: Array = filled(_fill, inputs, 1)[0][()]
    if not found.ndim and math.isnan(found):
        jumps = float(inputs["jump_intensity"]) * float(inputs["years"])
        raise Refusal("jump_intensity", f"{jumps} jumps until expiry", f"{_MOST_JUMPS} at most")
    return found


@inlined
def merton_value(
    spot: float,
    strike: float,
    years: float,
    sigma: float,
    jump_intensity: float,
    mean_log_jump: float,
    jump_vol: float,
    rate: float,
    dividend: float,
    call: bool,
) -> float:
    """Return the price of one option."""
    log_mean = mean_log_jump + 0.5 * jump_vol * jump_vol
    mean = exp(log_mean)
    expected = jump_intensity * years
    # Given their number, jumps move the forward and widen the law.
    drift = expected * (mean - 1.0)
    most = max(expected, expected * mean)
    probability, total, n = exp(-expected), 0.0, 0
    while n < _MOST_TERMS:
        grown = exp(n * log_mean)
        variance = sigma * sigma * years + n * jump_vol * jump_vol
        volatility = math.sqrt(variance / years) if years > 0.0 else 0.0
        moved = spot * exp(n * log_mean - drift)
        price = lognormal_price(moved, strike, years, volatility, rate, dividend, call)
        total += probability * price
        n += 1
        probability *= expected / n
        if n > most and probability * max(1.0, grown) < _PRECISION:
            break
    return total


@kernel
def _fill(
    spot: Array,
    strike: Array,
    years: Array,
    sigma: Array,
    jump_intensity: Array,
    mean_log_jump: Array,
    jump_vol: Array,
    rate: Array,
    dividend: Array,
    call: Flags,
    out: Array,
) -> None:
    for i in range(spot.size):
        valid = sigma[i] >= 0.0 and jump_vol[i] >= 0.0 and jump_intensity[i] >= 0.0
        value = math.nan
        if valid and years[i] >= 0.0 and jump_intensity[i] * years[i] <= _MOST_JUMPS:
            value = merton_value(
                spot[i],
                strike[i],
                years[i],
                sigma[i],
                jump_intensity[i],
                mean_log_jump[i],
                jump_vol[i],
                rate[i],
                dividend[i],
                call[i],
            )
        out[i] = value

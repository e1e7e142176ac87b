"""The volatility that a price implies: Black-76, Black-Scholes-Merton, Bachelier."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp
from engine.errors import Refusal
from engine.pricing.arrays import Inputs, as_inputs, filled, refuse_scalars
from engine.pricing.implied_deviation import lognormal_deviation, normal_deviation
from engine.pricing.lognormal import above_strike, log_ratio

__all__ = ["implied_volatility"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MODELS = ("black76", "black_scholes", "bachelier")


def implied_volatility(
    price: ArrayLike,
    underlying: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    model: Literal["black76", "black_scholes", "bachelier"] = "black76",
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    shift: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> Array:
    r"""Volatility at which a model's price is the given one, to the last digits that it carries.

    Parameters
    ----------
    price : array_like
        Discounted price of the option; all arguments broadcast.
    underlying, strike : array_like
        Price of the future, of the spot for ``"black_scholes"``, and strike.
    years : array_like
        Time to expiry in years.
    model : {"black76", "black_scholes", "bachelier"}
        The function whose price it is.
    rate : array_like
        Continuously compounded, for discounting.
    dividend : array_like
        Yield of the underlying, for ``"black_scholes"``.
    shift : array_like
        That of `black76`, for a shifted lognormal.
    call : array_like of bool
        Call or put.

    Returns
    -------
    ndarray of float64, shape (...)
        Annual volatility, for ``"bachelier"`` in units of the price. NaN where the price does not
        lie between its no-arbitrage bounds, the option has expired or a price is not positive.

    Raises
    ------
    Refusal
        If `model` is unknown or does not know `dividend` or `shift`; if all arguments are single
        numbers and no volatility gives the price.

    Notes
    -----
    The option out of the money of the same strike has the same volatility. It is solved for by
    Householder's third-order iteration, a fixed number of steps
    (`engine.pricing.implied_deviation`). In the money, and near the upper bound, a price in double
    precision does not hold the volatility to many digits: what it holds is what comes back.

    References
    ----------
    .. [1] Jaeckel, P. (2015). Let's be rational. Wilmott 2015, 40-53.

    Examples
    --------
    >>> import engine as mc
    >>> price = mc.black76(75.0, 60.0, 0.1, 0.35, rate=0.04, call=False).price
    >>> round(float(mc.implied_volatility(price, 75.0, 60.0, 0.1, rate=0.04, call=False)), 12)
    0.35
    """
    if model not in _MODELS:
        raise Refusal("model", repr(model), ", ".join(_MODELS))
    for name, value, known in (
        ("dividend", dividend, "black_scholes"),
        ("shift", shift, "black76"),
    ):
        if model != known and np.any(value):
            raise Refusal(name, f"{value!r}", f"0 for {model}", hint=f"it is for {known}")
    if np.any(shift):
        underlying, strike = np.add(underlying, shift), np.add(strike, shift)
    inputs = as_inputs(
        price=price, underlying=underlying, strike=strike, years=years, rate=rate, call=call
    )
    if model == "bachelier":
        refuse_scalars(inputs, {"years": "positive"})
        return _checked(filled(_fill_normal, inputs, 1)[0], inputs, model)
    refuse_scalars(inputs, dict.fromkeys(("underlying", "strike", "years"), "positive"))
    inputs["dividend"] = (
        np.asarray(dividend, dtype=np.float64) if model == "black_scholes" else inputs["rate"]
    )
    return _checked(filled(_fill_lognormal, inputs, 1)[0], inputs, model)


def _checked(found: Array, inputs: Inputs, model: str) -> Array:
    if found.ndim or math.isfinite(found):
        return found[()]
    price, spot, strike, years, rate = (
        float(inputs[name]) for name in ("price", "underlying", "strike", "years", "rate")
    )
    dividend = float(inputs.get("dividend", rate))
    paid, bought = strike * math.exp(-rate * years), spot * math.exp(-dividend * years)
    call = bool(inputs["call"])
    least = max(bought - paid if call else paid - bought, 0.0)
    most = math.inf if model == "bachelier" else (bought if call else paid)
    between = f"more than {least:.12g}" + ("" if math.isinf(most) else f", less than {most:.12g}")
    raise Refusal("price", f"{price:.17g}", between, hint="no volatility gives another")


@kernel
def _fill_lognormal(
    price: Array,
    underlying: Array,
    strike: Array,
    years: Array,
    rate: Array,
    call: Flags,
    dividend: Array,
    out: Array,
) -> None:
    for i in range(price.size):
        growth = (rate[i] - dividend[i]) * years[i]
        forward = underlying[i] * exp(growth)
        x = log_ratio(underlying[i], strike[i]) + growth
        above = above_strike(forward, strike[i], x)
        least = min(forward, strike[i])
        outside = price[i] * exp(rate[i] * years[i]) - max(above if call[i] else -above, 0.0)
        u = outside / least
        deviation = lognormal_deviation(u, abs(x))
        valid = u > 0.0 and u < 1.0 and underlying[i] > 0.0 and strike[i] > 0.0 and years[i] > 0.0
        out[i] = deviation / math.sqrt(years[i]) if valid else math.nan


@kernel
def _fill_normal(
    price: Array,
    underlying: Array,
    strike: Array,
    years: Array,
    rate: Array,
    call: Flags,
    out: Array,
) -> None:
    for i in range(price.size):
        above = underlying[i] - strike[i]
        outside = price[i] * exp(rate[i] * years[i]) - max(above if call[i] else -above, 0.0)
        deviation = normal_deviation(outside, abs(above))
        valid = outside > 0.0 and years[i] > 0.0
        out[i] = deviation / math.sqrt(years[i]) if valid else math.nan

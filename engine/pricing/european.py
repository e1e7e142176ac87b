"""European options by closed formulas: Black-76, Black-Scholes-Merton, Bachelier."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from engine.pricing.arrays import Inputs, as_inputs, filled, refuse_scalars
from engine.pricing.european_rows import (
    fill_futures,
    fill_lognormal,
    fill_lognormal_cross,
    fill_normal,
    fill_normal_cross,
)
from engine.pricing.option_values import OptionValues

__all__ = ["bachelier", "black76", "black_scholes"]

_RULES = {"years": "not negative", "volatility": "not negative"}
_LOGNORMAL = {"strike": "positive", **_RULES}


def black76(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    shift: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> OptionValues:
    r"""European options on futures.

    Parameters
    ----------
    forward, strike : array_like
        Price of the future and strike, in the same unit; all arguments broadcast.
    years : array_like
        Time to expiry in years; 0 gives the payoff.
    volatility : array_like
        Annual volatility of the log price, 0.3 for 30 %.
    rate : array_like
        Continuously compounded, for discounting.
    shift : array_like
        Added to forward and strike, so that the price may fall to -shift: a *shifted lognormal*.
    call : array_like of bool
        Call or put.

    Returns
    -------
    OptionValues
        Prices and greeks by name. NaN where ``years`` or ``volatility`` is negative, or where
        forward or strike, plus shift, is not positive.

    Raises
    ------
    Refusal
        If all arguments are single numbers and one of them is impossible.

    Notes
    -----
    :math:`\pm e^{-rT} [F N(\pm d_1) - K N(\pm d_2)]`,
    :math:`d_{1,2} = \ln(F/K) / (\sigma \sqrt T) \pm \sigma \sqrt T / 2` [1]_, written so that
    prices far out of the money keep 12 digits. The same bits on every machine.

    References
    ----------
    .. [1] Black, F. (1976). The pricing of commodity contracts. J. Financial Economics 3, 167-179.

    Examples
    --------
    >>> import engine as mc
    >>> option = mc.black76(75.0, 80.0, 30 / 365, 0.35, rate=0.04)
    >>> round(float(option.price), 6), round(float(option.delta), 6)
    (1.216486, 0.275678)
    """
    if np.any(shift):
        forward, strike = np.add(forward, shift), np.add(strike, shift)
    inputs = as_inputs(
        forward=forward,
        strike=strike,
        years=years,
        volatility=volatility,
        rate=rate,
        call=call,
    )
    refuse_scalars(inputs, {"forward": "positive", **_LOGNORMAL})
    cross = {**inputs, "dividend": inputs["rate"]}
    cross["call"] = cross.pop("call")  # the last argument of the kernel
    return _values(fill_futures, inputs, fill_lognormal_cross, cross)


def black_scholes(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> OptionValues:
    r"""European options on a spot that pays a continuous yield: Black, Scholes and Merton.

    Parameters
    ----------
    spot, strike : array_like
        Price of the underlying and strike, in the same unit; all arguments broadcast.
    years : array_like
        Time to expiry in years; 0 gives the payoff.
    volatility : array_like
        Annual volatility of the log price, 0.3 for 30 %.
    rate, dividend : array_like
        Rate and yield per year, continuously compounded.
    call : array_like of bool
        Call or put.

    Returns
    -------
    OptionValues
        Prices and greeks by name. NaN where ``years`` or ``volatility`` is negative, or where spot
        or strike is not positive.

    Raises
    ------
    Refusal
        If all arguments are single numbers and one of them is impossible.

    Notes
    -----
    :math:`\pm [S e^{-qT} N(\pm d_1) - K e^{-rT} N(\pm d_2)]` [1]_ [2]_.

    References
    ----------
    .. [1] Black, F. and Scholes, M. (1973). The pricing of options and corporate liabilities.
       J. Political Economy 81, 637-654.
    .. [2] Merton, R. (1973). Theory of rational option pricing. Bell J. Economics 4, 141-183.

    Examples
    --------
    >>> import engine as mc
    >>> puts = mc.black_scholes(100.0, [90.0, 100.0], 0.5, 0.2, rate=0.03, call=False)
    >>> puts.price.round(4)
    array([1.4594, 4.8822])
    """
    inputs = as_inputs(
        spot=spot,
        strike=strike,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend=dividend,
        call=call,
    )
    refuse_scalars(inputs, {"spot": "positive", **_LOGNORMAL})
    return _values(fill_lognormal, inputs, fill_lognormal_cross, inputs)


def bachelier(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> OptionValues:
    r"""European options on futures whose price is normal, and may be near or below zero.

    Parameters
    ----------
    forward, strike : array_like
        Price of the future and strike, of any sign; all arguments broadcast.
    years : array_like
        Time to expiry in years; 0 gives the payoff.
    volatility : array_like
        Standard deviation of the price over a year, in its unit: dollars, not per cent.
    rate : array_like
        Continuously compounded, for discounting.
    call : array_like of bool
        Call or put.

    Returns
    -------
    OptionValues
        Prices and greeks by name; NaN where ``years`` or ``volatility`` is negative.

    Raises
    ------
    Refusal
        If all arguments are single numbers and one of them is impossible.

    Notes
    -----
    :math:`e^{-rT} [\pm (F - K) N(\pm d) + \sigma \sqrt T\, n(d)]`,
    :math:`d = (F - K) / (\sigma \sqrt T)` [1]_.

    References
    ----------
    .. [1] Bachelier, L. (1900). Theorie de la speculation. Annales de l'Ecole Normale
       Superieure 17, 21-86.

    Examples
    --------
    >>> import engine as mc
    >>> round(float(mc.bachelier(-5.0, -3.0, 0.25, 20.0).price), 6)
    3.068946
    """
    inputs = as_inputs(
        forward=forward, strike=strike, years=years, volatility=volatility, rate=rate, call=call
    )
    refuse_scalars(inputs, _RULES)
    return _values(fill_normal, inputs, fill_normal_cross, inputs)


def _values(
    fill: Callable[..., None],
    inputs: Inputs,
    fill_cross: Callable[..., None],
    cross_inputs: Inputs,
) -> OptionValues:
    price, delta, gamma, vega, theta, rho = (row[()] for row in filled(fill, inputs, 6))
    cross = partial(filled, fill_cross, cross_inputs, 4)
    return OptionValues(price, delta, gamma, vega, theta, rho, cross)

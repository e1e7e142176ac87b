"""Volatility on a path: how far the underlying of an option may still move up to its expiry.

What a model knows of its own futures is a table over the bars that an option has left, the same
at every bar of a path. Volatility that changes along the path is a level beside it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp, log
from engine.options.layout import (
    BLOCK,
    DEVIATION,
    DISCOUNT,
    GROWTH,
    LEVEL,
    LOG_PRICE,
    PRICE,
    SPOT_LOADING,
    YIELD,
    YIELD_LOADING,
)
from engine.pricing.schwartz import (
    decayed,
    loading_integrals,
    one_factor_variance,
    two_factor_variance,
)

__all__ = ["DYNAMICS", "fill_levels", "fill_series", "fill_tables"]

Array = NDArray[np.float64]

#: The constants of a path's model by kind of dynamics; `fill_tables` takes the place in this
#: tuple and the constants in this order.
DYNAMICS: Final = (
    (),
    ("model.sigma",),
    ("model.kappa", "model.mu", "model.sigma", "model.lambda_"),
    (
        *("model.kappa", "model.sigma_spot", "model.sigma_yield", "model.rho"),
        *("model.alpha", "model.lambda_", "model.r"),
    ),
)
_SIGMA: Final = 1
_ONE_FACTOR: Final = 2
_TWO_FACTORS: Final = 3


@kernel
def fill_tables(
    dynamics: int,
    constants: Array,
    of_model: bool,
    of_future: bool,
    bar_years: float,
    lag_years: float,
    rate: float,
    carry: float,
    out: Array,
) -> None:
    r"""Write the tables of one path over the bars to expiry.

    Parameters
    ----------
    dynamics : int
        Place in `DYNAMICS`.
    constants : ndarray of float64, shape (constants,)
        Of the path's model.
    of_model : bool
        Whether the volatility is the model's own; else the table is the root of time, which the
        level multiplies.
    of_future : bool
        Whether the underlying is a future of the model; else it is the price, which grows at
        `carry` up to expiry.
    bar_years, lag_years : float
        Length of a bar; time from the expiry of an option to that of its future.
    rate, carry : float
        Annual rate of discounting; annual growth of the forward.
    out : ndarray of float64, shape (TABLES_WIDTH, longest + 1 + BLOCK)
        Output.

    Notes
    -----
    Futures of the one-factor model: :math:`\ln F = e^{-\kappa T} \ln S + (\kappa (\mu - \lambda) -
    \sigma^2 / 2) B + \sigma^2 B_2 / 2`, of the two-factor model: :math:`\ln F = \ln S - \delta B +
    r T - (\kappa \alpha - \lambda) I_1 + \sigma_2^2 I_2 / 2 - \rho \sigma_1 \sigma_2 I_1`, with
    :math:`B = (1 - e^{-\kappa T}) / \kappa`, :math:`B_2` the same of :math:`2 \kappa`, and the
    integrals of B and of its square (Schwartz, 1997, The stochastic behavior of commodity prices,
    J. Finance 52, 923-973).
    """
    for column in range(out.shape[1]):
        years = max(out.shape[1] - BLOCK - 1 - column, 0) * bar_years
        until = years + lag_years
        variance = years
        if of_model and dynamics == _SIGMA:
            variance = constants[0] * constants[0] * years
        elif of_model and dynamics == _ONE_FACTOR:
            variance = one_factor_variance(years, until, constants[0], constants[2])
        elif of_model and dynamics == _TWO_FACTORS:
            variance = two_factor_variance(
                years, until, constants[0], constants[1], constants[2], constants[3]
            )
        out[DEVIATION, column] = math.sqrt(max(variance, 0.0))
        out[DISCOUNT, column] = exp(-rate * years)
        out[SPOT_LOADING, column], out[YIELD_LOADING, column] = 1.0, 0.0
        out[GROWTH, column] = exp(carry * years)
        if of_future and dynamics == _ONE_FACTOR:
            kappa, mu, sigma, premium = constants[0], constants[1], constants[2], constants[3]
            half = 0.5 * sigma * sigma
            pull = (kappa * (mu - premium) - half) * decayed(kappa, until)
            out[SPOT_LOADING, column] = exp(-kappa * until)
            out[GROWTH, column] = pull + half * decayed(2.0 * kappa, until)
        elif of_future and dynamics == _TWO_FACTORS:
            kappa, spot, own, rho = constants[0], constants[1], constants[2], constants[3]
            alpha, premium, riskless = constants[4], constants[5], constants[6]
            first, second = loading_integrals(until, until, kappa)
            out[YIELD_LOADING, column] = -decayed(kappa, until)
            out[GROWTH, column] = (
                riskless * until
                - (kappa * alpha - premium) * first
                + 0.5 * own * own * second
                - rho * spot * own * first
            )


@kernel
def fill_series(prices: Array, yields: Array, of_future: bool, level: float, out: Array) -> None:
    """Write what the loop reads of each bar of a path.

    Parameters
    ----------
    prices : ndarray of float64, shape (bars,)
        Closes, or the spot behind the model's futures.
    yields : ndarray of float64, shape (bars,)
        Convenience yields; empty where the model has none.
    of_future : bool
        Whether the logarithms of the prices are needed.
    level : float
        Level of volatility at every bar.
    out : ndarray of float64, shape (SERIES_WIDTH, bars + BLOCK)
        Output; behind the path the last bar is repeated.
    """
    for bar in range(out.shape[1]):
        source = min(bar, prices.size - 1)
        out[PRICE, bar] = prices[source]
        out[LOG_PRICE, bar] = log(prices[source]) if of_future else 0.0
        out[YIELD, bar] = yields[source] if yields.size > 0 else 0.0
        out[LEVEL, bar] = level


@kernel
def fill_levels(
    prices: Array, count: int, premium: float, bars_per_year: float, normal: bool, out: Array
) -> None:
    """Write trailing volatilities, times a premium, as the level at each bar; NaN before them.

    The mean of the squared changes of the last `count` bars, of the price where `normal`, else of
    its logarithm, per year. Changes that have no logarithm have no volatility.
    """
    squares = np.empty(prices.size)
    squares[0] = math.nan
    for bar in range(1, prices.size):
        change = prices[bar] - prices[bar - 1]
        if not normal:
            positive = prices[bar] > 0.0 and prices[bar - 1] > 0.0
            change = log(prices[bar] / prices[bar - 1]) if positive else math.nan
        squares[bar] = change * change
    for bar in range(prices.size):
        total = math.nan if bar < count else 0.0
        for back in range(max(bar - count, 0), bar):
            total += squares[back + 1]
        out[bar] = premium * math.sqrt(total / count * bars_per_year)

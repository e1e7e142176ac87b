"""EGARCH: the logarithm of each bar's variance follows from the bars before."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import borrow, kernel
from engine.compiled.elementary import exp, log
from engine.errors import Refusal
from engine.randomness import GROUP
from engine.sources.filtered import Filtered
from engine.sources.generator import FillRequest, Generator
from engine.sources.innovations import draw_innovations, log_returns, start_variance
from engine.sources.model import ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.shocks import antithetic_sign, stream_path

__all__ = ["EGARCH", "MEAN_SIZE", "egarch_log_variances"]

#: Mean of the absolute value of a standard normal number.
MEAN_SIZE: Final = math.sqrt(2.0 / math.pi)
# A volatility of 1,000 % a year: beyond it a path leaves the range of numbers.
_HIGHEST: Final = math.log(100.0)


class EGARCH(Filtered):
    r"""EGARCH(1,1) of log returns: falls and rises move volatility by a factor.

    Parameters
    ----------
    mu : float
        Mean of the log return per year.
    theta : float
        Variance per year whose logarithm is the mean of the logarithm of the variance.
    alpha : float
        What the size of a bar's innovation adds to the logarithm of the variance of the next.
    gamma : float
        What its sign adds; below 0 falls raise the variance more than rises.
    beta : float
        Share of the distance from `theta` that a bar hands on.
    v0 : float
        Variance of the first bar, per year.
    innovations : "normal", "history" or sequence of float
        As of `GARCH`.

    Notes
    -----
    With :math:`r_t = \mu \Delta + \sqrt{v_t \Delta} z_t`,
    :math:`\ln v_{t+1} = (1 - \beta) \ln \theta + \beta \ln v_t
    + \alpha (|z_t| - \sqrt{2 / \pi}) + \gamma z_t` [1]_. No weight needs a sign, and the variance
    stays above 0; `alpha`, `gamma` and `beta` are per bar of the length that they were estimated
    on. The variance is kept at or below 100, a volatility of 1,000 % a year. The state
    ``variance``, at a bar's close, is that of the bar after it. The range of a bar is that of a
    Brownian bridge of the bar's variance.

    References
    ----------
    .. [1] D. Nelson, Conditional heteroskedasticity in asset returns: a new approach, Econometrica
       59 (1991), 347-370.

    Examples
    --------
    >>> block = EGARCH(alpha=0.15, gamma=-0.1, beta=0.97).paths(seeds=[1], steps=250)
    >>> block.field("variance").shape
    (1, 250)
    """

    name = "egarch"

    mu: float = parameter(0.05, unit="1/year", doc="Mean of the log return per year.")
    theta: float = parameter(
        0.03, low=0.0, high=100.0, open_low=True, unit="1/year", doc="Level of the variance."
    )
    alpha: float = parameter(0.15, low=0.0, high=2.0, doc="Weight of an innovation's size.")
    gamma: float = parameter(-0.1, low=-2.0, high=2.0, doc="Weight of its sign.")
    beta: float = parameter(
        0.97, low=0.0, high=1.0, open_high=True, doc="Weight of the variance before."
    )
    v0: float = parameter(
        0.03, low=0.0, high=100.0, open_low=True, unit="1/year", doc="Variance at the start."
    )

    def validate(self) -> None:
        """Scale the innovations."""
        self._scale_innovations()

    def filtered(self, bars: Bars) -> NDArray[np.float64]:
        """Standardised innovations of a history at the source's parameters.

        Parameters
        ----------
        bars : Bars
            The history; returns over more than one bar are left out.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the order of the bars.

        Raises
        ------
        Refusal
            If a price is not positive, or there are fewer than 30 returns.
        """
        returns = log_returns(bars)
        dt = np.full(len(returns), 1.0 / bars.calendar.bars_per_year)
        weights = np.array([self.mu, self.theta, self.alpha, self.gamma, self.beta])
        before = start_variance(returns, dt)
        if not before > 0.0:
            raise Refusal(f"{bars.symbol} close", "prices that stand at first", "moves to filter")
        logarithms = egarch_log_variances(returns, dt, weights, before)
        spread = np.array([exp(value) for value in logarithms[:-1].tolist()]) * dt
        return np.asarray((returns - self.mu * dt) / np.sqrt(spread))

    def _generator(self, request: FillRequest) -> Generator:
        head = [self.mu * request.dt, request.dt, self.theta, self.alpha, self.gamma, self.beta]
        constants = np.array([*head, self.v0, *self._drawn])
        return ModelGenerator(self, request, fill_egarch, constants)


@kernel
def egarch_log_variances(
    returns: NDArray[np.float64],
    dt: NDArray[np.float64],
    weights: NDArray[np.float64],
    before: float,
) -> NDArray[np.float64]:
    """Logarithm of the annual variance of each bar of a history, and of the bar after it.

    Parameters
    ----------
    returns, dt : ndarray, shape (n,)
        Log returns, and their lengths in years.
    weights : ndarray, shape (5,)
        mu, theta, alpha, gamma and beta.
    before : float
        Variance that stands for the bars before the first.

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        The last is that of the next bar.
    """
    mu, alpha, gamma, beta = weights[0], weights[2], weights[3], weights[4]
    level = (1.0 - beta) * log(weights[1])
    found = np.empty(len(returns) + 1)
    found[0] = level + beta * log(before)
    for t in range(len(returns)):
        z = (returns[t] - mu * dt[t]) / math.sqrt(exp(found[t]) * dt[t])
        after = level + beta * found[t] + alpha * (abs(z) - MEAN_SIZE) + gamma * z
        found[t + 1] = min(after, _HIGHEST)
    return found


@kernel
def fill_egarch(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price, the bar's variance and the variance of the next bar."""
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    drift, dt, alpha, gamma, beta = (
        constants[0],
        constants[1],
        constants[3],
        constants[4],
        constants[5],
    )
    mean = (1.0 - beta) * log(constants[2]) - alpha * MEAN_SIZE
    drawn = constants[7:]
    steps = out.shape[3]
    shocks = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        level, logarithm, variance = 0.0, log(constants[6]), constants[6]
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            draw_innovations(shocks, drawn, given, n, seeds[n], path, group, sign)
            for i in range(min(GROUP, steps - first)):
                z = shocks[i]
                spread = variance * dt
                level += drift + np.sqrt(spread) * z
                if ohlc:
                    out[n, 0, 0, first + i] = spread
                logarithm = min(mean + beta * logarithm + alpha * abs(z) + gamma * z, _HIGHEST)
                variance = exp(logarithm)
                out[n, 0, 3, first + i] = level
                out[n, 0, 5, first + i] = variance

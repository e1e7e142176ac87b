"""GARCH: each bar's variance follows from the bars before, which is how volatility clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import borrow, kernel
from engine.errors import Refusal
from engine.randomness import GROUP
from engine.sources.filtered import Filtered
from engine.sources.generator import FillRequest, Generator
from engine.sources.innovations import draw_innovations, log_returns, start_variance
from engine.sources.model import ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.shocks import antithetic_sign, stream_path

__all__ = ["GARCH", "garch_variances"]


class GARCH(Filtered):
    r"""GARCH(1,1) of log returns, with a leverage term, and normal or historical innovations.

    Parameters
    ----------
    mu : float
        Mean of the log return per year.
    omega : float
        Constant of the annual variance.
    alpha : float
        Share of a bar's squared innovation in the variance of the next.
    gamma : float
        What is added to `alpha` after a fall (Glosten, Jagannathan and Runkle); 0 makes it GARCH.
    beta : float
        Share of a bar's variance in that of the next.
    v0 : float
        Variance of the first bar, per year.
    innovations : "normal", "history" or sequence of float
        What a bar's standardised innovation is drawn from: the normal law, or numbers, each as
        likely as another, scaled to mean 0 and variance 1. ``history`` means those of the source's
        bars, filtered with its parameters (filtered historical simulation [3]_).

    Notes
    -----
    The log return of a bar is :math:`r_t = \mu \Delta + \sqrt{v_t \Delta} z_t`, and
    :math:`v_{t+1} = \omega + (\alpha + \gamma 1_{z_t < 0}) v_t z_t^2 + \beta v_t` [1]_, [2]_:
    variances are per year, `alpha`, `gamma` and `beta` per bar of the length that they were
    estimated on. The state ``variance``, at a bar's close, is that of the bar after it. The range
    of a bar is that of a Brownian bridge of the bar's variance.

    References
    ----------
    .. [1] T. Bollerslev, Generalized autoregressive conditional heteroskedasticity, Journal of
       Econometrics 31 (1986), 307-327.
    .. [2] L. Glosten, R. Jagannathan, D. Runkle, On the relation between the expected value and the
       volatility of the nominal excess return on stocks, Journal of Finance 48 (1993), 1779-1801.
    .. [3] G. Barone-Adesi, K. Giannopoulos, L. Vosper, VaR without correlations for portfolios of
       derivative securities, Journal of Futures Markets 19 (1999), 583-602.

    Examples
    --------
    >>> block = GARCH(alpha=0.05, gamma=0.1, beta=0.88).paths(seeds=[1], steps=250)
    >>> block.field("variance").shape
    (1, 250)
    """

    name = "garch"

    mu: float = parameter(0.05, unit="1/year", doc="Mean of the log return per year.")
    omega: float = parameter(0.0008, low=0.0, unit="1/year", doc="Constant of the variance.")
    alpha: float = parameter(0.05, low=0.0, high=1.0, doc="Weight of a squared innovation.")
    gamma: float = parameter(0.0, low=-1.0, high=2.0, doc="Added weight after a fall.")
    beta: float = parameter(0.93, low=0.0, high=1.0, doc="Weight of the variance before.")
    v0: float = parameter(0.04, low=0.0, unit="1/year", doc="Variance at the start.")

    def validate(self) -> None:
        """Check the weights and the innovations."""
        if self.alpha + self.gamma < 0.0:
            raise Refusal("gamma", f"{self.gamma:g}", f">= {-self.alpha:g}, minus alpha")
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
        ValueError
            If a price is not positive, or there are fewer than 30 returns.
        """
        returns = log_returns(bars)
        dt = np.full(len(returns), 1.0 / bars.calendar.bars_per_year)
        weights = np.array([self.mu, self.omega, self.alpha, self.gamma, self.beta])
        variances = garch_variances(returns, dt, weights, start_variance(returns, dt))
        return np.asarray((returns - self.mu * dt) / np.sqrt(variances[:-1] * dt))

    def _generator(self, request: FillRequest) -> Generator:
        head = [self.mu * request.dt, request.dt, self.omega, self.alpha, self.gamma, self.beta]
        constants = np.array([*head, self.v0, *self._drawn])
        return ModelGenerator(self, request, fill_garch, constants)


@kernel
def garch_variances(
    returns: NDArray[np.float64],
    dt: NDArray[np.float64],
    weights: NDArray[np.float64],
    before: float,
) -> NDArray[np.float64]:
    """Variance per year of each bar of a history, and of the bar after it.

    Parameters
    ----------
    returns, dt : ndarray, shape (n,)
        Log returns, and their lengths in years.
    weights : ndarray, shape (5,)
        mu, omega, alpha, gamma and beta.
    before : float
        Variance that stands for the bars before the first.

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        The last is that of the next bar.
    """
    mu, omega, alpha, gamma, beta = weights[0], weights[1], weights[2], weights[3], weights[4]
    variances = np.empty(len(returns) + 1)
    variances[0] = omega + (alpha + 0.5 * gamma + beta) * before
    for t in range(len(returns)):
        error = returns[t] - mu * dt[t]
        weight = alpha + gamma if error < 0.0 else alpha
        variances[t + 1] = omega + weight * error * error / dt[t] + beta * variances[t]
    return variances


@kernel
def fill_garch(
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
    drift, dt, omega, alpha = constants[0], constants[1], constants[2], constants[3]
    gamma, beta, start = constants[4], constants[5], constants[6]
    drawn = constants[7:]
    steps = out.shape[3]
    shocks = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        level, variance = 0.0, start
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            draw_innovations(shocks, drawn, given, n, seeds[n], path, group, sign)
            for i in range(min(GROUP, steps - first)):
                z = shocks[i]
                spread = variance * dt
                level += drift + np.sqrt(spread) * z
                weight = alpha + gamma if z < 0.0 else alpha
                if ohlc:
                    out[n, 0, 0, first + i] = spread
                variance = omega + (weight * z * z + beta) * variance
                out[n, 0, 3, first + i] = level
                out[n, 0, 5, first + i] = variance

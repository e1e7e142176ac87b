"""Schwartz's one-factor model: a mean-reverting log price."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import borrow, exact, kernel
from engine.randomness import GROUP, SEGMENT
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.seasonality import SeasonalModel
from engine.sources.shocks import antithetic_sign, group_shocks, running_decay, stream_path

__all__ = ["Schwartz1F"]


class Schwartz1F(SeasonalModel):
    r"""Schwartz's one-factor model, sampled exactly.

    Parameters
    ----------
    kappa : float
        Speed of mean reversion per year.
    mu : float
        Level of the log price that it reverts to, before the convexity term.
    sigma : float
        Volatility per year.
    lambda_ : float
        Market price of risk, in units of the log price: futures revert to
        ``mu - sigma^2 / (2 kappa) - lambda_``. Paths do not depend on it.

    Notes
    -----
    ``dS = kappa (mu - ln S) S dt + sigma S dW``, so ``X = ln S`` is an Ornstein-Uhlenbeck process
    around ``alpha = mu - sigma^2 / (2 kappa)``. For ``kappa = 0`` it is a Brownian motion with
    drift ``-sigma^2 / 2``. Inside a bar, high and low are those of a Brownian bridge of variance
    ``sigma^2 dt``; mean reversion changes that by a relative ``(kappa dt)^2 / 12``.

    References
    ----------
    .. [1] E. Schwartz, The stochastic behavior of commodity prices, J. Finance 52 (1997), 923-973.
    """

    name = "schwartz_1f"

    kappa: float = parameter(1.0, low=0.0, unit="1/year", doc="Speed of mean reversion.")
    mu: float = parameter(4.0, unit="log price", doc="Level of the log price.")
    sigma: float = parameter(0.3, low=0.0, unit="1/sqrt(year)", doc="Volatility.")
    lambda_: float = parameter(0.0, unit="log price", doc="Market price of risk.")

    def _generator(self, request: FillRequest) -> Generator:
        dt = request.dt
        s2 = self.sigma * self.sigma
        # kappa (X - alpha) with kappa alpha = kappa mu - sigma^2/2 stays finite for kappa = 0.
        start = exact.log(request.s0[0]) - self.season_at_start()
        pull = self.kappa * (self.mu - start) - 0.5 * s2
        shift = pull * exact.decay(self.kappa, dt)
        scale = math.sqrt(s2 * exact.decay(2.0 * self.kappa, dt))
        powers = [exact.exp(-self.kappa * dt * k) for k in range(1, SEGMENT + 1)]
        constants = np.array([shift, scale, s2 * dt, *powers])
        return ModelGenerator(self, request, fill_schwartz_1f, constants)

    def futures(self, spot: ArrayLike, maturity: ArrayLike) -> NDArray[np.float64]:
        """Price futures on the state of a path.

        Parameters
        ----------
        spot : array_like
            Spot price (without the season's factor, if there is one).
        maturity : array_like
            Time to delivery in years; broadcast against `spot`.

        Returns
        -------
        ndarray of float64, shape (...)
            The price of each future, of the shape to which the arguments broadcast.

        Notes
        -----
        ``ln F = exp(-kT) ln S + (1 - exp(-kT)) (alpha - lambda) + sigma^2 (1 - exp(-2kT)) / (4k)``
        (Schwartz, 1997).
        """
        k, time = self.kappa, np.asarray(maturity, dtype=np.float64)
        discount = np.exp(-k * time)
        b = time if k == 0.0 else -np.expm1(-k * time) / k
        b2 = time if k == 0.0 else -np.expm1(-2.0 * k * time) / (2.0 * k)
        s2 = self.sigma * self.sigma
        pull = (k * (self.mu - self.lambda_) - 0.5 * s2) * b
        return np.exp(discount * np.log(spot) + pull + 0.5 * s2 * b2)


@kernel
def fill_schwartz_1f(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price to the close row and the bar's variance to the open row.

    The deviation from the start price follows ``x' = a x + shift + scale z``.
    """
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    shift, scale, variance = constants[0], constants[1], constants[2]
    powers = constants[3:]
    steps = out.shape[3]
    shocks = np.empty(GROUP)
    levels = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        level = 0.0
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            group_shocks(shocks, given, n, 0, seeds[n], path, group, sign)
            for i in range(GROUP):
                shocks[i] = scale * shocks[i] + shift
            level = running_decay(shocks, powers, level, levels)
            for i in range(min(GROUP, steps - first)):
                out[n, 0, 3, first + i] = levels[i]
        if ohlc:
            for t in range(steps):
                out[n, 0, 0, t] = variance

"""Geometric Brownian motion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, fma, kernel
from engine.randomness import GROUP
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.shocks import antithetic_sign, group_shocks, running_sum, stream_path

__all__ = ["GBM"]


class GBM(Model):
    """Geometric Brownian motion, sampled exactly.

    Parameters
    ----------
    mu : float
        Drift per year: ``E[S_t] = s0 exp(mu t)``.
    sigma : float
        Volatility per year.

    Notes
    -----
    ``dS = mu S dt + sigma S dW``, so a bar's log return is normal with mean
    ``(mu - sigma^2 / 2) dt`` and variance ``sigma^2 dt`` (Black and Scholes, 1973). High and low
    follow the exact law of the extremes of a Brownian bridge.
    """

    name = "gbm"

    mu: float = parameter(0.05, unit="1/year", doc="Drift: E[S_t] = s0 exp(mu t).")
    sigma: float = parameter(0.2, low=0.0, unit="1/sqrt(year)", doc="Volatility.")

    def _generator(self, request: FillRequest) -> Generator:
        dt = request.dt
        drift = (self.mu - 0.5 * self.sigma * self.sigma) * dt
        variance = self.sigma * self.sigma * dt
        constants = np.array([drift, self.sigma * math.sqrt(dt), variance])
        return ModelGenerator(self, request, fill_gbm, constants)


@kernel
def fill_gbm(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price to the close row and the bar's variance to the open row."""
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    drift, scale, variance = constants[0], constants[1], constants[2]
    steps = out.shape[3]
    shocks = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        level = 0.0
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            count = min(GROUP, steps - first)
            group_shocks(shocks, given, n, 0, seeds[n], path, group, sign)
            for i in range(GROUP):
                shocks[i] = fma(scale, shocks[i], drift)
            level = running_sum(shocks, level, out[n, 0, 3, first:], count)
        if ohlc:
            for t in range(steps):
                out[n, 0, 0, t] = variance

"""Geometric Brownian motion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import borrow, fma, kernel
from engine.errors import Refusal
from engine.price_block import PriceBlock
from engine.randomness import GROUP
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import option, parameter
from engine.sources.shocks import antithetic_sign, group_shocks, running_sum, stream_path
from engine.sources.variance_start import checked_starts, start_weights

__all__ = ["GBM"]


class GBM(Model):
    r"""Geometric Brownian motion, sampled exactly.

    Parameters
    ----------
    mu : float
        Drift per year: ``E[S_t] = s0 exp(mu t)``.
    sigma : float
        Volatility per year.
    start_variance : VarianceStart, optional
        Today's variance, from which the bars of a path return to `sigma`; in study files ``garch``
        means the filtered one of the symbol's bars (`garch_start`).

    Notes
    -----
    ``dS = mu S dt + sigma S dW``, so a bar's log return is normal with mean
    ``(mu - sigma^2 / 2) dt`` and variance ``sigma^2 dt`` (Black and Scholes, 1973). High and low
    follow the exact law of the extremes of a Brownian bridge. With a `start_variance`
    :math:`v`, bar k has the variance :math:`\sigma^2 + (v - \sigma^2) \phi^k`, the forecast of a
    GARCH model with persistence :math:`\phi` (Bollerslev, 1986), and the same expected price.
    """

    name = "gbm"
    named_where_used = ("start_variance",)

    mu: float = parameter(0.05, unit="1/year", doc="Drift: E[S_t] = s0 exp(mu t).")
    sigma: float = parameter(0.2, low=0.0, unit="1/sqrt(year)", doc="Volatility.")

    start_variance: Any = option(None, "Variance from which paths start, fading to sigma.")

    def validate(self) -> None:
        """Check where the variance starts."""
        object.__setattr__(self, "start_variance", checked_starts(self.start_variance, 1))

    def _generator(self, request: FillRequest) -> Generator:
        dt = request.dt
        own = self.sigma * self.sigma
        if self.start_variance:
            (start,) = self.start_variance
            weights = start_weights(start, dt, request.steps)
            variances = np.maximum(own + (start.variance - own) * weights, 0.0)
            rows = [(self.mu - 0.5 * variances) * dt, np.sqrt(variances * dt), variances * dt]
            return ModelGenerator(self, request, fill_gbm_through_time, np.concatenate(rows))
        drift = (self.mu - 0.5 * own) * dt
        constants = np.array([drift, self.sigma * math.sqrt(dt), own * dt])
        return ModelGenerator(self, request, fill_gbm, constants)

    def log_weights(
        self, block: PriceBlock, *, sampled: GBM, at: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return how much likelier paths of another drift are here than where they were drawn.

        Parameters
        ----------
        block : PriceBlock
            Paths of `sampled`, of one symbol.
        sampled : GBM
            The world that they were drawn from, of the same volatility.
        at : array_like of int, shape (paths,), optional
            Number of the bar at whose close it is decided whether a path meets the event that is
            asked about, counted from 0; by default the last. A bar that is earlier leaves less
            noise in the weight.

        Returns
        -------
        ndarray of float64, shape (paths,)
            Logarithms of the likelihood ratios, for `engine.statistics.rare_events.rare_event`.

        Raises
        ------
        Refusal
            If the volatilities differ, are 0 or move, there are several symbols, or there is no
            such bar.

        Notes
        -----
        With a and b the drifts of the log price here and there, x its change and t the years until
        then: ((a - b) x - (a^2 - b^2) t / 2) / sigma^2 (Girsanov 1960). Highs and lows, whose law
        given the closes knows no drift, change nothing.

        Examples
        --------
        >>> world, falling = GBM(mu=0.05), GBM(mu=-0.15)
        >>> block = falling.paths(s0=100.0, steps=20, dt=0.05, seeds=range(4000))
        >>> round(float(np.exp(world.log_weights(block, sampled=falling)).mean()), 1)
        1.0
        """
        if sampled.sigma != self.sigma or self.sigma <= 0.0:
            raise Refusal("sampled", f"sigma {sampled.sigma}", f"that of this model, {self.sigma}")
        if self.start_variance or sampled.start_variance:
            raise Refusal("start_variance", "a variance that moves", "none, for weights of paths")
        if len(block.symbols) != 1:
            raise Refusal("block", f"{len(block.symbols)} symbols", "one")
        paths, bars = block.values.shape[0], block.values.shape[3] - block.warm_up
        last = np.full(paths, bars - 1) if at is None else np.asarray(at, dtype=np.int64)
        if last.shape != (paths,) or (last < 0).any() or (last >= bars).any():
            raise Refusal("at", "a bar that is not there", f"one of 0 to {bars - 1} for each path")
        opened = block.values[:, 0, block.fields.index("open"), block.warm_up]
        closed = block.values[:, 0, block.fields.index("close"), block.warm_up :]
        moved = np.log(closed[np.arange(paths), last] / opened)
        years, square = (last + 1) * block.dt, self.sigma * self.sigma
        here, there = self.mu - 0.5 * square, sampled.mu - 0.5 * square
        logs = ((here - there) * moved - 0.5 * (here**2 - there**2) * years) / square
        return np.asarray(logs, dtype=np.float64)


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


@kernel
def fill_gbm_through_time(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """As `fill_gbm`, with a drift, a deviation and a variance for each step."""
    given, constants, out = borrow(given), borrow(constants), borrow(out)
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
            for i in range(count):
                shocks[i] = fma(constants[steps + first + i], shocks[i], constants[first + i])
            level = running_sum(shocks, level, out[n, 0, 3, first:], count)
        if ohlc:
            for t in range(steps):
                out[n, 0, 0, t] = constants[2 * steps + t]

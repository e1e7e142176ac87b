"""Schwartz's two-factor model: spot price and convenience yield."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import borrow, exact, fma, kernel
from engine.errors import Refusal
from engine.randomness import GROUP, SEGMENT
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.seasonality import SeasonalModel
from engine.sources.shocks import (
    antithetic_sign,
    group_shocks,
    running_decay,
    running_sum,
    stream_path,
)

__all__ = ["Schwartz2F"]


class Schwartz2F(SeasonalModel):
    r"""Schwartz's two-factor model, sampled exactly.

    Parameters
    ----------
    mu : float
        Total expected return on the spot per year, convenience yield included.
    sigma_spot : float
        Volatility of the spot per year.
    kappa : float
        Speed of mean reversion of the convenience yield per year.
    alpha : float
        Level the convenience yield reverts to, per year.
    sigma_yield : float
        Volatility of the convenience yield per year.
    rho : float
        Correlation of the two shocks.
    lambda_ : float
        Market price of convenience yield risk, per year; only futures depend on it.
    r : float
        Riskless rate; only futures depend on it.
    delta0 : float
        Convenience yield at the start.

    Notes
    -----
    ``dS = (mu - delta) S dt + sigma_spot S dW1``, ``d delta = kappa (alpha - delta) dt +
    sigma_yield dW2``, ``dW1 dW2 = rho dt``. The pair (ln S, delta) is Gaussian and its step over a
    bar is drawn from the exact joint law. The state ``convenience_yield`` is taken at the close.
    Under the risk-neutral measure ``mu = r`` and ``alpha`` becomes ``alpha - lambda_ / kappa``.

    References
    ----------
    .. [1] E. Schwartz, The stochastic behavior of commodity prices, J. Finance 52 (1997), 923-973.
    """

    name = "schwartz_2f"
    states = ("convenience_yield",)
    factors = 2

    mu: float = parameter(0.1, unit="1/year", doc="Expected return of the spot.")
    sigma_spot: float = parameter(0.35, low=0.0, unit="1/sqrt(year)", doc="Volatility of the spot.")
    kappa: float = parameter(1.5, low=0.0, unit="1/year", doc="Mean reversion of the yield.")
    alpha: float = parameter(0.05, unit="1/year", doc="Level of the convenience yield.")
    sigma_yield: float = parameter(0.4, low=0.0, unit="1/year^1.5", doc="Volatility of the yield.")
    rho: float = parameter(0.8, low=-1.0, high=1.0, doc="Correlation of the shocks.")
    lambda_: float = parameter(0.0, unit="1/year", doc="Market price of yield risk.")
    r: float = parameter(0.0, unit="1/year", doc="Riskless rate, for futures.")
    delta0: float = parameter(0.0, unit="1/year", doc="Convenience yield at the start.")

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's filtered `convenience_yield`."""
        own = {name: value for name, value in state.items() if name != "convenience_yield"}
        moved = super().with_start_state(own)
        if "convenience_yield" in state:
            moved = moved.with_parameters(delta0=state["convenience_yield"])
        return moved

    def risk_neutral(self) -> Self:
        """Return the model under the pricing measure: drift `r`, yield level less its premium.

        Raises
        ------
        ValueError
            If `kappa` is zero and `lambda_` is not: the premium then has no level.
        """
        if self.kappa == 0.0 and self.lambda_ != 0.0:
            raise Refusal("kappa", "0.0", "> 0 where lambda_ is not zero")
        premium = self.lambda_ / self.kappa if self.lambda_ else 0.0
        return self.with_parameters(mu=self.r, alpha=self.alpha - premium, lambda_=0.0)

    def step_moments(self, dt: float) -> tuple[float, float, float]:
        """Variance of the log spot, their covariance, and variance of the yield over `dt`."""
        k, s1, s2 = self.kappa, self.sigma_spot, self.sigma_yield
        first, second, third = exact.decay_moments(k, dt)
        b = exact.decay(k, dt)
        b2 = exact.decay(2.0 * k, dt)
        variance = s1 * s1 * dt + s2 * s2 * second - 2.0 * self.rho * s1 * s2 * first
        covariance = self.rho * s1 * s2 * b - s2 * s2 * third
        return max(variance, 0.0), covariance, s2 * s2 * b2

    def _generator(self, request: FillRequest) -> Generator:
        dt = request.dt
        variance, covariance, yield_variance = self.step_moments(dt)
        b = exact.decay(self.kappa, dt)
        scale = math.sqrt(variance)
        loading = covariance / scale if scale > 0.0 else 0.0
        rest = math.sqrt(max(yield_variance - loading * loading, 0.0))
        s2 = self.sigma_spot * self.sigma_spot
        # Written with the yield's distance from its start, so that kappa = 0 needs no own case.
        yield_shift = self.kappa * (self.alpha - self.delta0) * b
        first, _, _ = exact.decay_moments(self.kappa, dt)
        drift = (self.mu - 0.5 * s2 - self.delta0) * dt
        drift -= self.kappa * (self.alpha - self.delta0) * first
        powers = [exact.exp(-self.kappa * dt * k) for k in range(1, SEGMENT + 1)]
        head = [drift, scale, b, yield_shift, loading, rest, self.delta0, s2 * dt]
        return ModelGenerator(self, request, fill_schwartz_2f, np.array([*head, *powers]))

    def futures(
        self, spot: ArrayLike, convenience_yield: ArrayLike, maturity: ArrayLike
    ) -> NDArray[np.float64]:
        """Price futures on the state of a path.

        Parameters
        ----------
        spot, convenience_yield : array_like
            State, such as ``block.close`` and ``block.field("convenience_yield")``.
        maturity : array_like
            Time to delivery in years; broadcast against the state.

        Returns
        -------
        ndarray of float64, shape (...)
            The price of each future, of the shape to which the arguments broadcast.

        Notes
        -----
        ``ln F = ln S - delta (1 - exp(-kT)) / k + A(T)`` with Schwartz's (1997) A(T).
        """
        log_forward, slope = self.futures_terms(maturity)
        held = np.exp(log_forward - slope * np.asarray(convenience_yield))
        prices: NDArray[np.float64] = np.asarray(spot) * held
        return prices

    def futures_terms(self, maturity: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the terms of the futures price that the state does not change.

        Parameters
        ----------
        maturity : array_like
            Time to delivery in years.

        Returns
        -------
        log_forward : ndarray of float64, shape (...)
            A(T), of the shape of `maturity`.
        slope : ndarray of float64, shape (...)
            Loading of the convenience yield, ``(1 - exp(-kT)) / k``.

        Raises
        ------
        ValueError
            If a maturity is negative.
        """
        time = np.asarray(maturity, dtype=np.float64)
        if (time < 0).any():
            raise Refusal("maturity", f"{time.min():g}", ">= 0 (years)")
        k, s1, s2 = self.kappa, self.sigma_spot, self.sigma_yield
        terms = np.array(
            [(exact.decay(k, t), *exact.decay_moments(k, t)) for t in time.ravel().tolist()]
        ).reshape(*time.shape, 4)
        slope, first, second = terms[..., 0], terms[..., 1], terms[..., 2]
        # E*[ln S_T] + Var*[ln S_T] / 2 without the state's part
        log_forward = (
            self.r * time
            - (k * self.alpha - self.lambda_) * first
            + 0.5 * s2 * s2 * second
            - self.rho * s1 * s2 * first
        )
        return log_forward, slope


@kernel
def fill_schwartz_2f(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price, the bar's variance and the convenience yield."""
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    drift, scale, b, yield_shift = constants[0], constants[1], constants[2], constants[3]
    loading, rest, start, variance = constants[4], constants[5], constants[6], constants[7]
    powers = constants[8:]
    steps = out.shape[3]
    spot = np.empty(GROUP)
    own = np.empty(GROUP)
    yields = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        level = 0.0
        distance = 0.0  # of the convenience yield from its start
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            count = min(GROUP, steps - first)
            group_shocks(spot, given, n, 0, seeds[n], path, group, sign)
            group_shocks(own, given, n, 1, seeds[n], path, group, sign)
            for i in range(GROUP):
                own[i] = fma(loading, spot[i], fma(rest, own[i], yield_shift))
            before = distance
            distance = running_decay(own, powers, distance, yields)
            spot[0] = fma(scale, spot[0], fma(-b, before, drift))
            for i in range(1, GROUP):
                spot[i] = fma(scale, spot[i], fma(-b, yields[i - 1], drift))
            level = running_sum(spot, level, out[n, 0, 3, first:], count)
            for i in range(count):
                out[n, 0, 5, first + i] = start + yields[i]
        if ohlc:
            for t in range(steps):
                out[n, 0, 0, t] = variance

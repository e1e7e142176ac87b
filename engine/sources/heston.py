"""Heston's stochastic volatility model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, Self

import numpy as np

from engine.compiled import exact
from engine.errors import Refusal
from engine.sources.generator import FillRequest, Generator
from engine.sources.heston_kernels import LANES, fill_full_truncation, fill_quadratic_exponential
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import option, parameter

__all__ = ["Heston"]

# Below it the variance is deterministic to rounding, and rho / xi is not a number to work with.
_SMALLEST_XI = 1e-8


class Heston(Model):
    r"""Heston's stochastic volatility model.

    Parameters
    ----------
    mu : float
        Drift per year: ``E[S_t] = s0 exp(mu t)``; for pricing ``r - q``.
    kappa : float
        Speed of mean reversion of the variance per year.
    theta : float
        Level of the variance per year.
    xi : float
        Volatility of variance.
    rho : float
        Correlation of price and variance shocks.
    v0 : float
        Variance at the start, per year.
    scheme : {"qe", "full_truncation"}
        ``"qe"``: Andersen's quadratic-exponential scheme with martingale correction, accurate at
        daily and longer steps also where the Feller condition fails. ``"full_truncation"``: the
        Euler scheme of Lord, Koekkoek and van Dijk, which needs small steps.

    Notes
    -----
    ``dS = mu S dt + sqrt(v) S dW1``, ``dv = kappa (theta - v) dt + xi sqrt(v) dW2``,
    ``dW1 dW2 = rho dt``. The state ``variance`` is taken at the close. High and low of a bar are
    those of a Brownian bridge with the mean of the variances at its ends. Where `rho` is positive
    and the step so long that the correction has no finite expectation, the scheme goes without.

    References
    ----------
    .. [1] L. Andersen, Simple and efficient simulation of the Heston stochastic volatility model,
       J. Computational Finance 11 (2008), 1-42.
    .. [2] R. Lord, R. Koekkoek, D. van Dijk, A comparison of biased simulation schemes for
       stochastic volatility models, Quantitative Finance 10 (2010), 177-194.
    """

    name = "heston"
    states = ("variance",)
    factors = 2
    no_leg_because = "its price moves with both of its shocks, none of which is the price's alone"

    mu: float = parameter(0.05, unit="1/year", doc="Drift: E[S_t] = s0 exp(mu t).")
    kappa: float = parameter(2.0, low=0.0, unit="1/year", doc="Mean reversion of the variance.")
    theta: float = parameter(0.04, low=0.0, unit="1/year", doc="Level of the variance.")
    xi: float = parameter(0.5, low=0.0, unit="1/year", doc="Volatility of variance.")
    rho: float = parameter(-0.7, low=-1.0, high=1.0, doc="Correlation of the shocks.")
    v0: float = parameter(0.04, low=0.0, unit="1/year", doc="Variance at the start.")
    scheme: Literal["qe", "full_truncation"] = option("qe", "Discretisation.")

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's filtered `variance`."""
        own = {name: value for name, value in state.items() if name != "variance"}
        moved = super().with_start_state(own)
        if "variance" in state:
            moved = moved.with_parameters(v0=state["variance"])
        return moved

    def validate(self) -> None:
        """Check the scheme."""
        if self.scheme not in ("qe", "full_truncation"):
            raise Refusal("scheme", repr(self.scheme), "'qe', 'full_truncation'")

    def _generator(self, request: FillRequest) -> Generator:
        fill, constants = self._diffusion(request.dt, self.mu)
        return ModelGenerator(self, request, fill, np.array(constants), lanes=LANES)

    def _diffusion(self, h: float, mu: float) -> tuple[Callable[..., None], list[float]]:
        """Return the kernel of the scheme and its constants at a drift."""
        if self.scheme == "qe":
            return fill_quadratic_exponential, self._quadratic_exponential(h, mu)
        orthogonal = math.sqrt(max(1.0 - self.rho * self.rho, 0.0))
        return fill_full_truncation, [
            self.v0,
            mu * h,
            h,
            self.kappa * h,
            self.theta,
            self.xi * math.sqrt(h),
            math.sqrt(h) * self.rho,
            math.sqrt(h) * orthogonal,
        ]

    def _quadratic_exponential(self, h: float, mu: float) -> list[float]:
        kappa, theta, xi, rho = self.kappa, self.theta, self.xi, self.rho
        decay = exact.exp(-kappa * h)
        b = exact.decay(kappa, h)
        deterministic = xi < _SMALLEST_XI
        slope = 0.0 if deterministic else rho / xi
        k1 = 0.5 * h * (kappa * slope - 0.5) - slope
        k2 = 0.5 * h * (kappa * slope - 0.5) + slope
        k3 = 0.5 * h * (1.0 - rho * rho)
        share = b / h  # mean of the decay over the step
        return [
            self.v0,
            mu * h,
            h,
            decay,
            theta * kappa * b,  # theta (1 - decay)
            0.0 if deterministic else xi * xi * decay * b,
            0.0 if deterministic else 0.5 * theta * xi * xi * kappa * b * b,
            k1,
            k2,
            k3,
            k2 + 0.5 * k3,
            -rho * kappa * theta * h / xi if not deterministic else 0.0,
            1.0 if deterministic else 0.0,
            share,
            theta * (1.0 - share),
        ]

"""Bates's model: stochastic volatility with jumps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.sources.generator import FillRequest, Generator
from engine.sources.heston import Heston
from engine.sources.heston_kernels import LANES
from engine.sources.jumps import added_jumps_kernel, jump_constants
from engine.sources.merton import normal_growth, normal_jump
from engine.sources.model import ModelGenerator
from engine.sources.parameter import parameter

__all__ = ["Bates"]


class Bates(Heston):
    r"""Bates's model: Heston's stochastic volatility with Merton's jumps.

    Parameters
    ----------
    mu : float
        Drift per year, jumps included: ``E[S_t] = s0 exp(mu t)``; for pricing ``r - q``.
    kappa, theta, xi, rho, v0, scheme
        See `Heston`; the variance is that of the diffusion, without the jumps.
    jump_intensity : float
        Expected jumps per year.
    mean_log_jump : float
        Mean of a jump of the log price.
    jump_vol : float
        Standard deviation of a jump of the log price.

    Notes
    -----
    ``dS/S = (mu - lambda k) dt + sqrt(v) dW1 + (J - 1) dN`` with the variance of `Heston` and the
    jumps of `Merton`, independent of the diffusion [1]_. A seed has the shocks that it has in
    `Heston`, and jumps at times of streams of their own: without jumps, paths are those of
    `Heston` to the bit. A jump falls at its time inside its bar.

    References
    ----------
    .. [1] D. Bates, Jumps and stochastic volatility: exchange rate processes implicit in Deutsche
       Mark options, Review of Financial Studies 9 (1996), 69-107.
    """

    name = "bates"

    jump_intensity: float = parameter(0.5, low=0.0, unit="1/year", doc="Expected jumps per year.")
    mean_log_jump: float = parameter(-0.1, unit="log price", doc="Mean of a log jump.")
    jump_vol: float = parameter(0.15, low=0.0, unit="log price", doc="Deviation of a log jump.")

    def _generator(self, request: FillRequest) -> Generator:
        growth = normal_growth(self.mean_log_jump, self.jump_vol)
        jumps = jump_constants(
            mu=0.0,
            sigma=0.0,
            jump_intensity=self.jump_intensity,
            growth=growth,
            law=(self.mean_log_jump, self.jump_vol),
            dt=request.dt,
        )
        fill, constants = self._diffusion(request.dt, self.mu - self.jump_intensity * growth)
        return ModelGenerator(
            self, request, _with_jumps(fill, jumps), np.array(constants), lanes=LANES
        )


_add_jumps = added_jumps_kernel(normal_jump)


def _with_jumps(fill: Callable[..., None], jumps: NDArray[np.float64]) -> Callable[..., None]:
    """Return what runs the kernel of a diffusion and then puts jumps into its paths."""

    def fill_bates(
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        constants: NDArray[np.float64],
        out: NDArray[np.float64],
        ohlc: bool,
    ) -> None:
        fill(seeds, path_ids, antithetic, given, constants, out, ohlc)
        _add_jumps(seeds, path_ids, antithetic, jumps, out, ohlc)

    return fill_bates

"""Merton's jump diffusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import exact, fma, inlined
from engine.errors import Refusal
from engine.sources.generator import FillRequest, Generator
from engine.sources.jumps import JUMP_LAW, jump_constants, jump_kernel
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import parameter

__all__ = ["Merton", "normal_growth", "normal_jump"]

_LARGEST_EXPONENT = 600.0


class Merton(Model):
    """Merton's jump diffusion, sampled exactly.

    Parameters
    ----------
    mu : float
        Drift per year, jumps included: ``E[S_t] = s0 exp(mu t)``.
    sigma : float
        Volatility of the diffusion per year.
    jump_intensity : float
        Expected jumps per year.
    mean_log_jump : float
        Mean of a jump of the log price.
    jump_vol : float
        Standard deviation of a jump of the log price.

    Notes
    -----
    ``dS/S = (mu - lambda k) dt + sigma dW + (J - 1) dN`` with ``ln J`` normal and
    ``k = E[J] - 1`` (Merton, 1976, Option pricing when underlying stock returns are
    discontinuous). Waiting times between jumps are drawn, not a jump per bar tested. The range of
    a bar with jumps is that of the bridges between them and the jumps themselves.
    """

    name = "merton"

    mu: float = parameter(0.05, unit="1/year", doc="Drift: E[S_t] = s0 exp(mu t).")
    sigma: float = parameter(0.15, low=0.0, unit="1/sqrt(year)", doc="Volatility of the diffusion.")
    jump_intensity: float = parameter(0.5, low=0.0, unit="1/year", doc="Expected jumps per year.")
    mean_log_jump: float = parameter(-0.1, unit="log price", doc="Mean of a log jump.")
    jump_vol: float = parameter(0.15, low=0.0, unit="log price", doc="Deviation of a log jump.")

    def _generator(self, request: FillRequest) -> Generator:
        constants = jump_constants(
            mu=self.mu,
            sigma=self.sigma,
            jump_intensity=self.jump_intensity,
            growth=normal_growth(self.mean_log_jump, self.jump_vol),
            law=(self.mean_log_jump, self.jump_vol),
            dt=request.dt,
        )
        return ModelGenerator(self, request, _fill_merton, constants)


def normal_growth(mean_log_jump: float, jump_vol: float) -> float:
    """Return the expected relative change of the price at a jump whose logarithm is normal.

    Raises
    ------
    Refusal
        If it is beyond what a number holds.
    """
    expected = mean_log_jump + 0.5 * (jump_vol * jump_vol)
    if expected > _LARGEST_EXPONENT:
        raise Refusal(
            "jump_vol",
            f"{jump_vol:g} with mean_log_jump {mean_log_jump:g}",
            f"mean_log_jump + jump_vol^2 / 2 <= {_LARGEST_EXPONENT:g}, the logarithm of "
            "the expected jump",
        )
    return exact.expm1(expected)


@inlined
def normal_jump(
    word_2: np.uint64, word_3: np.uint64, z: float, sign: float, constants: NDArray[np.float64]
) -> float:
    """Return a normal jump of the log price."""
    return fma(constants[JUMP_LAW + 1], sign * z, constants[JUMP_LAW])


_fill_merton = jump_kernel(normal_jump)

"""Kou's double exponential jump diffusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined
from engine.compiled.elementary import log
from engine.randomness import uniform
from engine.sources.generator import FillRequest, Generator
from engine.sources.jumps import JUMP_LAW, jump_constants, jump_kernel
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import parameter

__all__ = ["Kou"]


class Kou(Model):
    r"""Kou's jump diffusion with double exponential jumps, sampled exactly.

    Parameters
    ----------
    mu : float
        Drift per year, jumps included: ``E[S_t] = s0 exp(mu t)``.
    sigma : float
        Volatility of the diffusion per year.
    jump_intensity : float
        Expected jumps per year.
    p_up : float
        Probability that a jump goes up.
    eta_up, eta_down : float
        Rates of the exponential laws: a jump up of the log price has mean ``1 / eta_up``, one down
        ``-1 / eta_down``. `eta_up` exceeds 1, or the expected price would be infinite; `eta_down`
        is at least 0.001, beyond which a fall leaves nothing that a float can tell from 0.

    Notes
    -----
    ``dS/S = (mu - lambda k) dt + sigma dW + (J - 1) dN``; ``Y = ln J`` has the density

    .. math::

        f(y) = p \eta_1 e^{-\eta_1 y} 1_{y \ge 0} + (1 - p) \eta_2 e^{\eta_2 y} 1_{y < 0}

    and ``k = E[J] - 1 = p eta_1 / (eta_1 - 1) + (1 - p) eta_2 / (eta_2 + 1) - 1`` [1]_, with
    ``lambda`` the `jump_intensity`, ``p`` `p_up`, ``eta_1`` `eta_up`, ``eta_2`` `eta_down`. A jump
    is the inverse of its distribution function at a uniform number, so that antithetic jumps mirror
    each other's probability. Times of jumps and the range of their bars are those of `Merton`.

    References
    ----------
    .. [1] S. G. Kou, A jump-diffusion model for option pricing, Management Science 48 (2002),
       1086-1101.
    """

    name = "kou"

    mu: float = parameter(0.05, unit="1/year", doc="Drift: E[S_t] = s0 exp(mu t).")
    sigma: float = parameter(0.15, low=0.0, unit="1/sqrt(year)", doc="Volatility of the diffusion.")
    jump_intensity: float = parameter(1.0, low=0.0, unit="1/year", doc="Expected jumps per year.")
    p_up: float = parameter(0.4, low=0.0, high=1.0, doc="Probability of a jump up.")
    eta_up: float = parameter(
        20.0, low=1.0, open_low=True, unit="1/log price", doc="Rate of jumps up: mean 1 / eta_up."
    )
    eta_down: float = parameter(
        10.0,
        low=0.001,
        unit="1/log price",
        doc="Rate of jumps down: mean -1 / eta_down.",
    )

    def _generator(self, request: FillRequest) -> Generator:
        up = self.p_up / (self.eta_up - 1.0)  # share of jumps up, times J - 1 expected of one
        down = (1.0 - self.p_up) / (self.eta_down + 1.0)
        constants = jump_constants(
            mu=self.mu,
            sigma=self.sigma,
            jump_intensity=self.jump_intensity,
            growth=up - down,
            law=(1.0 - self.p_up, 1.0 / self.eta_up, 1.0 / self.eta_down),
            dt=request.dt,
        )
        return ModelGenerator(self, request, _fill_kou, constants)


@inlined
def _double_exponential_jump(
    word_2: np.uint64, word_3: np.uint64, z: float, sign: float, constants: NDArray[np.float64]
) -> float:
    """Return a jump of the log price: the inverse of its distribution function."""
    p_down, mean_up, mean_down = constants[JUMP_LAW : JUMP_LAW + 3]
    u = uniform(word_2)
    if sign < 0.0:
        u = 1.0 - u
    size: float = -mean_up * log((1.0 - u) / (1.0 - p_down))
    if u < p_down:
        size = mean_down * log(u / p_down)
    return size


_fill_kou = jump_kernel(_double_exponential_jump)

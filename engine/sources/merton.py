"""Merton's jump diffusion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, exact, fma, inlined, kernel
from engine.compiled.elementary import log
from engine.errors import Refusal
from engine.randomness import GROUP, Stream, normal_pair, uniform, words
from engine.sources.bridge import bridge_extremes
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import parameter
from engine.sources.shocks import antithetic_sign, group_shocks, running_sum, stream_path

__all__ = ["Merton"]

_TIME = np.uint64(Stream.JUMP_TIME)
_SIZE = np.uint64(Stream.JUMP_SIZE)
_EXTREME = np.uint64(Stream.JUMP_EXTREME)
_ONE = np.uint64(1)
_MOST_JUMPS_PER_BAR = 1000.0
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
        dt = request.dt
        rate = self.jump_intensity * dt
        if rate > _MOST_JUMPS_PER_BAR:
            raise Refusal(
                "jump_intensity",
                f"{self.jump_intensity:g}",
                f"<= {_MOST_JUMPS_PER_BAR / dt:g} (at most {_MOST_JUMPS_PER_BAR:g} jumps per bar)",
            )
        jump_variance = self.jump_vol * self.jump_vol
        if self.mean_log_jump + 0.5 * jump_variance > _LARGEST_EXPONENT:
            raise Refusal(
                "jump_vol",
                f"{self.jump_vol:g} with mean_log_jump {self.mean_log_jump:g}",
                f"mean_log_jump + jump_vol^2 / 2 <= {_LARGEST_EXPONENT:g}, the logarithm of "
                "the expected jump",
            )
        growth = exact.expm1(self.mean_log_jump + 0.5 * jump_variance)
        variance = self.sigma * self.sigma
        drift = (self.mu - 0.5 * variance - self.jump_intensity * growth) * dt
        wait = 1.0 / rate if rate > 0.0 else math.inf
        constants = np.array(
            [
                drift,
                self.sigma * math.sqrt(dt),
                variance * dt,
                wait,
                self.mean_log_jump,
                self.jump_vol,
            ]
        )
        return ModelGenerator(self, request, fill_merton, constants)


@kernel
def fill_merton(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price to the close row and the bar's variance to the open row.

    A bar with jumps gets the variance -1 and its own log high and low.
    """
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    drift, scale, variance, wait = constants[0], constants[1], constants[2], constants[3]
    steps = out.shape[3]
    shocks = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        if ohlc:
            for t in range(steps):
                out[n, 0, 0, t] = variance
        level = 0.0
        jump = np.uint64(0)
        when = _waiting_time(seeds[n], path, jump, wait)
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            count = min(GROUP, steps - first)
            group_shocks(shocks, given, n, 0, seeds[n], path, group, sign)
            for i in range(GROUP):
                shocks[i] = fma(scale, shocks[i], drift)
            before = level
            jumped = False
            while when < first + count:
                jumped = True
                t = int(when)
                jump, when, total, high, low = _jumps_of_bar(
                    seeds[n], path, sign, jump, when, shocks[t - first], constants, ohlc
                )
                shocks[t - first] += total
                if ohlc:
                    out[n, 0, 0, t] = -1.0
                    out[n, 0, 1, t] = high
                    out[n, 0, 2, t] = low
            level = running_sum(shocks, level, out[n, 0, 3, first:], count)
            if jumped and ohlc:
                for t in range(first, first + count):
                    opening = before if t == first else out[n, 0, 3, t - 1]
                    if out[n, 0, 0, t] < 0.0:
                        out[n, 0, 1, t] += opening
                        out[n, 0, 2, t] += opening


@inlined
def _waiting_time(seed: np.uint64, path: np.uint64, jump: np.uint64, wait: float) -> float:
    """Return the time in bars between a jump and the one before it."""
    word, _, _, _ = words(seed, _TIME, path, jump)
    return -wait * log(uniform(word))


@inlined
def _jumps_of_bar(
    seed: np.uint64,
    path: np.uint64,
    sign: float,
    jump: np.uint64,
    when: float,
    move: float,
    constants: NDArray[np.float64],
    ohlc: bool,
) -> tuple[np.uint64, float, float, float, float]:
    """Return the next jump and its time, the bar's total jump and its range from the open.

    `move` is the diffusion's move over the whole bar, `when` the time in bars of the first jump.
    """
    variance, wait, mean, deviation = constants[2], constants[3], constants[4], constants[5]
    bar = math.floor(when)
    total = 0.0
    high = 0.0
    low = 0.0
    at = 0.0  # time within the bar and the diffusion's level there
    level = 0.0
    index = jump
    while True:
        inside = min(when - bar, 1.0)
        jumps = when < bar + 1.0
        to = inside if jumps else 1.0
        size = 0.0
        target = move
        if jumps:
            w0, w1, _, _ = words(seed, _SIZE, path, index)
            z, z_level = normal_pair(w0, w1)
            size = fma(deviation, sign * z, mean)
            share = (to - at) / max(1.0 - at, 1e-300)
            spread = math.sqrt(max(variance * share * (1.0 - to), 0.0))
            target = level + share * (move - level) + spread * (sign * z_level)
        if ohlc:
            # The piece after the last jump takes the other two words of that jump.
            w0, w1, w2, w3 = words(seed, _EXTREME, path, index if jumps else index - _ONE)
            u_high, u_low = uniform(w0 if jumps else w2), uniform(w1 if jumps else w3)
            piece = variance * (to - at)
            up, down = bridge_extremes(sign * (target - level), piece, u_high, u_low)
            if sign < 0.0:
                up, down = -down, -up
            high = max(high, total + level + up)
            low = min(low, total + level + down)
        total += size
        level = target
        at = to
        if not jumps:
            return index, when, total, high, low
        high = max(high, total + level)
        low = min(low, total + level)
        index += _ONE
        when += _waiting_time(seed, path, index, wait)

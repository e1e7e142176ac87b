"""Jump diffusions: what their kernels share, whatever the law of a jump and the diffusion.

Waiting times between jumps are drawn, not a jump per bar tested. A jump falls at its time inside
its bar: the diffusion's level there is drawn from its bridge over the bar, and the range of a bar
with jumps is that of the bridges between them and the jumps themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, fma, inlined, kernel
from engine.compiled.elementary import log
from engine.errors import Refusal
from engine.randomness import GROUP, Stream, normal_pair, uniform, words
from engine.sources.bridge import bridge_extremes
from engine.sources.shocks import antithetic_sign, group_shocks, running_sum, stream_path

__all__ = ["JUMP_LAW", "added_jumps_kernel", "jump_constants", "jump_kernel"]

#: Place of the first number of the law of jumps among a kernel's constants.
JUMP_LAW = 4

_TIME = np.uint64(Stream.JUMP_TIME)
_SIZE = np.uint64(Stream.JUMP_SIZE)
_EXTREME = np.uint64(Stream.JUMP_EXTREME)
_ONE = np.uint64(1)
_MOST_JUMPS_PER_BAR = 1000.0


def jump_constants(
    *,
    mu: float,
    sigma: float,
    jump_intensity: float,
    growth: float,
    law: tuple[float, ...],
    dt: float,
) -> NDArray[np.float64]:
    """Return the constants of a kernel of `jump_kernel`.

    Parameters
    ----------
    mu : float
        Drift per year, jumps included: ``E[S_t] = s0 exp(mu t)``.
    sigma : float
        Volatility of the diffusion per year.
    jump_intensity : float
        Expected jumps per year.
    growth : float
        Expected relative change of the price at a jump, ``E[J] - 1``.
    law : tuple of float
        Numbers of the law of jumps, which `jump_size` finds from `JUMP_LAW` on.
    dt : float
        Length of a bar in years.

    Raises
    ------
    ValueError
        If a bar would have more jumps than can be drawn.
    """
    rate = jump_intensity * dt
    if rate > _MOST_JUMPS_PER_BAR:
        raise Refusal(
            "jump_intensity",
            f"{jump_intensity:g}",
            f"<= {_MOST_JUMPS_PER_BAR / dt:g} (at most {_MOST_JUMPS_PER_BAR:g} jumps per bar)",
        )
    variance = sigma * sigma
    drift = (mu - 0.5 * variance - jump_intensity * growth) * dt
    wait = 1.0 / rate if rate > 0.0 else math.inf
    return np.array([drift, sigma * math.sqrt(dt), variance * dt, wait, *law])


def jump_kernel(
    jump_size: Callable[[np.uint64, np.uint64, float, float, NDArray[np.float64]], float],
) -> Callable[..., None]:
    """Return the kernel of a jump diffusion, see `ModelGenerator`.

    Parameters
    ----------
    jump_size : callable
        An `inlined` function ``jump_size(word_2, word_3, z, sign, constants)`` that returns the
        jump of the log price: made of a standard normal `z`, or of two words that nothing else
        uses. `sign` is -1 for the second path of an antithetic pair, else 1; `constants` are those
        of `jump_constants`.
    """
    jumps_of_bar = _jumps_of_bar(jump_size)

    @kernel
    def fill_jumps(
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        constants: NDArray[np.float64],
        out: NDArray[np.float64],
        ohlc: bool,
    ) -> None:
        # Writes log price over start price to the close row and the bar's variance to the open
        # row; a bar with jumps gets the variance -1 and its own log high and low.
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
                    jump, when, total, high, low = jumps_of_bar(
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

    return fill_jumps


def added_jumps_kernel(
    jump_size: Callable[[np.uint64, np.uint64, float, float, NDArray[np.float64]], float],
) -> Callable[..., None]:
    """Return the kernel that puts jumps into what the kernel of a diffusion has written.

    Parameters
    ----------
    jump_size : callable
        As in `jump_kernel`.

    Returns
    -------
    callable
        ``add(seeds, path_ids, antithetic, constants, out, ohlc)``, with the constants of
        `jump_constants`, of which drift and volatility are not read: the variance of each bar is
        that of the open row, as `ModelGenerator` has it.
    """
    jumps_of_bar = _jumps_of_bar(jump_size)

    @kernel
    def add_jumps(
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        constants: NDArray[np.float64],
        out: NDArray[np.float64],
        ohlc: bool,
    ) -> None:
        out = borrow(out)
        own = constants.copy()
        own[2] = 0.0
        wait = own[3]
        for n in range(seeds.size):
            path = stream_path(path_ids[n], antithetic)
            sign = antithetic_sign(path_ids[n], antithetic)
            jump = np.uint64(0)
            when = _waiting_time(seeds[n], path, jump, wait)
            before, jumped = 0.0, 0.0
            for t in range(out.shape[3]):
                level = out[n, 0, 3, t]
                if when < t + 1:
                    opening = before + jumped
                    if ohlc:
                        own[2] = out[n, 0, 0, t]
                    jump, when, total, high, low = jumps_of_bar(
                        seeds[n], path, sign, jump, when, level - before, own, ohlc
                    )
                    jumped += total
                    if ohlc:
                        out[n, 0, 0, t] = -1.0
                        out[n, 0, 1, t] = opening + high
                        out[n, 0, 2, t] = opening + low
                before = level
                out[n, 0, 3, t] = level + jumped

    return add_jumps


def _jumps_of_bar(
    jump_size: Callable[..., float],
) -> Callable[..., tuple[np.uint64, float, float, float, float]]:
    """Return what draws the jumps of one bar."""

    @inlined
    def jumps_of_bar(
        seed: np.uint64,
        path: np.uint64,
        sign: float,
        jump: np.uint64,
        when: float,
        move: float,
        constants: NDArray[np.float64],
        ohlc: bool,
    ) -> tuple[np.uint64, float, float, float, float]:
        # Returns the next jump and its time, the bar's total jump and its range from the open.
        # `move` is the diffusion's move over the whole bar, `when` the time in bars of the first
        # jump.
        variance, wait = constants[2], constants[3]
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
                w0, w1, w2, w3 = words(seed, _SIZE, path, index)
                z, z_level = normal_pair(w0, w1)
                size = jump_size(w2, w3, z, sign, constants)
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

    return jumps_of_bar


@inlined
def _waiting_time(seed: np.uint64, path: np.uint64, jump: np.uint64, wait: float) -> float:
    """Return the time in bars between a jump and the one before it."""
    word, _, _, _ = words(seed, _TIME, path, jump)
    return -wait * log(uniform(word))

"""Pieces of every model kernel: the normals of a group of steps, and sums along a path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import fma, inlined
from engine.randomness import SEGMENT, Stream, fill_normals

__all__ = ["antithetic_sign", "group_shocks", "running_decay", "running_sum", "stream_path"]

_ONE = np.uint64(1)
_NORMAL = np.uint64(Stream.NORMAL)


@inlined
def stream_path(path: np.uint64, antithetic: bool) -> np.uint64:
    """Path number that the streams see: the two of an antithetic pair share theirs."""
    return path >> _ONE if antithetic else path


@inlined
def antithetic_sign(path: np.uint64, antithetic: bool) -> float:
    """Sign of a path's shocks: minus for the second of an antithetic pair."""
    return -1.0 if antithetic and (path & _ONE) == _ONE else 1.0


@inlined
def group_shocks(
    out: NDArray[np.float64],
    given: NDArray[np.float64],
    row: int,
    factor: int,
    seed: np.uint64,
    path: np.uint64,
    group: int,
    sign: float,
) -> None:
    """Write the 256 shocks of one factor and group of steps to ``out[:256]``.

    They come from the path's stream, or from ``given[row, factor]`` where a sampling scheme has
    made them (shape (paths, factors, 256 * groups); no paths where it has not).
    """
    if given.shape[0] > 0:
        first = group * 256
        for i in range(256):
            out[i] = given[row, factor, first + i]
    else:
        fill_normals(out, seed, _NORMAL + np.uint64(factor), path, np.uint64(group), sign)


@inlined
def running_sum(
    increments: NDArray[np.float64], start: float, out: NDArray[np.float64], count: int
) -> float:
    """Write ``start`` plus the running sums of a group and return the last.

    The four segments are summed side by side and joined afterwards: four short chains of
    additions instead of one long one. The order is part of a path's definition.
    """
    a = b = c = d = 0.0
    for i in range(SEGMENT):
        a += increments[i]
        b += increments[i + 64]
        c += increments[i + 128]
        d += increments[i + 192]
        increments[i] = a
        increments[i + 64] = b
        increments[i + 128] = c
        increments[i + 192] = d
    at_1 = start + a
    at_2 = at_1 + b
    at_3 = at_2 + c
    if count == 256:
        for i in range(SEGMENT):
            out[i] = start + increments[i]
            out[i + 64] = at_1 + increments[i + 64]
            out[i + 128] = at_2 + increments[i + 128]
            out[i + 192] = at_3 + increments[i + 192]
        return at_3 + d
    last = start
    for i in range(count):
        segment = i >> 6
        base = start if segment == 0 else at_1 if segment == 1 else at_2 if segment == 2 else at_3
        last = base + increments[i]
        out[i] = last
    return last


@inlined
def running_decay(
    increments: NDArray[np.float64],
    powers: NDArray[np.float64],
    start: float,
    out: NDArray[np.float64],
) -> float:
    """Write ``x_i = powers[0] x_{i-1} + increments_i`` of a group, from `start`; return the last.

    ``powers[i]`` is the factor's power ``i + 1``, 64 of them. The four segments run side by side
    from zero and are joined afterwards, as in `running_sum`.
    """
    factor = powers[0]
    a = b = c = d = 0.0
    for i in range(SEGMENT):
        a = fma(factor, a, increments[i])
        b = fma(factor, b, increments[i + 64])
        c = fma(factor, c, increments[i + 128])
        d = fma(factor, d, increments[i + 192])
        increments[i] = a
        increments[i + 64] = b
        increments[i + 128] = c
        increments[i + 192] = d
    at_1 = fma(powers[63], start, a)
    at_2 = fma(powers[63], at_1, b)
    at_3 = fma(powers[63], at_2, c)
    for i in range(SEGMENT):
        out[i] = fma(powers[i], start, increments[i])
        out[i + 64] = fma(powers[i], at_1, increments[i + 64])
        out[i + 128] = fma(powers[i], at_2, increments[i + 128])
        out[i + 192] = fma(powers[i], at_3, increments[i + 192])
    return fma(powers[63], at_3, d)

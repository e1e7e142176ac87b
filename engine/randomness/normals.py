"""Groups of normal and uniform numbers: the layout of a path's randomness, version 1.

Step ``t`` of a path belongs to group ``t // 256``, segment ``(t % 256) // 64`` and place
``t % 64``. One Philox call, with the counter

    (64 * group + place, stream, path's low 32 bits, path's high 32 bits)

and the seed as key, gives four 32-bit words, one per segment. As uniforms they are
``(word + 1/2) / 2^32``. As normals, words 0 and 1 make the pair of segments 0 and 1 and words 2
and 3 that of segments 2 and 3 by Box and Muller (1958): the first word gives the radius
``sqrt(-2 ln u)`` (at most 6.76), the second the angle (30 bits within a quadrant, one bit for the
sign of the cosine, one that swaps sine and cosine).

Single numbers outside the grid of steps (jump times, bootstrap blocks) use the same counter with
a running index in its first word.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import as_bits, as_float, inlined
from engine.compiled.elementary import log_fast, sincos_fast
from engine.randomness.philox import philox

__all__ = ["GROUP", "SEGMENT", "fill_normals", "fill_uniforms", "normal_pair", "uniform", "words"]

GROUP = 256
SEGMENT = 64

_LOW = np.uint64(0xFFFFFFFF)
_ANGLE = np.uint64(0x3FFFFFFF)
_SWAP = np.uint64(0x80000000)
_SIGN = np.uint64(0x8000000000000000)
_TO_SIGN = np.uint64(33)
_32 = np.uint64(32)
_SEGMENT = np.uint64(SEGMENT)
_TWO_52_BITS = np.uint64(0x4330000000000000)
_TWO_52_HALF = 4503599627370496.0 - 0.5
_TWO_M32 = 1.0 / 4294967296.0
_TWO_M30 = 1.0 / 1073741824.0
_HALF_PI = 1.5707963267948966


@inlined
def uniform(word: np.uint64) -> float:
    """Return the uniform number (word + 1/2) / 2^32 of a word's low 32 bits."""
    return (as_float((word & _LOW) | _TWO_52_BITS) - _TWO_52_HALF) * _TWO_M32


@inlined
def normal_pair(word_0: np.uint64, word_1: np.uint64) -> tuple[float, float]:
    """Return two independent standard normal numbers of two words (Box and Muller, 1958)."""
    radius = math.sqrt(-2.0 * log_fast(uniform(word_0)))
    steps = as_float((word_1 & _ANGLE) | _TWO_52_BITS) - _TWO_52_HALF
    sine, cosine = sincos_fast((steps * _TWO_M30 - 0.5) * _HALF_PI)
    cosine = as_float(as_bits(cosine) ^ ((word_1 << _TO_SIGN) & _SIGN))
    swap = (word_1 & _SWAP) != np.uint64(0)
    first = sine if swap else cosine
    second = cosine if swap else sine
    return radius * first, radius * second


@inlined
def words(
    seed: np.uint64, stream: np.uint64, path: np.uint64, index: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four words of a running index in a stream of a path (all uint64)."""
    return philox(index, stream, path, path >> _32, seed)


@inlined
def fill_normals(
    out: NDArray[np.float64],
    seed: np.uint64,
    stream: np.uint64,
    path: np.uint64,
    group: np.uint64,
    sign: float,
) -> None:
    """Write the 256 normals of a group, times `sign`, to ``out[:256]``."""
    first = group * _SEGMENT
    for i in range(SEGMENT):
        w0, w1, w2, w3 = words(seed, stream, path, first + np.uint64(i))
        a, b = normal_pair(w0, w1)
        c, d = normal_pair(w2, w3)
        out[i] = sign * a
        out[i + 64] = sign * b
        out[i + 128] = sign * c
        out[i + 192] = sign * d


@inlined
def fill_uniforms(
    out: NDArray[np.float64], seed: np.uint64, stream: np.uint64, path: np.uint64, group: np.uint64
) -> None:
    """Write the 256 uniforms of a group to ``out[:256]``."""
    first = group * _SEGMENT
    for i in range(SEGMENT):
        w0, w1, w2, w3 = words(seed, stream, path, first + np.uint64(i))
        out[i] = uniform(w0)
        out[i + 64] = uniform(w1)
        out[i + 128] = uniform(w2)
        out[i + 192] = uniform(w3)

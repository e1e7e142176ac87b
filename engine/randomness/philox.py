"""Philox4x32-10, a counter-based random number generator.

J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11 (2011).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.compiled import inlined

__all__ = ["philox", "philox_reference"]

_ROUNDS = 10
_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85

_M0, _M1 = np.uint64(_MULTIPLIER_0), np.uint64(_MULTIPLIER_1)
_W0, _W1 = np.uint64(_WEYL_0), np.uint64(_WEYL_1)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, seed: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return four random 32-bit words for a counter of four words under a 64-bit key.

    All arguments are uint64; only the low 32 bits of the counter words count. Of the returned
    uint64 only the low 32 bits are random: mask before use.
    """
    k0, k1 = seed & _LOW, seed >> _32
    for _ in range(_ROUNDS):
        p0 = (c0 & _LOW) * _M0
        p1 = (c2 & _LOW) * _M1
        # Words above bit 31 are left dirty here and masked by the next round's product.
        c0 = (p1 >> _32) ^ c1 ^ k0
        c1 = p1
        c2 = (p0 >> _32) ^ c3 ^ k1
        c3 = p0
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def philox_reference(
    counter: Sequence[int], key: Sequence[int], rounds: int = _ROUNDS
) -> list[int]:
    """Return the four words of Philox4x32 in plain Python, as the paper writes it."""
    mask = 0xFFFFFFFF
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = c0 * _MULTIPLIER_0, c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & mask, (p0 >> 32) ^ c3 ^ k1, p0 & mask
        k0, k1 = (k0 + _WEYL_0) & mask, (k1 + _WEYL_1) & mask
    return [c0, c1, c2, c3]

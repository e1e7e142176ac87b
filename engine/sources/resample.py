"""The kernel of the bootstraps: draw blocks of bars, then join them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import high_product, inlined, kernel
from engine.compiled.elementary import log
from engine.randomness import GROUP, SEGMENT, Stream, uniform, words

__all__ = ["METHODS", "resample_bars"]

METHODS = ("stationary", "circular_block", "moving_block", "iid")

_STATIONARY, _MOVING, _IID = 0, 2, 3
_BLOCK = np.uint64(Stream.BLOCK)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_ONE = np.uint64(1)


@kernel
def resample_bars(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    records: NDArray[np.float64],
    start: NDArray[np.float64],
    method: int,
    length: int,
    inverse_log: float,
    slot: NDArray[np.int64],
    first: NDArray[np.int64],
    order: NDArray[np.int64],
    relative: bool,
    drawn: NDArray[np.uint64],
    out: NDArray[np.float64],
) -> None:
    """Write resampled paths.

    Block ``b`` of a path takes its start from the first two words and its geometric length from
    the third word of index ``b`` in the block stream; the iid bootstrap takes one word per step
    from the grid of steps.
    """
    steps = out.shape[3]
    for n in range(seeds.size):
        if method == _IID and slot.size == 0:
            _draw_single(seeds[n], path_ids[n], records.shape[0], drawn)
        else:
            _draw_blocks(
                seeds[n],
                path_ids[n],
                records.shape[0],
                method,
                length,
                inverse_log,
                slot,
                first,
                order,
                drawn[:steps],
            )
        for s in range(out.shape[1]):
            close = start[s]
            for t in range(steps):
                i = drawn[t]
                if relative:
                    out[n, s, 0, t] = close * records[i, s, 0]
                    out[n, s, 1, t] = close * records[i, s, 1]
                    out[n, s, 2, t] = close * records[i, s, 2]
                    close = close * records[i, s, 3]
                else:
                    out[n, s, 0, t] = close + records[i, s, 0]
                    out[n, s, 1, t] = close + records[i, s, 1]
                    out[n, s, 2, t] = close + records[i, s, 2]
                    close = close + records[i, s, 3]
                out[n, s, 3, t] = close
                for f in range(4, out.shape[2]):
                    out[n, s, f, t] = records[i, s, f]


@inlined
def _draw_single(seed: np.uint64, path: np.uint64, number: int, drawn: NDArray[np.uint64]) -> None:
    many = np.uint64(number)
    for group in range(drawn.size // GROUP):
        block = drawn[group * GROUP :]
        for i in range(SEGMENT):
            w0, w1, w2, w3 = words(seed, _BLOCK, path, np.uint64(group * SEGMENT + i))
            block[i] = ((w0 & _LOW) * many) >> _32
            block[i + 64] = ((w1 & _LOW) * many) >> _32
            block[i + 128] = ((w2 & _LOW) * many) >> _32
            block[i + 192] = ((w3 & _LOW) * many) >> _32


@inlined
def _draw_blocks(
    seed: np.uint64,
    path: np.uint64,
    number: int,
    method: int,
    length: int,
    inverse_log: float,
    slot: NDArray[np.int64],
    first: NDArray[np.int64],
    order: NDArray[np.int64],
    drawn: NDArray[np.uint64],
) -> None:
    steps = drawn.size
    slots = first.size - 1
    block = np.uint64(0)
    t = 0
    while t < steps:
        w0, w1, w2, _ = words(seed, _BLOCK, path, block)
        block += _ONE
        place = (w0 & _LOW) | (w1 << _32)
        size = length
        if method == _STATIONARY:
            size = 1 + int(min(log(uniform(w2)) * inverse_log, 1e15))
        if slots > 0:
            here = t % slots
            candidates = first[here + 1] - first[here]
            i = np.int64(order[first[here] + np.int64(high_product(place, np.uint64(candidates)))])
        elif method == _MOVING:
            i = np.int64(high_product(place, np.uint64(number - length + 1)))
        else:
            i = np.int64(high_product(place, np.uint64(number)))
        for _ in range(min(size, steps - t)):
            drawn[t] = i
            t += 1
            i += np.int64(1)
            if slots > 0:
                if i == number or slot[i] != t % slots:
                    break
            elif i == number:
                i = np.int64(0)

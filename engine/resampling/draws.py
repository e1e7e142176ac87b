"""Kernels that draw courses: other orders, samples and fills of one record of trades or returns.

Number ``i`` of course ``d`` comes from index ``i`` of path ``d`` in the stream ``RESAMPLE``, and
which entries of the record it may draw from, where the record is drawn anew, from the stream
after it. So a course is a function of (seed, number) alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp, log
from engine.randomness import Stream, normal_pair, uniform, words

__all__ = ["draw_blocks", "draw_delayed", "draw_fitted", "draw_shuffled", "draw_skipped"]

Floats = NDArray[np.float64]

_ORDER = np.uint64(Stream.RESAMPLE)
_RECORD = np.uint64(Stream.RESAMPLE + 1)


@inlined
def _below(word: np.uint64, count: int) -> int:
    """Return a whole number from 0 to ``count - 1``."""
    return min(int(uniform(word) * count), count - 1)


@inlined
def _draw_places(
    seed: np.uint64,
    stream: np.uint64,
    course: np.uint64,
    restart: float,
    count: int,
    out: NDArray[np.int64],
) -> None:
    """Write places in a record of `count`: runs that begin anew with probability `restart`."""
    place = 0
    for i in range(out.size):
        w0, w1, _, _ = words(seed, stream, course, np.uint64(i))
        if i == 0 or uniform(w0) < restart:
            place = _below(w1, count)
        else:
            place = place + 1 if place + 1 < count else 0
        out[i] = place


@kernel
def draw_blocks(
    seed: np.uint64, first: int, seen: Floats, restart: float, anew: bool, out: Floats
) -> None:
    """Write courses of the stationary bootstrap, from the record or from one drawn anew of it."""
    count = seen.size
    places = np.empty(out.shape[1], dtype=np.int64)
    drawn = np.arange(count)
    for d in range(out.shape[0]):
        course = np.uint64(first + d)
        if anew:
            _draw_places(seed, _RECORD, course, restart, count, drawn)
        _draw_places(seed, _ORDER, course, restart, count, places)
        for i in range(places.size):
            out[d, i] = seen[drawn[places[i]]]


@kernel
def draw_shuffled(seed: np.uint64, first: int, seen: Floats, out: Floats) -> None:
    """Write the record in orders that are all equally likely (Fisher and Yates, 1938)."""
    for d in range(out.shape[0]):
        for i in range(seen.size):
            out[d, i] = seen[i]
        for i in range(seen.size - 1, 0, -1):
            w0, _, _, _ = words(seed, _ORDER, np.uint64(first + d), np.uint64(i))
            j = _below(w0, i + 1)
            kept = out[d, i]
            out[d, i] = out[d, j]
            out[d, j] = kept


@kernel
def draw_skipped(
    seed: np.uint64, first: int, seen: Floats, probability: float, out: Floats
) -> None:
    """Write the record with each entry missed by chance, which then is 0."""
    for d in range(out.shape[0]):
        for i in range(seen.size):
            w0, _, _, _ = words(seed, _ORDER, np.uint64(first + d), np.uint64(i))
            out[d, i] = 0.0 if uniform(w0) < probability else seen[i]


@kernel
def draw_delayed(seed: np.uint64, first: int, by_delay: Floats, out: Floats) -> None:
    """Write the record with each entry filled late, by a delay drawn from the columns given."""
    for d in range(out.shape[0]):
        for i in range(by_delay.shape[0]):
            w0, _, _, _ = words(seed, _ORDER, np.uint64(first + d), np.uint64(i))
            out[d, i] = by_delay[i, _below(w0, by_delay.shape[1])]


@inlined
def _log_normal(count: int, total: float, squares: float) -> tuple[float, float]:
    """Return mean and spread of the logarithm that give sizes their mean and variance."""
    if count == 0:
        return 0.0, 0.0
    mean = total / count
    variance = max(squares / count - mean * mean, 0.0)
    spread = log(1.0 + variance / (mean * mean))
    return log(mean) - 0.5 * spread, math.sqrt(spread)


@kernel
def draw_fitted(seed: np.uint64, first: int, seen: Floats, anew: bool, out: Floats) -> None:
    """Write courses of independent gains and losses of log-normal size, fitted by moments."""
    count = seen.size
    for d in range(out.shape[0]):
        course = np.uint64(first + d)
        wins, gained, gained_2, losses, lost, lost_2 = 0, 0.0, 0.0, 0, 0.0, 0.0
        for i in range(count):
            value = seen[i]
            if anew:
                w0, _, _, _ = words(seed, _RECORD, course, np.uint64(i))
                value = seen[_below(w0, count)]
            if value > 0.0:
                wins += 1
                gained += value
                gained_2 += value * value
            elif value < 0.0:
                losses += 1
                lost -= value
                lost_2 += value * value
        gain_mean, gain_spread = _log_normal(wins, gained, gained_2)
        loss_mean, loss_spread = _log_normal(losses, lost, lost_2)
        for i in range(out.shape[1]):
            w0, _, w2, w3 = words(seed, _ORDER, course, np.uint64(i))
            place = _below(w0, count)
            normal, _ = normal_pair(w2, w3)
            if place < wins:
                out[d, i] = exp(gain_mean + gain_spread * normal)
            elif place < wins + losses:
                out[d, i] = -exp(loss_mean + loss_spread * normal)
            else:
                out[d, i] = 0.0

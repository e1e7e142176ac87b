"""From log closes to bars: open, high, low, close, volume."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import exp, log_fast
from engine.randomness import GROUP, Stream, fill_uniforms, words
from engine.sources.shocks import antithetic_sign, stream_path

__all__ = ["shape_bars"]

_EXTREME = np.uint64(Stream.EXTREME)
_VOLUME = np.uint64(Stream.VOLUME)
_TWO = np.uint64(2)
_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@kernel
def shape_bars(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    start: NDArray[np.float64],
    volumes: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Turn a model kernel's rows into bars, in place.

    On entry the close row holds the log of the close over the start price and, for `ohlc`, the
    open row the variance of the log return inside the bar.
    """
    steps = out.shape[3]
    high_u = np.empty(GROUP)
    low_u = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        for s in range(out.shape[1]):
            stream = _EXTREME + _TWO * np.uint64(s)
            level = 0.0
            price = start[s]
            for group in range((steps + GROUP - 1) // GROUP):
                first = group * GROUP
                count = min(GROUP, steps - first)
                opens = out[n, s, 0, first : first + count]
                highs = out[n, s, 1, first : first + count]
                lows = out[n, s, 2, first : first + count]
                closes = out[n, s, 3, first : first + count]
                if ohlc:
                    fill_uniforms(high_u, seeds[n], stream, path, np.uint64(group))
                    fill_uniforms(low_u, seeds[n], stream + np.uint64(1), path, np.uint64(group))
                    last = closes[count - 1]
                    _extremes(level, opens, closes, high_u, low_u, sign, highs, lows)
                    level = last
                    for i in range(count):
                        highs[i] = start[s] * exp(highs[i])
                        lows[i] = start[s] * exp(lows[i])
                for i in range(count):
                    closes[i] = start[s] * exp(closes[i])
                opens[0] = price
                for i in range(1, count):
                    opens[i] = closes[i - 1]
                price = closes[count - 1]
                for i in range(count):
                    top = max(opens[i], closes[i])
                    bottom = min(opens[i], closes[i])
                    highs[i] = max(highs[i], top) if ohlc else top
                    lows[i] = min(lows[i], bottom) if ohlc else bottom
            _draw_volumes(out[n, s, 4], volumes, seeds[n], path_ids[n], s)


@inlined
def _extremes(
    level: float,
    variances: NDArray[np.float64],
    levels: NDArray[np.float64],
    high_u: NDArray[np.float64],
    low_u: NDArray[np.float64],
    sign: float,
    highs: NDArray[np.float64],
    lows: NDArray[np.float64],
) -> None:
    for i in range(levels.size):
        before = level if i == 0 else levels[i - 1]
        move = sign * (levels[i] - before)
        up = 0.5 * (move + math.sqrt(move * move - 2.0 * variances[i] * log_fast(high_u[i])))
        down = 0.5 * (move - math.sqrt(move * move - 2.0 * variances[i] * log_fast(low_u[i])))
        highs[i] = before + (up if sign > 0 else -down)
        lows[i] = before + (down if sign > 0 else -up)


@inlined
def _draw_volumes(
    out: NDArray[np.float64],
    volumes: NDArray[np.float64],
    seed: np.uint64,
    path: np.uint64,
    symbol: int,
) -> None:
    if volumes.size == 1:
        for t in range(out.size):
            out[t] = volumes[0]
    else:
        number = np.uint64(volumes.size)
        stream = _VOLUME + np.uint64(symbol)
        for t in range(out.size):
            word, _, _, _ = words(seed, stream, path, np.uint64(t))
            out[t] = volumes[((word & _LOW) * number) >> _32]

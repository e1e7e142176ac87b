"""From log closes to bars: open, high, low, close, volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, inlined, kernel
from engine.compiled.elementary import exp
from engine.randomness import GROUP, Stream, fill_uniforms, words
from engine.sources.bridge import group_extremes
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
    season: NDArray[np.float64],
    volumes: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Turn a model kernel's rows into bars, in place.

    On entry the close row holds the log of the close over the start price and, for `ohlc`, the
    open row the variance of the log return inside the bar, or a negative number where the model
    has written log high and low itself. `season` is added to the log close (no values: none).
    """
    volumes, season, out = borrow(volumes), borrow(season), borrow(out)
    steps = out.shape[3]
    room = np.empty((8, GROUP))
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
                if season.size > 0:
                    for i in range(count):
                        closes[i] += season[first + i]
                if ohlc:
                    fill_uniforms(room[0], seeds[n], stream, path, np.uint64(group))
                    fill_uniforms(room[1], seeds[n], stream + np.uint64(1), path, np.uint64(group))
                    last = closes[count - 1]
                    _extremes(level, opens, closes, sign, room, highs, lows)
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
    sign: float,
    room: NDArray[np.float64],
    highs: NDArray[np.float64],
    lows: NDArray[np.float64],
) -> None:
    """Write log high and low; `room` is that of `group_extremes`, with its uniforms.

    A negative variance marks a bar whose extremes the model has written itself. The extremes of
    the second path of an antithetic pair are those of the mirrored bar, mirrored.
    """
    count = levels.size
    for i in range(256):
        room[2, i] = 0.0
        room[3, i] = 0.0
    room[2, 0] = sign * (levels[0] - level)
    for i in range(1, count):
        room[2, i] = sign * (levels[i] - levels[i - 1])
    for i in range(count):
        room[3, i] = variances[i]
    group_extremes(room)
    before = level
    for i in range(count):
        if variances[i] >= 0.0:
            highs[i] = before + (room[0, i] if sign > 0.0 else -room[1, i])
            lows[i] = before + (room[1, i] if sign > 0.0 else -room[0, i])
        before = levels[i]


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

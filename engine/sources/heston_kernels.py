"""Kernels of the Heston schemes: 32 paths step side by side.

The recursion is not linear, so a path cannot be cut into segments; lanes across paths fill the
vector registers instead. A path's numbers do not depend on its neighbours.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, fma, inlined, kernel
from engine.compiled.elementary import log
from engine.randomness import GROUP, Stream, uniform, words
from engine.sources.shocks import antithetic_sign, group_shocks, stream_path

__all__ = ["LANES", "fill_full_truncation", "fill_quadratic_exponential"]

LANES = 32
_VARIANCE = np.uint64(Stream.VARIANCE)
# Andersen's switch between the two branches; any value in [1, 2] works.
_PSI = 1.5


@kernel
def fill_full_truncation(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price, the bar's variance and the variance at its close."""
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    start, drift, h, pull, theta = constants[:5]
    noise, common, own = constants[5:8]
    steps = out.shape[3]
    shocks = np.empty((2, GROUP, LANES))
    scratch = np.empty(GROUP)
    levels = np.empty(LANES)
    variances = np.empty(LANES)
    rows = np.empty((3, GROUP, LANES))
    for first_path in range(0, seeds.size, LANES):
        width = min(LANES, seeds.size - first_path)
        for lane in range(LANES):
            levels[lane] = 0.0
            variances[lane] = start
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            count = min(GROUP, steps - first)
            _lane_shocks(
                shocks, scratch, given, seeds, path_ids, antithetic, first_path, width, group
            )
            for i in range(count):
                if width == LANES:
                    for lane in range(LANES):
                        _euler(
                            shocks,
                            levels,
                            variances,
                            rows,
                            i,
                            lane,
                            drift,
                            h,
                            pull,
                            theta,
                            noise,
                            common,
                            own,
                        )
                else:
                    for lane in range(width):
                        _euler(
                            shocks,
                            levels,
                            variances,
                            rows,
                            i,
                            lane,
                            drift,
                            h,
                            pull,
                            theta,
                            noise,
                            common,
                            own,
                        )
            _store(rows, out, first_path, width, first, count, ohlc)


@inlined
def _euler(
    shocks: NDArray[np.float64],
    levels: NDArray[np.float64],
    variances: NDArray[np.float64],
    rows: NDArray[np.float64],
    i: int,
    lane: int,
    drift: float,
    h: float,
    pull: float,
    theta: float,
    noise: float,
    common: float,
    own: float,
) -> None:
    v = variances[lane]
    positive = max(v, 0.0)
    root = math.sqrt(positive)
    z_variance, z_own = shocks[0, i, lane], shocks[1, i, lane]
    level = levels[lane] + fma(-0.5 * h, positive, drift)
    level = fma(root, fma(common, z_variance, own * z_own), level)
    following = fma(noise * root, z_variance, fma(pull, theta - positive, v))
    levels[lane] = level
    variances[lane] = following
    rows[0, i, lane] = level
    rows[1, i, lane] = max(following, 0.0)
    rows[2, i, lane] = h * positive


@kernel
def fill_quadratic_exponential(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price, the bar's variance and the variance at its close.

    All lanes take the quadratic branch; those that need the exponential one are redone with a
    uniform drawn on the spot (word 0 of the step's index in the variance stream).
    """
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    # Scalars, not an array: LLVM cannot know that no store below changes a constant.
    c = (
        constants[0],
        constants[1],
        constants[2],
        constants[3],
        constants[4],
        constants[5],
        constants[6],
        constants[7],
        constants[8],
        constants[9],
        constants[10],
        constants[11],
        constants[12],
        constants[13],
        constants[14],
    )
    steps = out.shape[3]
    shocks = np.empty((2, GROUP, LANES))
    scratch = np.empty(GROUP)
    levels = np.empty(LANES)
    variances = np.empty(LANES)
    rows = np.empty((3, GROUP, LANES))
    following = np.empty(LANES)
    correction = np.empty(LANES)
    ratio = np.empty(LANES)
    means = np.empty(LANES)
    for first_path in range(0, seeds.size, LANES):
        width = min(LANES, seeds.size - first_path)
        for lane in range(LANES):
            levels[lane] = 0.0
            variances[lane] = c[0]
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            count = min(GROUP, steps - first)
            _lane_shocks(
                shocks, scratch, given, seeds, path_ids, antithetic, first_path, width, group
            )
            for i in range(count):
                if width == LANES:
                    for lane in range(LANES):
                        _quadratic(
                            shocks,
                            variances,
                            following,
                            correction,
                            ratio,
                            means,
                            c,
                            i,
                            lane,
                        )
                else:
                    for lane in range(width):
                        _quadratic(
                            shocks,
                            variances,
                            following,
                            correction,
                            ratio,
                            means,
                            c,
                            i,
                            lane,
                        )
                for lane in range(width):
                    if ratio[lane] > _PSI:
                        n = first_path + lane
                        path = stream_path(path_ids[n], antithetic)
                        word, _, _, _ = words(seeds[n], _VARIANCE, path, np.uint64(first + i))
                        u = uniform(word)
                        if antithetic_sign(path_ids[n], antithetic) < 0.0:
                            u = 1.0 - u
                        _exponential(variances, following, correction, ratio, means, c, u, lane)
                if width == LANES:
                    for lane in range(LANES):
                        _price(
                            shocks,
                            levels,
                            variances,
                            following,
                            correction,
                            rows,
                            c,
                            i,
                            lane,
                        )
                else:
                    for lane in range(width):
                        _price(
                            shocks,
                            levels,
                            variances,
                            following,
                            correction,
                            rows,
                            c,
                            i,
                            lane,
                        )
            _store(rows, out, first_path, width, first, count, ohlc)


@inlined
def _quadratic(
    shocks: NDArray[np.float64],
    variances: NDArray[np.float64],
    following: NDArray[np.float64],
    correction: NDArray[np.float64],
    ratio: NDArray[np.float64],
    means: NDArray[np.float64],
    c: tuple[float, ...],
    i: int,
    lane: int,
) -> None:
    """Write next variance and correction of the branch for small psi = s^2 / m^2."""
    v = variances[lane]
    m = fma(v, c[3], c[4])
    s2 = fma(v, c[5], c[6])
    psi = max(s2 / max(m * m, 1e-300), 1e-28)
    inverse = 2.0 / min(psi, _PSI)
    b2 = inverse - 1.0 + math.sqrt(inverse * (inverse - 1.0))
    a = m / (1.0 + b2)
    root = math.sqrt(b2) + shocks[0, i, lane]
    bend = fma(-2.0 * a, c[10], 1.0)
    # Beyond its pole the expectation is infinite and the scheme goes without the correction.
    safe = max(bend, 1e-10)
    log_mean = c[10] * b2 * a / safe - 0.5 * log(safe)
    following[lane] = a * root * root
    correction[lane] = -log_mean - fma(0.5, c[9], c[7]) * v if bend > 1e-10 else c[11]
    ratio[lane] = psi
    means[lane] = m


@inlined
def _exponential(
    variances: NDArray[np.float64],
    following: NDArray[np.float64],
    correction: NDArray[np.float64],
    ratio: NDArray[np.float64],
    means: NDArray[np.float64],
    c: tuple[float, ...],
    u: float,
    lane: int,
) -> None:
    """Write next variance and correction of the branch for large psi."""
    psi = ratio[lane]
    p = (psi - 1.0) / (psi + 1.0)
    rest = 2.0 / (psi + 1.0)
    beta = rest / means[lane]
    following[lane] = 0.0 if u <= p else log(rest / (1.0 - u)) / beta
    a = c[10]
    if a < beta:
        own = fma(0.5, c[9], c[7]) * variances[lane]
        correction[lane] = -log(p + beta * rest / (beta - a)) - own
    else:
        correction[lane] = c[11]


@inlined
def _price(
    shocks: NDArray[np.float64],
    levels: NDArray[np.float64],
    variances: NDArray[np.float64],
    following: NDArray[np.float64],
    correction: NDArray[np.float64],
    rows: NDArray[np.float64],
    c: tuple[float, ...],
    i: int,
    lane: int,
) -> None:
    v, following_v = variances[lane], following[lane]
    drift, h = c[1], c[2]
    gaussian = c[9] * (v + following_v)
    move = fma(c[7], v, fma(c[8], following_v, correction[lane]))
    if c[12] > 0.0:  # deterministic variance
        gaussian = h * fma(v, c[13], c[14])
        move = -0.5 * gaussian
    level = levels[lane] + fma(math.sqrt(max(gaussian, 0.0)), shocks[1, i, lane], drift + move)
    levels[lane] = level
    variances[lane] = following_v
    rows[0, i, lane] = level
    rows[1, i, lane] = following_v
    rows[2, i, lane] = 0.5 * h * (v + following_v)


@inlined
def _lane_shocks(
    shocks: NDArray[np.float64],
    scratch: NDArray[np.float64],
    given: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    first_path: int,
    width: int,
    group: int,
) -> None:
    """Write the group's shocks with lanes last: factor 0 the variance's, factor 1 the price's."""
    for lane in range(width):
        n = first_path + lane
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        for factor in range(2):
            group_shocks(scratch, given, n, factor, seeds[n], path, group, sign)
            for i in range(GROUP):
                shocks[factor, i, lane] = scratch[i]


@inlined
def _store(
    rows: NDArray[np.float64],
    out: NDArray[np.float64],
    first_path: int,
    width: int,
    first: int,
    count: int,
    ohlc: bool,
) -> None:
    for lane in range(width):
        n = first_path + lane
        for i in range(count):
            out[n, 0, 3, first + i] = rows[0, i, lane]
            out[n, 0, 5, first + i] = rows[1, i, lane]
        if ohlc:
            for i in range(count):
                out[n, 0, 0, first + i] = rows[2, i, lane]

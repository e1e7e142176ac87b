"""How the paths of one seed are drawn together: moment matching and quasi-random points."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import normal_ppf
from engine.errors import Refusal
from engine.randomness import GROUP
from engine.sources.shocks import antithetic_sign, group_shocks, stream_path

__all__ = ["NOT_GIVEN", "SAMPLING", "Sampling", "ShockNets", "check_sampling", "draw_shocks"]

Sampling = Literal["random", "antithetic", "moment_matching", "sobol"]
SAMPLING = ("random", "antithetic", "moment_matching", "sobol")
NOT_GIVEN: NDArray[np.float64] = np.empty((0, 0, 0))
# Joe and Kuo's direction numbers, which SciPy carries.
_MOST_DIMENSIONS = 21201
_LAST_BIT = 2.0**-31


def check_sampling(sampling: str, paths_per_seed: int, dimensions: int) -> None:
    """Check that a scheme can balance over the paths of a seed.

    Raises
    ------
    ValueError
        If the number of paths per seed or of dimensions (factors times steps) does not suit it.
    """
    if sampling == "antithetic" and paths_per_seed % 2:
        raise Refusal(
            "paths_per_seed", str(paths_per_seed), "an even number for antithetic sampling"
        )
    if sampling == "moment_matching" and paths_per_seed < 2:
        raise Refusal("paths_per_seed", str(paths_per_seed), ">= 2 for moment matching")
    if sampling == "sobol":
        if paths_per_seed & (paths_per_seed - 1):
            raise Refusal(
                "paths_per_seed",
                str(paths_per_seed),
                "a power of two for sobol sampling (each seed is an independent scramble of "
                "the net)",
            )
        if dimensions > _MOST_DIMENSIONS:
            raise Refusal(
                "steps",
                f"{dimensions} dimensions (steps times factors)",
                f"<= {_MOST_DIMENSIONS} for sobol sampling",
            )


class ShockNets:
    """The shocks of all paths of a seed, made when the seed is first asked for.

    A worker's scratch: it keeps the net of the last seed, since a chunk's paths are neighbours.

    Parameters
    ----------
    sampling : {"moment_matching", "sobol"}
        The scheme.
    points : int
        Paths per seed.
    factors, steps : int
        Shocks of a path.
    """

    def __init__(self, sampling: str, points: int, factors: int, steps: int) -> None:
        self._sampling = sampling
        self._points = points
        self._factors = factors
        self._steps = steps
        self._length = -(-steps // GROUP) * GROUP
        self._seed: int | None = None
        self._net: NDArray[np.float64] = NOT_GIVEN

    def shocks(
        self, seeds: NDArray[np.uint64], path_ids: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Shocks of the given paths, shape (n, factors, steps rounded up to groups)."""
        out = np.empty((seeds.size, self._factors, self._length))
        for n in range(seeds.size):
            if self._seed != int(seeds[n]):
                self._seed = int(seeds[n])
                self._net = self._make(seeds[n])
            out[n] = self._net[int(path_ids[n])]
        return out

    def _make(self, seed: np.uint64) -> NDArray[np.float64]:
        net = np.zeros((self._points, self._factors, self._length))
        if self._sampling == "moment_matching":
            seeds = np.full(self._points, seed)
            draw_shocks(seeds, np.arange(self._points, dtype=np.uint64), False, net)
            _match_moments(net)
        else:
            _bridge_normals(self._sobol(int(seed)), net, self._steps)
        return net

    def _sobol(self, seed: int) -> NDArray[np.float64]:
        from scipy.stats import qmc

        dimensions = self._factors * self._steps
        engine: Any = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
        # Points lie on multiples of 2^-30; half a step up, so that none is zero.
        return np.asarray(engine.random(self._points)) + _LAST_BIT


@kernel
def draw_shocks(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    out: NDArray[np.float64],
) -> None:
    """Write the shocks that model kernels draw themselves, shape (n, factors, 256 * groups)."""
    nothing = np.empty((0, 0, 0))
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        for factor in range(out.shape[1]):
            for group in range(out.shape[2] // GROUP):
                part = out[n, factor, group * GROUP : (group + 1) * GROUP]
                group_shocks(part, nothing, n, factor, seeds[n], path, group, sign)


@kernel
def _match_moments(net: NDArray[np.float64]) -> None:
    """Give each factor and step mean 0 and variance 1 over the paths."""
    number = float(net.shape[0])
    for factor in range(net.shape[1]):
        for t in range(net.shape[2]):
            mean = 0.0
            for n in range(net.shape[0]):
                mean += net[n, factor, t]
            mean /= number
            square = 0.0
            for n in range(net.shape[0]):
                square += (net[n, factor, t] - mean) ** 2
            scale = math.sqrt(number / square) if square > 0.0 else 0.0
            for n in range(net.shape[0]):
                net[n, factor, t] = (net[n, factor, t] - mean) * scale


@kernel
def _bridge_normals(points: NDArray[np.float64], net: NDArray[np.float64], steps: int) -> None:
    """Turn points of the unit cube into shocks by the Brownian bridge construction.

    The first dimensions decide where the path ends, the next its middle, and so on (Moskowitz
    and Caflisch, 1996): the best coordinates of the net go to what matters most.
    """
    factors = net.shape[1]
    # Each entry: the time drawn, its neighbours drawn before (left -1: the start).
    left = np.empty(steps, np.int64)
    right = np.empty(steps, np.int64)
    middle = np.empty(steps, np.int64)
    drawn = np.zeros(steps, np.bool_)
    middle[0] = steps - 1
    drawn[steps - 1] = True
    j = 0
    for k in range(1, steps):
        while drawn[j]:
            j = (j + 1) % steps
        end = j
        while not drawn[end]:
            end += 1
        place = j + ((end - 1 - j) >> 1)
        middle[k], left[k], right[k] = place, j - 1, end
        drawn[place] = True
        j = end + 1
        if j >= steps:
            j = 0
    walk = np.empty(steps)
    for n in range(net.shape[0]):
        for factor in range(factors):
            walk[steps - 1] = math.sqrt(float(steps)) * normal_ppf(points[n, factor])
            for k in range(1, steps):
                z = normal_ppf(points[n, k * factors + factor])
                a, b, m = left[k], right[k], middle[k]
                weight = float(b - m) / float(b - a)
                spread = math.sqrt(float(m - a) * float(b - m) / float(b - a))
                start = walk[a] if a >= 0 else 0.0
                walk[m] = weight * start + (1.0 - weight) * walk[b] + spread * z
            net[n, factor, 0] = walk[0]
            for t in range(1, steps):
                net[n, factor, t] = walk[t] - walk[t - 1]

"""Likelihood of a Poisson mixture of normals: the returns of a jump diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp, log

__all__ = ["PoissonMixture"]

Array = NDArray[np.float64]

# Jump numbers less likely than this are left out, except (up to _MORE of them) those that could
# add more than the share exp(-_BELOW) to the density of a return.
_LEAST = 1e-13
_BELOW = 18.0
# The same limits for likelihoods that are only ranked.
_LEAST_TO_RANK = 1e-6
_BELOW_TO_RANK = 4.0
_MORE = 30
_BLOCK = 128
# Largest negative exponent at which a density does not underflow.
_FAR = 600.0


@dataclass(frozen=True, eq=False)
class PoissonMixture:
    r"""Returns of a diffusion with normal jumps.

    Over a step h a return has the density :math:`\sum_k e^{-\lambda h} (\lambda h)^k / k! \;
    N(a h + k m, \sigma^2 h + k s^2)`.

    Parameters
    ----------
    returns, weights : ndarray, shape (n,)
        Log returns, and weights of their log densities, ordered by step.
    elapsed_years : ndarray, shape (u,)
        The distinct times between returns, increasing.
    ends : ndarray of int64, shape (u,)
        Where the returns of each step end.
    """

    returns: Array
    weights: Array
    elapsed_years: Array
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, returns: Array, weights: Array, dt: Array) -> PoissonMixture:
        """Mixture of returns over steps of `dt` years, in any order."""
        elapsed, index, counts = np.unique(dt, return_inverse=True, return_counts=True)
        order = np.lexsort((returns, index))
        return cls(returns[order], weights[order], elapsed, np.cumsum(counts))

    def score(self, natural: Array) -> tuple[float, Array]:
        """Log likelihood of (a, sigma, lambda, m, s), and its derivative by each."""
        gradient = np.zeros(5)
        data = (self.returns, self.weights, self.elapsed_years, self.ends)
        value = _score(*data, natural, gradient, _LEAST, _BELOW, True)
        return value, gradient

    def rank(self, points: Array) -> Array:
        """Log likelihood at many points, shape (points, 5), to a few digits."""
        return _values(self.returns, self.weights, self.elapsed_years, self.ends, points)

    def binned(self, bins: int, tail: int) -> PoissonMixture:
        """Merge neighbouring returns of equal step: nearly the same likelihood at less cost.

        Parameters
        ----------
        bins : int
            Approximate number of bins, each with the same number of returns.
        tail : int
            Number of lowest and of highest returns of each step that are not merged.
        """
        n = len(self.returns)
        if n <= 2 * bins:
            return self
        counts = np.diff(self.ends, prepend=0)
        step = np.repeat(np.arange(len(counts)), counts)
        rank = np.arange(n) - (self.ends - counts)[step]
        inner = (rank >= tail) & (rank < counts[step] - tail)
        first = ~inner | ((rank - tail) % -(-n // bins) == 0)
        begins = np.flatnonzero(first)
        weights = np.add.reduceat(self.weights, begins)
        sums = np.add.reduceat(self.weights * self.returns, begins)
        ends = np.cumsum(np.bincount(step[begins], minlength=len(counts)))
        return PoissonMixture(sums / weights, weights, self.elapsed_years, ends)


@kernel
def _values(
    returns: Array, weights: Array, elapsed_years: Array, ends: NDArray[np.int64], points: Array
) -> Array:
    values = np.empty(len(points))
    unused = np.empty(5)
    for i in range(len(points)):
        values[i] = _score(
            returns,
            weights,
            elapsed_years,
            ends,
            points[i],
            unused,
            _LEAST_TO_RANK,
            _BELOW_TO_RANK,
            False,
        )
    return values


@kernel
def _jump_numbers(expected: float, least_likely: float) -> tuple[int, int]:
    """Smallest and largest number of jumps whose probability is not negligible."""
    level = log(expected)
    least = log(least_likely)
    weight = -expected
    fewest, k = 0, 0
    while weight < least or k < expected:
        if weight < least:
            fewest = k + 1
        k += 1
        weight += level - log(1.0 * k)
    while weight > least:
        k += 1
        weight += level - log(1.0 * k)
    return fewest, k


@kernel
def _levels(
    expected: float, diffusion: float, jump: float, fewest: int, most: int
) -> tuple[Array, Array]:
    """Log of each term's peak, and one over its variance."""
    level, inverse = np.empty(most - fewest + 1), np.empty(most - fewest + 1)
    rate = log(expected)
    factorial = 0.0
    for k in range(2, fewest):
        factorial += log(1.0 * k)
    for k in range(fewest, most + 1):
        if k > 1:
            factorial += log(1.0 * k)
        variance = diffusion + k * jump
        inverse[k - fewest] = 1.0 / variance
        level[k - fewest] = (
            k * rate - expected - factorial - 0.5 * log(2.0 * 3.141592653589793 * variance)
        )
    return level, inverse


@kernel
def _score(
    returns: Array,
    weights: Array,
    elapsed_years: Array,
    ends: NDArray[np.int64],
    natural: Array,
    gradient: Array,
    least_likely: float,
    below: float,
    slopes: bool,
) -> float:
    """Weighted log likelihood; with `slopes` its derivative is written to `gradient`."""
    drift, sigma, intensity, mean, deviation = natural
    work = np.empty((8, _BLOCK))
    density, top = work[1], work[2]
    gradient[:] = 0.0
    value = 0.0
    begin = 0
    for u in range(len(elapsed_years)):
        h = elapsed_years[u]
        expected = intensity * h
        diffusion, jump = sigma * sigma * h, deviation * deviation
        fewest, most = _jump_numbers(expected, least_likely)
        # One term more than is summed: it bounds the terms that are left out.
        level, inverse = _levels(expected, diffusion, jump, fewest, most + 1)
        while begin < ends[u]:
            size = min(_BLOCK, ends[u] - begin)
            for i in range(size):
                work[0, i] = returns[begin + i] - drift * h
            low, high = work[0, 0] - fewest * mean, work[0, size - 1] - fewest * mean
            far = 0.5 * max(low * low, high * high) * inverse[0] > _FAR
            _sum_terms(work, size, level[:-1], inverse[:-1], fewest, mean, far, slopes)
            least = 1e300
            for i in range(size):
                least = min(least, log(density[i]) + top[i])
            if level[-1] > least - below:
                # Some returns are so extreme that improbably many jumps explain them best.
                longer, narrower = _levels(expected, diffusion, jump, fewest, most + _MORE)
                count = most - fewest + 1
                while count < len(longer) and longer[count] > least - below:
                    count += 1
                _sum_terms(work, size, longer[:count], narrower[:count], fewest, mean, True, slopes)
            for i in range(size):
                w = weights[begin + i]
                scaled = w / density[i]
                value += w * (log(density[i]) + top[i])
                if not slopes:
                    continue
                gradient[0] += scaled * work[3, i] * h
                gradient[1] += scaled * work[4, i] * h * 2.0 * sigma
                gradient[2] += scaled * work[5, i] / intensity - w * h
                gradient[3] += scaled * work[6, i]
                gradient[4] += scaled * work[7, i] * 2.0 * deviation
            begin += size
    return value


@kernel
def _sum_terms(
    work: Array,
    size: int,
    level: Array,
    inverse: Array,
    fewest: int,
    mean: float,
    far: bool,
    slopes: bool,
) -> None:
    """Sum a block's density, as a multiple of exp(top), and with `slopes` its derivatives.

    Rows of `work`: error, density, top, derivatives by drift, variance rate, intensity, jump
    mean and jump variance. Loops run term by term, element by element, so that they vectorise.
    """
    error, density, top = work[0], work[1], work[2]
    g0, g1, g2, g3, g4 = work[3], work[4], work[5], work[6], work[7]
    for i in range(size):
        top[i] = density[i] = 0.0
        g0[i] = g1[i] = g2[i] = g3[i] = g4[i] = 0.0
    if far:
        # The largest term sets the scale, so that no density underflows.
        top[:size] = -1e300
        for j in range(len(level)):
            shift = (fewest + j) * mean
            peak, half = level[j], 0.5 * inverse[j]
            for i in range(size):
                e = error[i] - shift
                top[i] = max(top[i], peak - half * e * e)
    for j in range(len(level)):
        k = 1.0 * (fewest + j)
        shift = k * mean
        peak, narrow = level[j], inverse[j]
        if not slopes:
            for i in range(size):
                e = error[i] - shift
                density[i] += exp(peak - 0.5 * e * (e * narrow) - top[i])
            continue
        for i in range(size):
            e = error[i] - shift
            slope = e * narrow
            p = exp(peak - 0.5 * e * slope - top[i])
            bend = 0.5 * (slope * slope - narrow)
            density[i] += p
            g0[i] += p * slope
            g1[i] += p * bend
            g2[i] += p * k
            g3[i] += p * (k * slope)
            g4[i] += p * (k * bend)

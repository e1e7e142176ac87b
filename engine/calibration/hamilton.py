"""Hamilton's filter for Markov switching normals, with its gradient and smoothed probabilities."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import exp, log

__all__ = ["hamilton_filtered", "hamilton_log_likelihood", "hamilton_score", "stationary"]

Array = NDArray[np.float64]

_LOG_2PI = math.log(2.0 * math.pi)


def hamilton_log_likelihood(
    observations: Array, means: Array, deviations: Array, transition: Array
) -> float:
    """Log likelihood of a Markov switching normal model at given parameters."""
    y = np.ascontiguousarray(observations, dtype=np.float64)
    ones = np.ones(len(y))
    chain = np.ascontiguousarray(transition, dtype=np.float64)
    m, d = np.asarray(means, dtype=np.float64), np.asarray(deviations, dtype=np.float64)
    return hamilton_score(y, ones, ones, m, d, chain)[0]


def stationary(transition: Array) -> Array:
    """Stationary distribution of a transition matrix."""
    chain = np.ascontiguousarray(transition, dtype=np.float64)
    return _solve(np.ascontiguousarray((np.eye(len(chain)) - chain + 1.0).T), np.ones(len(chain)))


def hamilton_score(
    y: Array, length: Array, weight: Array, means: Array, deviations: Array, chain: Array
) -> tuple[float, tuple[Array, Array, Array], Array, Array]:
    """Score a Markov switching normal model.

    Parameters
    ----------
    y, length, weight : ndarray, shape (n,)
        Observations, their lengths in unit steps, weights of their log densities.
    means, deviations : ndarray, shape (states,)
        Of an observation of unit length in each regime.
    chain : ndarray, shape (states, states)
        Transition probabilities, rows sum to one.

    Returns
    -------
    value : float
        Weighted log likelihood, the filter started from the stationary distribution.
    gradient : tuple of ndarray
        By means, deviations and chain (as if its entries were free).
    filtered, smoothed : ndarray, shape (n, states)
        Regime probabilities given the past and given everything; the latter with unit weights.
    """
    n, states = len(y), len(means)
    start = stationary(chain)
    density = np.empty((states, n))
    predicted, filtered = np.empty((n, states)), np.empty((n, states))
    value = _filter(
        y, length, weight, means, deviations, chain, start, density, predicted, filtered
    )
    share = np.empty((states, n))
    by_chain = np.zeros((states, states))
    by_start = np.zeros(states)
    _reverse(weight, chain, start, density, predicted, filtered, share, by_chain, by_start)
    # The filter starts from the stationary distribution, which depends on the chain.
    system = np.eye(states) - chain + 1.0
    by_chain += np.outer(start, _solve(system, by_start))
    by_mean, by_deviation = np.empty(states), np.empty(states)
    _weigh(y, length, means, deviations, share, by_mean, by_deviation)
    return value, (by_mean, by_deviation, by_chain), filtered, share.T


def hamilton_filtered(
    y: Array, length: Array, means: Array, deviations: Array, chain: Array
) -> Array:
    """Probability of each regime given the observations up to each, shape (n, states)."""
    n, states = len(y), len(means)
    density = np.empty((states, n))
    predicted, filtered = np.empty((n, states)), np.empty((n, states))
    weight, start = np.ones(n), stationary(chain)
    _filter(y, length, weight, means, deviations, chain, start, density, predicted, filtered)
    return filtered


@kernel
def _solve(matrix: Array, right: Array) -> Array:
    """Solve a system of a few equations by elimination with pivots."""
    size = len(right)
    a, x = matrix.copy(), right.copy()
    for i in range(size):
        pivot = i
        for j in range(i + 1, size):
            if abs(a[j, i]) > abs(a[pivot, i]):
                pivot = j
        if pivot != i:
            for k in range(size):
                a[i, k], a[pivot, k] = a[pivot, k], a[i, k]
            x[i], x[pivot] = x[pivot], x[i]
        for j in range(i + 1, size):
            share = a[j, i] / a[i, i]
            for k in range(i, size):
                a[j, k] -= share * a[i, k]
            x[j] -= share * x[i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            x[i] -= a[i, k] * x[k]
        x[i] /= a[i, i]
    return x


@kernel
def _filter(
    y: Array,
    length: Array,
    weight: Array,
    means: Array,
    deviations: Array,
    chain: Array,
    start: Array,
    density: Array,
    predicted: Array,
    filtered: Array,
) -> float:
    """Forward pass; densities are relative to the largest of each time."""
    n, states = len(y), len(means)
    top = np.full(n, -1e300)
    for j in range(states):
        mean, variance = means[j], deviations[j] * deviations[j]
        level = -0.5 * (_LOG_2PI + log(variance))
        half = -0.5 / variance
        for t in range(n):
            error = y[t] - mean * length[t]
            value = level + half * error * error / length[t] - 0.5 * log(length[t])
            density[j, t] = value
            top[t] = max(top[t], value)
    for j in range(states):
        for t in range(n):
            density[j, t] = exp(density[j, t] - top[t])
    total = 0.0
    product = 1.0
    for t in range(n):
        norm = 0.0
        for j in range(states):
            if t == 0:
                ahead = start[j]
            else:
                ahead = 0.0
                for i in range(states):
                    ahead += filtered[t - 1, i] * chain[i, j]
            predicted[t, j] = ahead
            filtered[t, j] = ahead * density[j, t]
            norm += filtered[t, j]
        for j in range(states):
            filtered[t, j] /= norm
        if weight[t] == 1.0:
            total += top[t]
            product *= norm
            if product < 1e-150:
                total += log(product)
                product = 1.0
        else:
            total += weight[t] * (top[t] + log(norm))
    return total + log(product)


@kernel
def _reverse(
    weight: Array,
    chain: Array,
    start: Array,
    density: Array,
    predicted: Array,
    filtered: Array,
    share: Array,
    by_chain: Array,
    by_start: Array,
) -> None:
    """Differentiate the forward pass; with unit weights `share` is the smoothed probability."""
    n, states = predicted.shape
    carried = np.zeros(states)
    ahead = np.zeros(states)
    for t in range(n - 1, -1, -1):
        norm = 0.0
        inner = 0.0
        for j in range(states):
            norm += predicted[t, j] * density[j, t]
            inner += carried[j] * filtered[t, j]
        for j in range(states):
            slope = (carried[j] - inner + weight[t]) / norm
            share[j, t] = slope * predicted[t, j] * density[j, t]
            ahead[j] = slope * density[j, t]
        if t == 0:
            for j in range(states):
                by_start[j] = ahead[j]
        else:
            for i in range(states):
                total = 0.0
                for j in range(states):
                    total += chain[i, j] * ahead[j]
                    by_chain[i, j] += filtered[t - 1, i] * ahead[j]
                carried[i] = total


@kernel
def _weigh(
    y: Array,
    length: Array,
    means: Array,
    deviations: Array,
    share: Array,
    by_mean: Array,
    by_deviation: Array,
) -> None:
    """Differentiate the log densities by mean and deviation, weighted by `share`."""
    for j in range(len(means)):
        mean, precision = means[j], 1.0 / (deviations[j] * deviations[j])
        first = 0.0
        second = 0.0
        for t in range(len(y)):
            error = y[t] - mean * length[t]
            first += share[j, t] * error
            second += share[j, t] * (error * error * precision / length[t] - 1.0)
        by_mean[j] = first * precision
        by_deviation[j] = second / deviations[j]

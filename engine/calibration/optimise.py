"""Maximum likelihood from many starts, and standard errors from its curvature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.calibration.quasi_newton import quasi_newton
from engine.errors import Refusal

__all__ = ["Optimum", "covariance_of", "maximise", "search_all"]

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]

# Expected gain of the next Newton step in log likelihood below which the search stops.
_GAIN = 1e-7
# Log-likelihood changes below this are rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Optimum:
    """Best point found.

    Parameters
    ----------
    theta : ndarray, shape (k,)
        The point.
    value : float
        Log likelihood at `theta`.
    gradient : ndarray, shape (k,)
        Gradient of the log likelihood at `theta`.
    hessian : ndarray, shape (k, k)
        Second derivative of minus the log likelihood.
    free : ndarray of bool, shape (k,)
        False where a bound holds the parameter.
    gain : float
        Expected gain of one more Newton step in log likelihood, to second order.
    converged : bool
        Whether `gain` is negligible and the curvature positive definite.
    start_values : tuple of float
        Log likelihood reached from each start.
    evaluations : int
        Number of evaluations of the likelihood and its gradient.
    """

    theta: Array
    value: float
    gradient: Array
    hessian: Array
    free: NDArray[np.bool_]
    gain: float
    converged: bool
    start_values: tuple[float, ...]
    evaluations: int

    def report(self, names: Sequence[str]) -> dict[str, Any]:
        """Convergence report for a calibration's diagnostics; `names` are those of `theta`."""
        reached = [value for value in self.start_values if np.isfinite(value)]
        return {
            "converged": self.converged,
            "evaluations": self.evaluations,
            "expected_gain": self.gain,
            "starts": len(self.start_values),
            "starts_at_optimum": sum(value > self.value - 0.01 for value in reached),
            "at_bound": int((~self.free).sum()),
            "held_by_bound": [n for n, free in zip(names, self.free, strict=True) if not free],
        }


def maximise(
    objective: Objective,
    starts: Sequence[Array],
    lower: Array,
    upper: Array,
    *,
    iterations: int = 60,
    finalists: int = 2,
) -> Optimum:
    """Search from every start and refine the best points to convergence.

    Quasi-Newton steps from each start, then Newton steps, whose Hessian is made of differences of
    exact gradients and which do not depend on the parameters' scales.

    Parameters
    ----------
    objective : callable
        ``theta -> (log likelihood, gradient)``; not finite where undefined.
    starts : sequence of ndarray, shape (k,)
        Fixed starting points: the result is a function of the data and these alone.
    lower, upper : ndarray, shape (k,)
        Bounds.
    iterations : int
        Quasi-Newton iterations from each start.
    finalists : int
        How many of the best points are refined by Newton's method.

    Raises
    ------
    ValueError
        If no start has a finite likelihood.
    """
    count = 0

    def negative(theta: Array) -> tuple[float, Array]:
        nonlocal count
        count += 1
        value, gradient = objective(theta)
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            return 1e300, np.zeros_like(theta)
        return -value, -gradient

    reached: list[tuple[float, Array]] = []
    for start in starts:
        first = np.clip(start, lower, upper)
        reached.append(quasi_newton(negative, first, lower, upper, iterations))
    order = sorted(range(len(reached)), key=lambda i: reached[i][0])
    if reached[order[0]][0] >= 1e299:
        raise Refusal(
            "likelihood",
            "is finite at no start",
            hint="look at the data with `mc quality`, or fit a simpler model",
        )
    best: Optimum | None = None
    tried: list[Array] = []
    for i in order:
        if len(tried) == finalists:
            break
        # Starts that reached the same point are one finalist.
        if any(np.allclose(reached[i][1], seen, rtol=1e-3, atol=1e-3) for seen in tried):
            continue
        if reached[i][0] >= 1e299:
            break
        tried.append(reached[i][1])
        found = _newton(negative, reached[i][1], lower, upper)
        reached[i] = (-found.value, found.theta)
        if best is None or found.value > best.value:
            best = found
    assert best is not None
    return replace(
        best,
        start_values=tuple(-value if value < 1e299 else -np.inf for value, _ in reached),
        evaluations=count,
    )


def search_all(
    objective: Callable[[Array], tuple[float, Array]],
    starts: Sequence[Array],
    lower: Array,
    upper: Array,
    *,
    iterations: int,
    keep: int,
    apart: Array | None = None,
) -> list[Array]:
    """Search from every start; return the `keep` best distinct points reached, best first.

    Parameters
    ----------
    objective, starts, lower, upper, iterations
        See `maximise`.
    keep : int
        Largest number of points returned.
    apart : ndarray, shape (k,), optional
        Points closer than this in every variable count as one; by default points whose log
        likelihoods differ by less than 0.01, which suits searches that have converged.
    """

    def negative(theta: Array) -> tuple[float, Array]:
        value, gradient = objective(theta)
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            return 1e300, np.zeros_like(theta)
        return -value, -gradient

    reached = [
        quasi_newton(negative, np.clip(start, lower, upper), lower, upper, iterations)
        for start in starts
    ]
    different: list[tuple[float, Array]] = []
    for value, theta in sorted(reached, key=lambda pair: pair[0]):
        if apart is None:
            met = any(abs(value - seen) <= 0.01 for seen, _ in different)
        else:
            met = any(bool(np.all(np.abs(theta - seen) < apart)) for _, seen in different)
        if len(different) < keep and not met:
            different.append((value, theta))
    return [theta for _, theta in different]


def covariance_of(optimum: Optimum, jacobian: Array | None = None) -> Array:
    """Covariance of the estimates: the inverse curvature, transformed to the reported parameters.

    Parameters
    ----------
    optimum : Optimum
        Of the likelihood in the optimiser's variables.
    jacobian : ndarray, shape (p, k), optional
        Derivative of the reported parameters with respect to the optimiser's variables.

    Returns
    -------
    ndarray, shape (p, p)
        NaN where the curvature does not determine a parameter; a parameter held by its bound
        counts as known.
    """
    free = np.flatnonzero(optimum.free)
    k = len(optimum.theta)
    covariance = np.zeros((k, k))
    if len(free):
        hessian = optimum.hessian[np.ix_(free, free)]
        scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
        values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
        if values[0] > 1e-12:
            inside = (vectors / values) @ vectors.T / np.outer(scale, scale)
        else:
            inside = np.full((len(free), len(free)), np.nan)
        covariance[np.ix_(free, free)] = inside
    if jacobian is None:
        return covariance
    # Only parameters that depend on an undetermined one are undetermined themselves.
    touched = np.abs(jacobian) > 0.0
    clean = np.where(np.isfinite(covariance), covariance, 0.0)
    carried = jacobian @ clean @ jacobian.T
    spoiled = touched @ ~np.isfinite(np.diag(covariance))
    carried[spoiled, :] = np.nan
    carried[:, spoiled] = np.nan
    return np.asarray(carried)


def _newton(
    negative: Callable[[Array], tuple[float, Array]], theta: Array, lower: Array, upper: Array
) -> Optimum:
    value, gradient = negative(theta)
    free = np.ones(len(theta), dtype=np.bool_)
    hessian = np.eye(len(theta))
    gain, positive = np.inf, False
    for _ in range(60):
        hessian = _hessian(negative, theta, lower, upper)
        settled = _settled(negative, theta, value, gradient, np.diag(hessian), lower, upper)
        if np.any(settled != theta):
            theta = settled
            value, gradient = negative(theta)
            hessian = _hessian(negative, theta, lower, upper)
        # A parameter on its bound is held there unless its slope exceeds rounding.
        low = (theta <= lower) & (gradient > -_ROUNDING)
        high = (theta >= upper) & (gradient < _ROUNDING)
        free = ~(low | high)
        index = np.flatnonzero(free)
        if len(index) == 0:
            gain, positive = 0.0, True
            break
        inner = hessian[np.ix_(index, index)]
        scale = np.sqrt(np.maximum(np.abs(np.diag(inner)), 1e-12))
        values, vectors = np.linalg.eigh(inner / np.outer(scale, scale))
        positive = bool(values[0] > 1e-10)
        slope = vectors.T @ (gradient[index] / scale)
        step = np.zeros(len(theta))
        step[index] = -(vectors @ (slope / np.maximum(np.abs(values), 1e-6))) / scale
        gain = float(0.5 * np.sum(slope**2 / np.maximum(np.abs(values), 1e-6)))
        if gain < _GAIN and positive:
            break
        factor = 1.0
        for _ in range(25):
            trial = np.clip(theta + factor * step, lower, upper)
            trial_value, trial_gradient = negative(trial)
            if trial_value < value:
                break
            factor *= 0.4
        else:
            break
        theta, value, gradient = trial, trial_value, trial_gradient
    return Optimum(
        theta=theta,
        value=-value,
        gradient=-gradient,
        hessian=hessian,
        free=free,
        gain=gain,
        converged=bool(positive and gain < 1e-4),
        start_values=(),
        evaluations=0,
    )


def _settled(
    negative: Callable[[Array], tuple[float, Array]],
    theta: Array,
    value: float,
    gradient: Array,
    curvature: Array,
    lower: Array,
    upper: Array,
) -> Array:
    """Move a parameter to its nearer bound where that does not change the likelihood."""
    bound = np.where(theta - lower < upper - theta, lower, upper)
    way = np.where(np.isfinite(upper - lower), bound - theta, 0.0)
    change = np.abs(gradient * way) + 0.5 * np.abs(curvature) * way**2
    for i in np.flatnonzero((way != 0.0) & (change < _ROUNDING)):
        there, away = theta.copy(), theta.copy()
        there[i], away[i] = bound[i], 0.5 * (lower[i] + upper[i])
        # A parameter that changes the likelihood nowhere is undetermined, and must be reported so.
        if negative(away)[0] > value + 1e3 * _ROUNDING and negative(there)[0] < value + _ROUNDING:
            theta = there
    return theta


def _hessian(
    negative: Callable[[Array], tuple[float, Array]], theta: Array, lower: Array, upper: Array
) -> Array:
    """Differences of the exact gradient, kept inside the bounds."""
    k = len(theta)
    hessian = np.empty((k, k))
    for i in range(k):
        step = 1e-5 * max(1.0, abs(theta[i]))
        above, below = theta.copy(), theta.copy()
        above[i] = min(theta[i] + step, upper[i])
        below[i] = max(theta[i] - step, lower[i])
        width = above[i] - below[i]
        hessian[i] = (negative(above)[1] - negative(below)[1]) / width
    return 0.5 * (hessian + hessian.T)

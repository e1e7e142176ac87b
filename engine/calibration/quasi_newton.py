"""Quasi-Newton minimisation inside bounds: the search from one starting point."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel

__all__ = ["quasi_newton"]

Array = NDArray[np.float64]


def quasi_newton(
    negative: Callable[[Array], tuple[float, Array]],
    theta: Array,
    lower: Array,
    upper: Array,
    iterations: int,
) -> tuple[float, Array]:
    """Minimise by quasi-Newton (BFGS) steps that stay inside the bounds.

    Steps are shortened until the function falls enough (Armijo's condition). The search ends after
    two steps in a row that gain less than 1e-5, or where no step gains. Nocedal and Wright (2006),
    Numerical Optimization, section 6.1.

    SciPy's calls LAPACK for every small system; on a busy machine its threads wait for one another
    longer than the likelihoods take.

    Parameters
    ----------
    negative : callable
        ``theta -> (value, gradient)`` of the function to minimise.
    theta : ndarray, shape (k,)
        Starting point, inside the bounds.
    lower, upper : ndarray, shape (k,)
        Bounds.
    iterations : int
        Largest number of steps.

    Returns
    -------
    value : float
        Of the function at `point`.
    point : ndarray, shape (k,)
        The point reached.
    """
    value, gradient = negative(theta)
    inverse = np.diag(_inverse_scale(negative, theta, gradient, lower, upper))
    step = np.empty(len(theta))
    quiet = 0
    for _ in range(iterations):
        descent = _descent_step(theta, gradient, inverse, lower, upper, step)
        if not descent < 0.0:
            break
        factor = 1.0
        for _ in range(20):
            trial = np.clip(theta + factor * step, lower, upper)
            trial_value, trial_gradient = negative(trial)
            if trial_value <= value + 1e-4 * factor * descent:
                break
            bend = trial_value - value - factor * descent
            ideal = -0.5 * descent * factor**2 / bend if bend > 0.0 else 0.5 * factor
            factor = min(max(ideal, 0.1 * factor), 0.5 * factor)
        else:
            break
        _update_inverse(inverse, trial - theta, trial_gradient - gradient)
        gained = value - trial_value
        theta, value, gradient = trial, trial_value, trial_gradient
        quiet = quiet + 1 if gained < 1e-5 else 0
        if quiet == 2:
            break
    return value, theta


@kernel
def _descent_step(
    theta: Array, gradient: Array, inverse: Array, lower: Array, upper: Array, step: Array
) -> float:
    """Write the quasi-Newton step of all variables off their bounds; return the slope along it."""
    k = len(theta)
    for i in range(k):
        step[i] = 0.0
    for j in range(k):
        held = theta[j] <= lower[j] and gradient[j] > 0.0
        if not held and not (theta[j] >= upper[j] and gradient[j] < 0.0):
            for i in range(k):
                step[i] -= inverse[i, j] * gradient[j]
    descent = longest = 0.0
    for i in range(k):
        held = theta[i] <= lower[i] and gradient[i] > 0.0
        if held or (theta[i] >= upper[i] and gradient[i] < 0.0):
            step[i] = 0.0
        descent += gradient[i] * step[i]
        longest = max(longest, abs(step[i]))
    # Long steps leave the region in which the curvature was measured.
    if longest > 1.5:
        for i in range(k):
            step[i] *= 1.5 / longest
        descent *= 1.5 / longest
    return descent


@kernel
def _update_inverse(inverse: Array, moved: Array, change: Array) -> None:
    """Update the inverse Hessian by the gradient's change along a step (BFGS)."""
    k = len(moved)
    along = np.zeros(k)
    curvature = reach = turn = bent = 0.0
    for i in range(k):
        for j in range(k):
            along[i] += inverse[i, j] * change[j]
        curvature += moved[i] * change[i]
        reach += moved[i] * moved[i]
        turn += change[i] * change[i]
        bent += change[i] * along[i]
    if not curvature > 1e-12 * math.sqrt(reach * turn):
        return
    weight = (1.0 + bent / curvature) / curvature
    for i in range(k):
        for j in range(k):
            crossed = along[i] * moved[j] + moved[i] * along[j]
            inverse[i, j] += weight * moved[i] * moved[j] - crossed / curvature


def _inverse_scale(
    negative: Callable[[Array], tuple[float, Array]],
    theta: Array,
    gradient: Array,
    lower: Array,
    upper: Array,
) -> Array:
    """Reciprocal curvature along each parameter: a first guess of the inverse Hessian."""
    scale = np.empty(len(theta))
    for i in range(len(theta)):
        beside = theta.copy()
        width = 1e-4 * max(1.0, abs(theta[i]))
        beside[i] += width if beside[i] + width <= upper[i] else -width
        bend = abs(float((negative(beside)[1][i] - gradient[i]) / (beside[i] - theta[i])))
        # Where the likelihood is flat, the first step is a tenth.
        scale[i] = 1.0 / max(bend, 10.0 * abs(float(gradient[i])), 1e-8)
    return scale

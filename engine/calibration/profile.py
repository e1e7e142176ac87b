"""Intervals where the likelihood, highest over all other parameters, falls to a critical value."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from engine.calibration.quasi_newton import quasi_newton

__all__ = ["critical_value", "profile_ends"]

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]

# Fewer normals have no mean and deviation.
_FEWEST = 2.0
_MANY = 1e6
_LARGE_SAMPLE = 3.841458820694124
_TRIALS = 12
# How near the critical value an end has to be, as a share of its root.
_NEAR = 0.01
_ITERATIONS = 25


def critical_value(n: float) -> float:
    r"""Twice the fall of the log likelihood at the ends of a 95 % interval from n normals.

    Parameters
    ----------
    n : float
        How many observations tell of the parameter.

    Notes
    -----
    :math:`n \log(1 + t^2 / (n - 1))` with t the 97.5 % quantile of Student's law with n - 1
    degrees of freedom: exact for the mean of n normals of unknown deviation, and within 4 % of the
    exact value for their deviation. In large samples it is 3.84.

    Examples
    --------
    >>> round(critical_value(10.0), 2), round(critical_value(1e9), 2)
    (4.5, 3.84)
    """
    if n > _MANY:
        return _LARGE_SAMPLE
    freedom = max(n, _FEWEST) - 1.0
    t = float(stdtrit(freedom, 0.975))
    return (freedom + 1.0) * math.log1p(t * t / freedom)


def profile_ends(
    objective: Objective,
    theta: Array,
    index: int,
    lower: Array,
    upper: Array,
    *,
    width: float,
    critical: float,
) -> tuple[float, float]:
    r"""Find both ends of a profile likelihood interval.

    Parameters
    ----------
    objective : callable
        ``theta -> (log likelihood, gradient)``.
    theta : ndarray, shape (k,)
        Where it is highest.
    index : int
        The variable of which the interval is.
    lower, upper : ndarray, shape (k,)
        Bounds; an end that is not reached within them is the bound.
    width : float
        Guess of half the interval's width.
    critical : float
        Twice the fall of the log likelihood at the ends: 3.84 for 95 %, in large samples.

    Returns
    -------
    low, high : float
        Ends of the variable.

    Notes
    -----
    The root of twice the fall, :math:`\sqrt{2 (L - L_p(x))}`, is nearly linear in x on either side,
    so that few values of x are tried [1]_. Each search over the others starts from the one before.

    References
    ----------
    .. [1] Venzon, D., Moolgavkar, S. (1988). A method for computing profile-likelihood-based
       confidence intervals. Applied Statistics 37, 87-94.
    """
    best, _ = objective(theta)
    ends = []
    for side in (-1.0, 1.0):
        bound = lower[index] if side < 0.0 else upper[index]
        ends.append(
            _end(objective, theta, index, lower, upper, bound, best, side * width, critical)
        )
    return ends[0], ends[1]


def _end(
    objective: Objective,
    theta: Array,
    index: int,
    lower: Array,
    upper: Array,
    bound: float,
    best: float,
    step: float,
    critical: float,
) -> float:
    if theta[index] == bound:
        return bound
    others = np.delete(np.arange(len(theta)), index)
    wanted = math.sqrt(critical)
    start = theta[others]

    def root(x: float) -> float:
        nonlocal start

        def negative(part: Array) -> tuple[float, Array]:
            whole = np.empty(len(theta))
            whole[index], whole[others] = x, part
            value, gradient = objective(whole)
            if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
                return 1e300, np.zeros(len(others))
            return -value, -gradient[others]

        value, start = quasi_newton(negative, start, lower[others], upper[others], _ITERATIONS)
        return math.sqrt(max(2.0 * (best + value), 0.0))

    inner, at_inner = float(theta[index]), 0.0
    outer, at_outer = math.nan, math.nan
    x = inner + step
    for _ in range(_TRIALS):
        x = max(x, bound) if step < 0.0 else min(x, bound)
        found = root(x)
        if abs(found - wanted) < _NEAR * wanted or (x == bound and found < wanted):
            break
        if found < wanted:
            inner, at_inner = x, found
        else:
            outer, at_outer = x, found
        if math.isnan(outer):
            slope = (found / (x - theta[index])) if found > 0.0 else 0.0
            further = 1.1 * wanted / slope - (x - theta[index]) if slope != 0.0 else step
            x += math.copysign(min(max(abs(further), 0.5 * abs(step)), 4.0 * abs(step)), step)
        else:
            share = (wanted - at_inner) / (at_outer - at_inner)
            x = inner + min(max(share, 0.05), 0.95) * (outer - inner)
    return float(x)

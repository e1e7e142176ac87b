"""Nonlinear least squares within bounds, for a few parameters and an exact Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LeastSquares", "levenberg_marquardt"]

Array = NDArray[np.float64]

_GAIN = 1e-10
_LARGEST_DAMPING = 1e12


@dataclass(frozen=True)
class LeastSquares:
    """Where a minimisation ended.

    Parameters
    ----------
    x : ndarray of float64, shape (k,)
        The point.
    residuals : ndarray of float64, shape (n,)
        Residuals there.
    jacobian : ndarray of float64, shape (n, k)
        Their derivatives there.
    converged : bool
        Whether no step could gain more than rounding.
    """

    x: Array
    residuals: Array
    jacobian: Array
    converged: bool

    @property
    def cost(self) -> float:
        """Half the sum of squares."""
        return 0.5 * float(self.residuals @ self.residuals)


def levenberg_marquardt(
    function: Callable[[Array], tuple[Array, Array]],
    start: Array,
    lower: Array,
    upper: Array,
    *,
    steps: int = 100,
) -> LeastSquares:
    r"""Minimise a sum of squares within bounds.

    Parameters
    ----------
    function : callable
        Residuals of shape (n,) and their Jacobian of shape (n, k) at a point.
    start, lower, upper : ndarray of float64, shape (k,)
        First point and bounds.
    steps : int
        Evaluations at most.

    Returns
    -------
    LeastSquares
        The best point that was seen.

    Notes
    -----
    Steps solve :math:`(J'J + \lambda\, \mathrm{diag}(J'J)) s = -J'r` [1]_; a parameter on a bound
    that the gradient pushes outwards is held there, and a step is cut at the bounds.

    References
    ----------
    .. [1] Marquardt, D. (1963). An algorithm for least-squares estimation of nonlinear parameters.

    Examples
    --------
    >>> import numpy as np
    >>> def line(x):
    ...     return x - np.array([3.0, 5.0]), np.eye(2)
    >>> levenberg_marquardt(line, np.zeros(2), np.zeros(2), np.array([9.0, 4.0])).x.round(6)
    array([3., 4.])
    """
    x = np.clip(start, lower, upper)
    residuals, jacobian = function(x)
    cost, damping, converged = 0.5 * float(residuals @ residuals), 1e-3, False
    for _ in range(steps - 1):
        gradient = jacobian.T @ residuals
        free = ~(((x <= lower) & (gradient > 0.0)) | ((x >= upper) & (gradient < 0.0)))
        if not free.any():
            converged = True
            break
        square = jacobian[:, free].T @ jacobian[:, free]
        scale = np.maximum(np.diag(square), 1e-14 * np.trace(square) + 1e-300)
        wanted = np.zeros(len(x))
        wanted[free] = -np.linalg.solve(square + damping * np.diag(scale), gradient[free])
        moved = np.clip(x + wanted, lower, upper)
        cut = moved != x + wanted
        step = moved - x
        bent = jacobian @ step
        expected = -float(gradient @ step) - 0.5 * float(bent @ bent)
        if expected <= _GAIN * cost:
            # A step that was cut need not gain what a shorter one does.
            if cut.any() and damping < _LARGEST_DAMPING:
                damping = max(damping, 1e-6) * 8.0
                continue
            converged = True
            break
        found, slopes = function(moved)
        there = 0.5 * float(found @ found)
        if there < cost:
            ratio = (cost - there) / expected
            x, residuals, jacobian, cost = moved, found, slopes, there
            damping = max(damping * (0.1 if ratio > 0.5 else 0.5), 1e-12)
        else:
            damping = max(damping, 1e-6) * 8.0
            if damping > _LARGEST_DAMPING:
                converged = True
                break
    return LeastSquares(x, residuals, jacobian, converged)

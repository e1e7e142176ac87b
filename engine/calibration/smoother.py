"""States of a futures curve given all of its prices, before and after."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.calibration.kalman import CurveModel, FilterResult
from engine.compiled import kernel

__all__ = ["smooth_curve"]

Array = NDArray[np.float64]


def smooth_curve(model: CurveModel, filtered: FilterResult) -> tuple[Array, Array]:
    r"""Smooth filtered states backwards.

    Parameters
    ----------
    model : CurveModel
        The state space.
    filtered : FilterResult
        What `filter_curve` made of it.

    Returns
    -------
    states : ndarray of float64, shape (rows, 2)
        Means of the states given every price.
    covariances : ndarray of float64, shape (rows, 3)
        Their covariances: (1,1), (1,2), (2,2).

    Notes
    -----
    :math:`a_{t|n} = a_t + J_t (a_{t+1|n} - a_{t+1|t})` with
    :math:`J_t = P_t F' P_{t+1|t}^{-1}`, and the same for the covariances [1]_. The step's noise
    keeps the predicted covariance from being singular where prices are observed exactly.

    References
    ----------
    .. [1] Rauch, H., Tung, F., Striebel, C. (1965). Maximum likelihood estimates of linear dynamic
       systems. AIAA Journal 3, 1445-1450.
    """
    states, covariances = filtered.states.copy(), filtered.covariances.copy()
    _smooth(
        model.second,
        model.phi,
        model.c1,
        model.c2,
        model.q11,
        model.q12,
        model.q22,
        states,
        covariances,
    )
    return states, covariances


@kernel
def _smooth(
    second: float,
    phi: Array,
    c1: Array,
    c2: Array,
    q11: Array,
    q12: Array,
    q22: Array,
    states: Array,
    covariances: Array,
) -> None:
    for i in range(len(states) - 2, -1, -1):
        f = phi[i + 1]
        p11, p12, p22 = covariances[i, 0], covariances[i, 1], covariances[i, 2]
        n11 = f * f * p11 + q11[i + 1]
        n12 = f * p12 + q12[i + 1]
        n22 = p22 + q22[i + 1]
        e1 = states[i + 1, 0] - (f * states[i, 0] + c1[i + 1])
        e2 = states[i + 1, 1] - (states[i, 1] + c2[i + 1])
        if second == 0.0:
            j11 = f * p11 / n11
            states[i, 0] += j11 * e1
            covariances[i, 0] = p11 + j11 * j11 * (covariances[i + 1, 0] - n11)
            continue
        det = n11 * n22 - n12 * n12
        # P F' times the inverse of the predicted covariance.
        j11 = (f * p11 * n22 - p12 * n12) / det
        j12 = (p12 * n11 - f * p11 * n12) / det
        j21 = (f * p12 * n22 - p22 * n12) / det
        j22 = (p22 * n11 - f * p12 * n12) / det
        states[i, 0] += j11 * e1 + j12 * e2
        states[i, 1] += j21 * e1 + j22 * e2
        d11 = covariances[i + 1, 0] - n11
        d12 = covariances[i + 1, 1] - n12
        d22 = covariances[i + 1, 2] - n22
        covariances[i, 0] = p11 + j11 * j11 * d11 + 2.0 * j11 * j12 * d12 + j12 * j12 * d22
        covariances[i, 1] = p12 + j11 * j21 * d11 + (j11 * j22 + j12 * j21) * d12 + j12 * j22 * d22
        covariances[i, 2] = p22 + j21 * j21 * d11 + 2.0 * j21 * j22 * d12 + j22 * j22 * d22

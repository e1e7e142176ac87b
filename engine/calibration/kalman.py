"""Kalman filter of one or two Gaussian factors seen through a futures curve, with its gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.elementary import log

__all__ = ["CurveModel", "FilterResult", "Gradient", "filter_curve", "score_curve"]

_LOG_2PI = math.log(2.0 * math.pi)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CurveModel:
    r"""Linear Gaussian state space of a futures panel.

    Two states, :math:`x_1` mean reverting and :math:`x_2` a random walk with drift (absent when
    `second` is 0); log price j of row i is
    :math:`z_{ij} x_{1} + second \cdot x_2 + d_{ij} + N(0, h_{g(i,j)})`.

    Parameters
    ----------
    z, d : ndarray, shape (rows, contracts)
        Loading on the first state and constant.
    second : float
        Loading on the second state: 1, or 0 for a one-factor model.
    groups : ndarray of int64, shape (rows, contracts)
        Measurement error group of each observation.
    h : ndarray, shape (groups,)
        Measurement variances.
    phi, c1, c2, q11, q12, q22 : ndarray, shape (rows,)
        Transition into each row from the one before: ``x1 <- phi x1 + c1``, ``x2 <- x2 + c2``,
        and the covariance of the noise. The first entry is not used.
    mean : ndarray, shape (2,)
        Mean of the states at the first row, before its prices are seen.
    covariance : ndarray, shape (3,)
        Their covariance: (1,1), (1,2), (2,2).
    """

    z: Array
    d: Array
    second: float
    groups: NDArray[np.int64]
    h: Array
    phi: Array
    c1: Array
    c2: Array
    q11: Array
    q12: Array
    q22: Array
    mean: Array
    covariance: Array


@dataclass(frozen=True, eq=False)
class FilterResult:
    """The states as filtered from the prices.

    Parameters
    ----------
    log_likelihood : float
        With all constants.
    states : ndarray, shape (rows, 2)
        Filtered means, each row given the prices up to and including it.
    covariances : ndarray, shape (rows, 3)
        Their covariances: (1,1), (1,2), (2,2).
    innovations, variances : ndarray, shape (rows, contracts)
        One-step prediction error and variance of each price, given the prices of earlier rows
        and of earlier columns of its own row; NaN where missing.
    """

    log_likelihood: float
    states: Array
    covariances: Array
    innovations: Array
    variances: Array


@dataclass(frozen=True, eq=False)
class Gradient:
    """Derivative of the log likelihood with respect to each array of a `CurveModel`."""

    z: Array
    d: Array
    h: Array
    phi: Array
    c1: Array
    c2: Array
    q11: Array
    q12: Array
    q22: Array
    mean: Array
    covariance: Array


def filter_curve(y: Array, model: CurveModel) -> FilterResult:
    """Filter log futures prices.

    Parameters
    ----------
    y : ndarray, shape (rows, contracts)
        Log prices, NaN where missing.
    model : CurveModel
        The state space.

    Notes
    -----
    Prices of a row enter one at a time, which is exact for independent measurement errors and
    costs nothing for missing prices [1]_. The determinant of the state covariance is carried
    along, so that no update subtracts nearly equal numbers: vanishing measurement errors and a
    diffuse start lose no digits.

    References
    ----------
    .. [1] Durbin, J., Koopman, S. J. (2012). Time Series Analysis by State Space Methods, 2nd
       ed., section 6.4.
    """
    return _filter(y, model)[0]


def score_curve(y: Array, model: CurveModel) -> tuple[float, Gradient]:
    """Log likelihood and its exact gradient, by running the filter backwards once.

    The reverse pass is the derivative of every operation of the forward one, in opposite order;
    it costs about twice the filter whatever the number of parameters.
    """
    result, trace, before = _filter(y, model)
    rows = len(y)
    z, d = np.zeros_like(y), np.zeros_like(y)
    h = np.zeros(len(model.h))
    transition = np.zeros((rows, 6))
    start = np.zeros(5)
    passed = (result.innovations, result.variances, trace, before)
    _backward(*(y, *_arrays(model), *passed, z, d, h, transition, start))
    phi, c1, c2, q11, q12, q22 = np.ascontiguousarray(transition.T)
    gradient = Gradient(z, d, h, phi, c1, c2, q11, q12, q22, start[:2], start[2:])
    return result.log_likelihood, gradient


def _filter(y: Array, model: CurveModel) -> tuple[FilterResult, Array, Array]:
    """Run the filter; also return the states before each update and step, for the reverse pass."""
    rows, contracts = y.shape
    states = np.empty((rows, 2))
    covariances = np.empty((rows, 3))
    innovations = np.empty((rows, contracts))
    variances = np.empty((rows, contracts))
    trace = np.empty((rows * contracts, 6))
    before = np.empty((rows, 6))
    written = (states, covariances, innovations, variances, trace, before)
    value = _forward(*(y, *_arrays(model), *written))
    return FilterResult(value, states, covariances, innovations, variances), trace, before


def _arrays(model: CurveModel) -> Any:
    return (
        model.z,
        model.d,
        model.second,
        model.groups,
        model.h,
        model.phi,
        model.c1,
        model.c2,
        model.q11,
        model.q12,
        model.q22,
        model.mean,
        model.covariance,
    )


@kernel
def _forward(
    y: Array,
    z: Array,
    d: Array,
    second: float,
    groups: NDArray[np.int64],
    h: Array,
    phi: Array,
    c1: Array,
    c2: Array,
    q11: Array,
    q12: Array,
    q22: Array,
    mean: Array,
    covariance: Array,
    states: Array,
    covariances: Array,
    innovations: Array,
    variances: Array,
    trace: Array,
    before: Array,
) -> float:
    rows, contracts = y.shape
    a1, a2 = mean[0], mean[1]
    p11, p12, p22 = covariance[0], covariance[1], covariance[2]
    det = p11 * p22 - p12 * p12
    quadratic = 0.0
    log_det = 0.0
    product = 1.0
    count = 0
    for i in range(rows):
        if i > 0:
            f = phi[i]
            before[i, 0], before[i, 1] = a1, a2
            before[i, 2], before[i, 3], before[i, 4], before[i, 5] = p11, p12, p22, det
            det = (
                f * f * (det + p11 * q22[i])
                + q11[i] * p22
                - 2.0 * f * p12 * q12[i]
                + (q11[i] * q22[i] - q12[i] * q12[i])
            )
            a1 = f * a1 + c1[i]
            a2 = a2 + c2[i]
            p11 = f * f * p11 + q11[i]
            p12 = f * p12 + q12[i]
            p22 = p22 + q22[i]
        for j in range(contracts):
            price = y[i, j]
            if np.isnan(price):
                innovations[i, j] = np.nan
                variances[i, j] = np.nan
                continue
            at = i * contracts + j
            trace[at, 0], trace[at, 1] = a1, a2
            trace[at, 2], trace[at, 3], trace[at, 4], trace[at, 5] = p11, p12, p22, det
            load = z[i, j]
            noise = h[groups[i, j]]
            m1 = p11 * load + p12 * second
            m2 = p12 * load + p22 * second
            variance = load * m1 + second * m2 + noise
            v = price - d[i, j] - load * a1 - second * a2
            inverse = 1.0 / variance
            w = v * inverse
            a1 += m1 * w
            a2 += m2 * w
            shrink = noise * inverse
            spread = det * inverse
            p11 = p11 * shrink + second * second * spread
            p12 = p12 * shrink - load * second * spread
            p22 = p22 * shrink + load * load * spread
            det = det * shrink
            innovations[i, j] = v
            variances[i, j] = variance
            quadratic += v * w
            product *= variance
            count += 1
            # One logarithm for many variances, taken before the product can underflow.
            if product < 1e-150 or product > 1e150:
                log_det += log(product)
                product = 1.0
        states[i, 0], states[i, 1] = a1, a2
        covariances[i, 0], covariances[i, 1], covariances[i, 2] = p11, p12, p22
    return -0.5 * (count * _LOG_2PI + log_det + log(product) + quadratic)


@kernel
def _backward(
    y: Array,
    z: Array,
    d: Array,
    second: float,
    groups: NDArray[np.int64],
    h: Array,
    phi: Array,
    c1: Array,
    c2: Array,
    q11: Array,
    q12: Array,
    q22: Array,
    mean: Array,
    covariance: Array,
    innovations: Array,
    variances: Array,
    trace: Array,
    before: Array,
    z_bar: Array,
    d_bar: Array,
    h_bar: Array,
    transition_bar: Array,
    start_bar: Array,
) -> None:
    rows, contracts = y.shape
    # Derivatives with respect to the current a1, a2, p11, p12, p22, det.
    b1 = b2 = b11 = b12 = b22 = bd = 0.0
    for i in range(rows - 1, -1, -1):
        for j in range(contracts - 1, -1, -1):
            v = innovations[i, j]
            if np.isnan(v):
                continue
            at = i * contracts + j
            a1 = trace[at, 0]
            p11, p12, p22, det = trace[at, 2], trace[at, 3], trace[at, 4], trace[at, 5]
            load = z[i, j]
            group = groups[i, j]
            noise = h[group]
            inverse = 1.0 / variances[i, j]
            m1 = p11 * load + p12 * second
            m2 = p12 * load + p22 * second
            w = v * inverse
            w_bar = b1 * m1 + b2 * m2
            carried = b11 * p11 + b12 * p12 + b22 * p22 + bd * det
            crossed = (second * second * b11 - load * second * b12 + load * load * b22) * inverse
            f_bar = (
                -(carried * noise * inverse + crossed * det) * inverse
                + (0.5 * v * w - 0.5 - w_bar * w) * inverse
            )
            v_bar = (w_bar - v) * inverse
            m1_bar = b1 * w + f_bar * load
            m2_bar = b2 * w + f_bar * second
            z_bar[i, j] = (
                (2.0 * b22 * load - b12 * second) * det * inverse
                + f_bar * m1
                + m1_bar * p11
                + m2_bar * p12
                - v_bar * a1
            )
            d_bar[i, j] = -v_bar
            h_bar[group] += carried * inverse + f_bar
            shrink = noise * inverse
            b1 -= v_bar * load
            b2 -= v_bar * second
            b11 = b11 * shrink + m1_bar * load
            b12 = b12 * shrink + m1_bar * second + m2_bar * load
            b22 = b22 * shrink + m2_bar * second
            bd = crossed + bd * shrink
        if i > 0:
            f = phi[i]
            a1 = before[i, 0]
            p11, p12, p22, det = before[i, 2], before[i, 3], before[i, 4], before[i, 5]
            transition_bar[i, 0] = (
                b1 * a1
                + 2.0 * f * p11 * b11
                + p12 * b12
                + 2.0 * bd * (f * (det + p11 * q22[i]) - p12 * q12[i])
            )
            transition_bar[i, 1] = b1
            transition_bar[i, 2] = b2
            transition_bar[i, 3] = b11 + bd * (p22 + q22[i])
            transition_bar[i, 4] = b12 - 2.0 * bd * (f * p12 + q12[i])
            transition_bar[i, 5] = b22 + bd * (f * f * p11 + q11[i])
            b1 = f * b1
            b11 = f * f * (b11 + bd * q22[i])
            b12 = f * b12 - 2.0 * bd * f * q12[i]
            b22 = b22 + bd * q11[i]
            bd = f * f * bd
    start_bar[0], start_bar[1] = b1, b2
    start_bar[2] = b11 + bd * covariance[2]
    start_bar[3] = b12 - 2.0 * bd * covariance[1]
    start_bar[4] = b22 + bd * covariance[0]

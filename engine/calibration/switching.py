"""Maximum likelihood of Markov switching normals with two to four regimes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.calibration.hamilton import hamilton_filtered, hamilton_score
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.calibration.switching_layout import SHORT, SwitchingLayout
from engine.errors import Refusal

__all__ = ["SwitchingFit", "fit_switching"]

Array = NDArray[np.float64]

# Of a coefficient, in deviations of the series per deviation of the variable, around least squares.
_REACH = 5.0
# Into which the part of a long series falls that starts are compared on.
_STRETCHES = 6


@dataclass(frozen=True, eq=False)
class SwitchingFit:
    """A fitted Markov switching normal model.

    Parameters
    ----------
    means, deviations : ndarray, shape (states,)
        Of the observations in each regime.
    transition : ndarray, shape (states, states)
        ``transition[i, j]`` is the probability of regime j after regime i.
    log_likelihood : float
        At the optimum.
    names : tuple of str
        Free parameters: ``mean_i``, ``deviation_i`` (without number where common to all
        regimes), ``p_ij`` for all j but the last, and ``coefficient_c``.
    covariance : ndarray, shape (k, k)
        Of the free parameters, in that order.
    filtered, smoothed : ndarray, shape (n, states)
        Probability of each regime given the past, and given everything.
    optimum : Optimum
        The optimiser's report, of the observations divided by their standard deviation.
    ahead_covariance : ndarray, shape (states, k + states)
        Covariance of the regimes' probabilities in the next observation with the free parameters,
        and with each other: the error that they have from the parameters.
    coefficients : ndarray, shape (c,)
        Of the explanatory variables.
    """

    means: Array
    deviations: Array
    transition: Array
    log_likelihood: float
    names: tuple[str, ...]
    covariance: Array
    filtered: Array
    smoothed: Array
    optimum: Optimum
    ahead_covariance: Array
    coefficients: Array

    @property
    def std_errors(self) -> dict[str, float]:
        """Standard error of each free parameter."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))


def fit_switching(
    observations: Array,
    *,
    states: int = 2,
    switching_mean: bool = True,
    switching_deviation: bool = True,
    scale: Array | None = None,
    weights: Array | None = None,
    explanatory: Array | None = None,
) -> SwitchingFit:
    r"""Fit a Markov switching normal model by direct maximum likelihood.

    Parameters
    ----------
    observations : ndarray, shape (n,)
        The series.
    states : int
        Number of regimes, 2 to 4.
    switching_mean, switching_deviation : bool
        Whether the regimes differ in it; at least one must.
    scale : ndarray, shape (n,), optional
        Length of each observation in unit steps: mean and variance are proportional to it.
    weights : ndarray, shape (n,), optional
        Weight of each observation's log density.
    explanatory : ndarray, shape (n, c), optional
        What each observation depends on beside its regime, such as the observations before it.

    Returns
    -------
    SwitchingFit
        Regimes ordered by deviation, or by mean where the deviation is common.

    Raises
    ------
    ValueError
        If the number of states is outside 2 to 4, nothing switches, or an explanatory variable is
        not finite or does not vary.

    Notes
    -----
    :math:`y_t = m_{s_t} + x_t' b + d_{s_t} z_t` with b common to all regimes. The filter starts
    from the stationary distribution of the chain [1]_. Deviations are kept above 2 % of the series'
    own: the likelihood is unbounded where a regime shrinks onto single observations.

    References
    ----------
    .. [1] Hamilton, J. (1994). Time Series Analysis, chapter 22.
    """
    y = np.ascontiguousarray(observations, dtype=np.float64)
    if not 2 <= states <= 4:
        raise Refusal("states", str(states), "2 to 4")
    if not (switching_mean or switching_deviation):
        raise Refusal("switching", "neither mean nor deviation", "at least one")
    if not np.all(np.isfinite(y)):
        raise Refusal("observations", "a value that is not finite", "finite values")
    length = np.ones(len(y)) if scale is None else np.ascontiguousarray(scale)
    weight = np.ones(len(y)) if weights is None else np.ascontiguousarray(weights)
    layout = SwitchingLayout(states, switching_mean, switching_deviation)
    spread = float(np.std(y / np.sqrt(length)))
    if not spread > 0.0:
        raise Refusal("observations", "a constant series", "values that vary")
    # In units of the series' deviation, so that the optimiser's steps do not depend on its units.
    y = y / spread
    shift = -float(weight.sum()) * math.log(spread)
    x, unit = _scaled(explanatory, len(y))

    optimum = _highest(layout, y, length, weight, x)
    optimum = layout.ordered(optimum)
    means, deviations, chain = layout.unpack(optimum.theta)
    plain = np.ones(len(y))
    coefficients = optimum.theta[layout.size :]
    explained = y - x @ coefficients
    _, _, filtered, smoothed = hamilton_score(explained, length, plain, means, deviations, chain)
    k = len(optimum.theta)
    jacobian = np.diag(np.append(np.ones(layout.size), spread / unit))
    jacobian[: layout.size, : layout.size] = layout.jacobian(optimum.theta[: layout.size])
    jacobian[: layout.mean_count + layout.deviation_count] *= spread
    slope = _ahead_slope(layout, y, length, x, optimum.theta)
    covariance = covariance_of(optimum, np.vstack([jacobian, slope]))
    return SwitchingFit(
        means=spread * means,
        deviations=spread * deviations,
        transition=chain,
        log_likelihood=optimum.value + shift,
        names=(*layout.names, *(f"coefficient_{c + 1}" for c in range(len(coefficients)))),
        covariance=covariance[:k, :k],
        filtered=filtered,
        smoothed=smoothed,
        optimum=optimum,
        ahead_covariance=covariance[k:],
        coefficients=spread / unit * coefficients,
    )


def _scaled(explanatory: Array | None, count: int) -> tuple[Array, Array]:
    """Explanatory variables over their deviations, and these."""
    if explanatory is None:
        return np.empty((count, 0)), np.empty(0)
    x = np.ascontiguousarray(explanatory, dtype=np.float64)
    if x.ndim != 2 or len(x) != count:
        raise Refusal("explanatory", f"shape {x.shape}", f"({count}, variables)")
    if not np.all(np.isfinite(x)):
        raise Refusal("explanatory", "a value that is not finite", "finite values")
    unit = x.std(axis=0)
    if not (unit > 0.0).all():
        raise Refusal("explanatory", "a variable that does not vary", "values that vary")
    return x / unit, unit


def _ahead_slope(layout: SwitchingLayout, y: Array, length: Array, x: Array, theta: Array) -> Array:
    """Differentiate the probabilities of the next regime by the optimiser's vector."""

    def ahead(moved: Array) -> Array:
        means, deviations, chain = layout.unpack(moved)
        explained = y - x @ moved[layout.size :]
        filtered = hamilton_filtered(explained, length, means, deviations, chain)
        return np.asarray(filtered[-1] @ chain)

    slope = np.empty((layout.states, len(theta)))
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-5 * max(1.0, abs(theta[i]))
        slope[:, i] = (ahead(theta + step) - ahead(theta - step)) / (2.0 * step[i])
    return slope


def _highest(layout: SwitchingLayout, y: Array, length: Array, weight: Array, x: Array) -> Optimum:
    """Maximise the likelihood of observations with a standard deviation of one."""
    # Where regimes do not matter; what is left begins the search for them.
    columns = np.column_stack([x, length])
    common = np.linalg.lstsq(columns, y, rcond=None)[0][:-1] if x.shape[1] else np.empty(0)
    rest = y - x @ common

    objective = _objective(layout, y, length, weight, x)
    lower, upper = layout.bounds(rest, 1.0)
    starts = layout.starts(rest, length, 1.0)
    few = len(starts) <= len(layout.guesses(rest, length, 1.0))
    if not few:
        inner = _one_regime_less(layout, y, length, weight, x)
        starts += layout.extended(*inner)
    lower, upper = np.append(lower, common - _REACH), np.append(upper, common + _REACH)
    starts = [np.append(start, common) for start in starts]
    # A few steps from every start, then convergence from the best points reached.
    phases = ((6, 2),) if few else ((10, 24), (30, 10))
    if len(y) <= SHORT:
        phases = ((20, 60), (60, 15))
    elif not few and len(y) > 2 * SHORT:
        # Which of many starts are worth following shows on a part of a long series.
        rows = _stretches(len(y))
        coarse = _objective(layout, y[rows], length[rows], weight[rows], x[rows])
        starts = search_all(coarse, starts, lower, upper, iterations=14, keep=28)
        phases = ((30, 10),)
    for steps, keep in phases:
        starts = search_all(objective, starts, lower, upper, iterations=steps, keep=keep)
    return maximise(objective, starts, lower, upper, iterations=100, finalists=2)


def _objective(
    layout: SwitchingLayout, y: Array, length: Array, weight: Array, x: Array
) -> Callable[[Array], tuple[float, Array]]:
    """Log likelihood and its gradient as functions of the optimiser's vector."""

    def objective(theta: Array) -> tuple[float, Array]:
        means, deviations, chain = layout.unpack(theta)
        explained = y - x @ theta[layout.size :] if x.shape[1] else y
        value, gradient, _, shares = hamilton_score(
            explained, length, weight, means, deviations, chain
        )
        slope = layout.pull(deviations, chain, *gradient)
        if x.shape[1]:
            errors = explained[:, None] / length[:, None] - means
            slope = np.append(slope, x.T @ np.sum(shares * errors / deviations**2, axis=1))
        return value, slope

    return objective


def _stretches(count: int) -> NDArray[np.int64]:
    """Row numbers of stretches all over a series, together as long as a short one."""
    size = SHORT // _STRETCHES
    begins = np.linspace(0, count - size, _STRETCHES).round().astype(np.int64)
    return np.asarray((begins[:, None] + np.arange(size)).reshape(-1))


def _one_regime_less(
    layout: SwitchingLayout, y: Array, length: Array, weight: Array, x: Array
) -> tuple[Array, Array, Array]:
    """Best-fitting means, deviations and chain with one regime fewer."""
    if layout.states == 2:
        return np.array([np.average(y, weights=weight)]), np.ones(1), np.ones((1, 1))
    inner = replace(layout, states=layout.states - 1)
    return inner.unpack(_highest(inner, y, length, weight, x).theta)

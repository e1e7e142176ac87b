"""Maximum likelihood of Markov switching normals with two to four regimes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.calibration.hamilton import hamilton_filtered, hamilton_score
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.calibration.switching_layout import SHORT, SwitchingLayout
from engine.errors import Refusal

__all__ = ["SwitchingFit", "fit_switching"]

Array = NDArray[np.float64]


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
        regimes) and ``p_ij`` for all j but the last.
    covariance : ndarray, shape (k, k)
        Of the free parameters, in that order.
    filtered, smoothed : ndarray, shape (n, states)
        Probability of each regime given the past, and given everything.
    optimum : Optimum
        The optimiser's report, of the observations divided by their standard deviation.
    ahead_covariance : ndarray, shape (states, k + states)
        Covariance of the regimes' probabilities in the next observation with the free parameters,
        and with each other: the error that they have from the parameters.
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
) -> SwitchingFit:
    """Fit a Markov switching normal model by direct maximum likelihood.

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

    Returns
    -------
    SwitchingFit
        Regimes ordered by deviation, or by mean where the deviation is common.

    Raises
    ------
    ValueError
        If the number of states is outside 2 to 4, or nothing switches.

    Notes
    -----
    The filter starts from the stationary distribution of the chain [1]_. Deviations are kept
    above 2 % of the series' own: the likelihood is unbounded where a regime shrinks onto single
    observations.

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

    optimum = _highest(layout, y, length, weight)
    optimum = layout.ordered(optimum)
    means, deviations, chain = layout.unpack(optimum.theta)
    plain = np.ones(len(y))
    _, _, filtered, smoothed = hamilton_score(y, length, plain, means, deviations, chain)
    jacobian = layout.jacobian(optimum.theta)
    jacobian[: layout.mean_count + layout.deviation_count] *= spread
    k = len(jacobian)
    slope = _ahead_slope(layout, y, length, optimum.theta)
    covariance = covariance_of(optimum, np.vstack([jacobian, slope]))
    return SwitchingFit(
        means=spread * means,
        deviations=spread * deviations,
        transition=chain,
        log_likelihood=optimum.value + shift,
        names=layout.names,
        covariance=covariance[:k, :k],
        filtered=filtered,
        smoothed=smoothed,
        optimum=optimum,
        ahead_covariance=covariance[k:],
    )


def _ahead_slope(layout: SwitchingLayout, y: Array, length: Array, theta: Array) -> Array:
    """Differentiate the probabilities of the next regime by the optimiser's vector."""

    def ahead(moved: Array) -> Array:
        means, deviations, chain = layout.unpack(moved)
        filtered = hamilton_filtered(y, length, means, deviations, chain)
        return np.asarray(filtered[-1] @ chain)

    slope = np.empty((layout.states, len(theta)))
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-5 * max(1.0, abs(theta[i]))
        slope[:, i] = (ahead(theta + step) - ahead(theta - step)) / (2.0 * step[i])
    return slope


def _highest(layout: SwitchingLayout, y: Array, length: Array, weight: Array) -> Optimum:
    """Maximise the likelihood of observations with a standard deviation of one."""

    def objective(theta: Array) -> tuple[float, Array]:
        means, deviations, chain = layout.unpack(theta)
        value, gradient, _, _ = hamilton_score(y, length, weight, means, deviations, chain)
        return value, layout.pull(deviations, chain, *gradient)

    lower, upper = layout.bounds(y, 1.0)
    starts = layout.starts(y, length, 1.0)
    few = len(starts) <= len(layout.guesses(y, length, 1.0))
    if not few:
        inner = _one_regime_less(layout, y, length, weight)
        starts += layout.extended(*inner)
    # A few steps from every start, then convergence from the best points reached.
    phases = ((6, 2),) if few else ((10, 24), (30, 10))
    if len(y) <= SHORT:
        phases = ((20, 60), (60, 15))
    for steps, keep in phases:
        starts = search_all(objective, starts, lower, upper, iterations=steps, keep=keep)
    return maximise(objective, starts, lower, upper, iterations=100, finalists=2)


def _one_regime_less(
    layout: SwitchingLayout, y: Array, length: Array, weight: Array
) -> tuple[Array, Array, Array]:
    """Best-fitting means, deviations and chain with one regime fewer."""
    if layout.states == 2:
        return np.array([np.average(y, weights=weight)]), np.ones(1), np.ones((1, 1))
    inner = replace(layout, states=layout.states - 1)
    return inner.unpack(_highest(inner, y, length, weight).theta)

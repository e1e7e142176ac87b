"""EGARCH by quasi maximum likelihood, with errors that hold for other innovations, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.calibration.sample import SpotSample
from engine.calibration.window import Window
from engine.compiled import kernel
from engine.compiled.elementary import exp, log
from engine.sources.egarch import MEAN_SIZE, egarch_log_variances
from engine.sources.innovations import start_variance

__all__ = ["egarch_log_likelihood", "estimate_egarch"]

Array = NDArray[np.float64]

_NAMES = ("mu", "theta", "alpha", "gamma", "beta")
_LOG_2PI = math.log(2.0 * math.pi)
# Weights of size and sign, and what a bar hands on, from which a search starts.
_STARTS = ((0.15, -0.08, 0.97), (0.25, 0.0, 0.90))


def estimate_egarch(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 500,
) -> Calibration:
    r"""Estimate EGARCH(1,1).

    Parameters
    ----------
    bars : Bars
        The history.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`; returns have equal weights.

    Returns
    -------
    Calibration
        ``mu`` and ``theta`` per year, ``alpha``, ``gamma`` and ``beta`` per bar; the variance of
        the next bar as the start state, with the error that it has from the parameters.

    Notes
    -----
    The likelihood is normal [1]_; the errors are those of Bollerslev and Wooldridge [2]_. The first
    variance follows from weighted squares of the first 75 returns, as for GARCH.

    References
    ----------
    .. [1] D. Nelson, Conditional heteroskedasticity in asset returns: a new approach, Econometrica
       59 (1991), 347-370.
    .. [2] T. Bollerslev, J. Wooldridge, Quasi-maximum likelihood estimation and inference in
       dynamic models with time-varying covariances, Econometric Reviews 11 (1992), 143-172.
    """
    Window.parse(window).require_equal_weights("egarch")
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    returns, dt = sample.returns, sample.dt
    scale = math.sqrt(float(np.average(returns**2 / dt)))
    # Of prices that stand for months there is no variance to start from but that of all.
    before = max(start_variance(returns, dt), 1e-4 * scale**2)
    objective = _objective(returns, dt, before, scale)
    reach = float(np.max(np.abs(returns) / dt)) / scale
    level = 2.0 * math.log(scale)
    lower = np.array([-reach, level - 12.0, 0.0, -1.0, -4.0])
    upper = np.array([reach, level + 4.0, 1.0, 1.0, 9.0])
    mean = float(returns.mean() / dt.mean()) / scale
    starts = [
        np.array([mean, level, alpha, gamma, math.log(beta / (1.0 - beta))])
        for alpha, gamma, beta in _STARTS
    ]
    starts = search_all(objective, starts, lower, upper, iterations=8, keep=1)
    optimum = maximise(objective, starts, lower, upper, iterations=150, finalists=1)
    natural, slopes = _natural(optimum.theta, scale), _slopes(optimum.theta, scale)
    scores = np.empty((sample.n, 5))
    value = _score(returns, dt, natural, before, scores)
    own = scores * slopes
    bread = covariance_of(_over_errors(optimum, objective, own, lower, upper))
    logarithms = egarch_log_variances(returns, dt, natural, before)
    following = math.exp(float(logarithms[-1]))
    ahead = following * _ahead_slope(returns, dt, natural, before)
    rows = np.vstack([np.diag(slopes), ahead * slopes])
    joint = rows @ (bread @ (own.T @ own) @ bread) @ rows.T
    # The variance of the next bar is a parameter of the source, and its start state.
    joint = np.vstack([np.hstack([joint, joint[:, 5:]]), [*joint[5], joint[5, 5]]])
    residuals = (returns - natural[0] * dt) / np.sqrt(np.exp(logarithms[:-1]) * dt)
    beta = float(natural[4])
    names = (*_NAMES, "v0", "variance")
    return Calibration.of(
        "egarch",
        parameters=dict(zip(_NAMES, natural.tolist(), strict=True)) | {"v0": following},
        covariance=joint[:6, :6],
        log_likelihood=value,
        free_parameters=5,
        diagnostics=sample.diagnostics
        | optimum.report(_NAMES)
        | {
            "persistence": beta,
            "half_life_bars": math.log(0.5) / math.log(max(beta, 1e-12)),
            "residual_kurtosis": float(np.mean((residuals - residuals.mean()) ** 4))
            / float(residuals.var()) ** 2,
        },
        start_state={"variance": following},
        state_covariance={"variance": dict(zip(names, joint[6].tolist(), strict=True))},
        **sample.identity(),
    )


def egarch_log_likelihood(returns: Array, dt: Array, parameters: Array) -> float:
    """Log likelihood at given mu, theta, alpha, gamma and beta, with all constants.

    Parameters
    ----------
    returns, dt : ndarray, shape (n,)
        Log returns, and their lengths in years.
    parameters : ndarray, shape (5,)
        In that order, in the units of `EGARCH`.
    """
    scores = np.empty((len(returns), 5))
    return float(_score(returns, dt, parameters, start_variance(returns, dt), scores))


def _natural(theta: Array, scale: float) -> Array:
    """Return the parameters of the optimiser's variables: scaled mean, log level, log odds."""
    beta = 1.0 / (1.0 + math.exp(-theta[4]))
    return np.array([scale * theta[0], math.exp(theta[1]), theta[2], theta[3], beta])


def _slopes(theta: Array, scale: float) -> Array:
    """Differentiate each parameter by its variable."""
    beta = 1.0 / (1.0 + math.exp(-theta[4]))
    return np.array([scale, math.exp(theta[1]), 1.0, 1.0, beta * (1.0 - beta)])


def _objective(
    returns: Array, dt: Array, before: float, scale: float
) -> Callable[[Array], tuple[float, Array]]:
    total = np.empty((1, 5))

    def objective(theta: Array) -> tuple[float, Array]:
        value = _score(returns, dt, _natural(theta, scale), before, total)
        return value, total[0] * _slopes(theta, scale)

    return objective


def _over_errors(
    optimum: Optimum,
    objective: Callable[[Array], tuple[float, Array]],
    scores: Array,
    lower: Array,
    upper: Array,
) -> Optimum:
    """Return the optimum with the curvature over a standard error to either side.

    The size of an innovation has a kink where its sign changes, so that the gradient jumps with
    `mu`: a difference over a tiny step would see no kink, or one.
    """
    theta, free = optimum.theta, optimum.free
    widths = np.zeros(len(theta))
    outer = scores[:, free].T @ scores[:, free]
    widths[free] = np.sqrt(np.diag(np.linalg.pinv(outer)))
    curvature = np.array(optimum.hessian)
    for i in np.flatnonzero(free):
        step = np.zeros(len(theta))
        step[i] = widths[i]
        above, below = np.clip(theta + step, lower, upper), np.clip(theta - step, lower, upper)
        if above[i] > below[i]:
            rise = objective(below)[1] - objective(above)[1]
            curvature[i] = rise / (above[i] - below[i])
    return replace(optimum, hessian=0.5 * (curvature + curvature.T))


def _ahead_slope(returns: Array, dt: Array, natural: Array, before: float) -> Array:
    """Differentiate the logarithm of the variance of the next bar by the parameters."""
    slope = np.empty(5)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6 * max(abs(natural[i]), 1e-4)
        above = egarch_log_variances(returns, dt, natural + step, before)[-1]
        below = egarch_log_variances(returns, dt, natural - step, before)[-1]
        slope[i] = (above - below) / (2.0 * step[i])
    return slope


@kernel
def _score(returns: Array, dt: Array, natural: Array, before: float, scores: Array) -> float:
    """Log likelihood, and the derivative of each return's share in it by each parameter.

    With one row in `scores` it holds their sums.
    """
    mu, theta, alpha, gamma, beta = natural[0], natural[1], natural[2], natural[3], natural[4]
    level = log(theta)
    logarithm = (1.0 - beta) * level + beta * log(before)
    # Derivatives of the current logarithm of the variance.
    by_mu, by_alpha, by_gamma = 0.0, 0.0, 0.0
    by_theta, by_beta = (1.0 - beta) / theta, log(before) - level
    total = 0.0
    each = len(scores) == len(returns)
    sums = np.zeros(5)
    row = np.empty(5)
    for t in range(len(returns)):
        length = dt[t]
        root = math.sqrt(exp(logarithm) * length)
        z = (returns[t] - mu * length) / root
        total -= 0.5 * (_LOG_2PI + logarithm + log(length) + z * z)
        outer = 0.5 * (z * z - 1.0)
        row[0] = outer * by_mu + z * length / root
        row[1], row[2] = outer * by_theta, outer * by_alpha
        row[3], row[4] = outer * by_gamma, outer * by_beta
        if each:
            scores[t] = row
        sums += row
        # What a change of z does, which moves by minus half of the logarithm.
        pull = alpha * (1.0 if z > 0.0 else -1.0) + gamma
        keep = beta - 0.5 * pull * z
        by_mu = keep * by_mu - pull * length / root
        by_theta = keep * by_theta + (1.0 - beta) / theta
        by_alpha = keep * by_alpha + abs(z) - MEAN_SIZE
        by_gamma = keep * by_gamma + z
        by_beta = keep * by_beta + logarithm - level
        logarithm = (1.0 - beta) * level + beta * logarithm
        logarithm += alpha * (abs(z) - MEAN_SIZE) + gamma * z
        if not logarithm < 200.0:
            # Nobody takes a step to parameters under which the variance runs away.
            sums[:] = 0.0
            total = -np.inf
            break
    if not each:
        scores[0] = sums
    return total

"""GARCH by quasi maximum likelihood, with errors that hold for innovations that are not normal."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.interval import Interval
from engine.calibration.optimise import covariance_of, maximise, search_all
from engine.calibration.profile import critical_value, profile_ends
from engine.calibration.sample import SpotSample
from engine.calibration.window import Window
from engine.compiled import kernel
from engine.compiled.elementary import log
from engine.sources.garch import garch_variances
from engine.sources.innovations import start_variance

__all__ = ["estimate_garch", "garch_log_likelihood"]

Array = NDArray[np.float64]

_NAMES = ("mu", "omega", "alpha", "gamma", "beta")
_LOG_2PI = math.log(2.0 * math.pi)
# Persistence and the share of the innovations in it, from which a search starts.
_STARTS = ((0.97, 0.08), (0.90, 0.20))


def estimate_garch(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    asymmetric: bool = True,
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 500,
) -> Calibration:
    r"""Estimate GARCH(1,1), with the leverage term of Glosten, Jagannathan and Runkle.

    Parameters
    ----------
    bars : Bars
        The history.
    asymmetric : bool
        Whether falls may weigh differently; without, ``gamma`` is 0.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`; returns have equal weights.

    Returns
    -------
    Calibration
        ``mu`` and ``omega`` per year, ``alpha``, ``gamma`` and ``beta`` per bar; the variance of
        the next bar as the start state, with the error that it has from the parameters.

    Notes
    -----
    The likelihood is normal, which gives consistent estimates for other innovations, too; the
    errors are those of Bollerslev and Wooldridge [1]_. The first variance follows from weighted
    squares of the first 75 returns. The persistence :math:`\alpha + \gamma / 2 + \beta` is kept
    below 1, and `alpha` and :math:`\alpha + \gamma` at or above 0.

    References
    ----------
    .. [1] Bollerslev, T., Wooldridge, J. (1992). Quasi-maximum likelihood estimation and inference
       in dynamic models with time-varying covariances. Econometric Reviews 11, 143-172.
    """
    Window.parse(window).require_equal_weights("garch")
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    returns, dt = sample.returns, sample.dt
    before = start_variance(returns, dt)
    scale = math.sqrt(float(np.average(returns**2 / dt)))
    layout = _Layout(scale, asymmetric)
    objective = layout.objective(returns, dt, before)
    lower, upper = layout.bounds(float(np.max(np.abs(returns) / dt)))
    mean = float(returns.mean() / dt.mean())
    starts = [layout.theta(mean, persistence, share) for persistence, share in _STARTS]
    # A likelihood with one maximum almost always: a few steps tell which start is nearest to it.
    starts = search_all(objective, starts, lower, upper, iterations=6, keep=1)
    optimum = maximise(objective, starts, lower, upper, iterations=100, finalists=1)
    natural = layout.natural(optimum.theta)
    scores = np.empty((sample.n, 5))
    value = _score(returns, dt, natural, before, scores)
    slopes = layout.slopes(optimum.theta)
    bread = covariance_of(optimum)
    own = scores @ slopes
    meat = own.T @ own
    variances = garch_variances(returns, dt, natural, before)
    ahead = _ahead_slope(returns, dt, natural, before)
    joint = np.vstack([slopes, ahead @ slopes]) @ (bread @ meat @ bread)
    joint = joint @ np.vstack([slopes, ahead @ slopes]).T
    following = float(variances[-1])
    # The variance of the next bar is a parameter of the source, and its start state.
    joint = np.vstack([np.hstack([joint, joint[:, 5:]]), [*joint[5], joint[5, 5]]])
    residuals = (returns - natural[0] * dt) / np.sqrt(variances[:-1] * dt)
    persistence = float(natural[2] + 0.5 * natural[3] + natural[4])
    names = (*_NAMES, "v0", "variance")
    report = optimum.report(layout.names)
    intervals = {}
    if "alpha" in report["held_by_bound"] and optimum.theta[4] > 0.0:
        # On the other bound it is the weight after a fall that vanishes, and alpha is known.
        critical = critical_value(math.inf)
        ends = profile_ends(objective, optimum.theta, 4, lower, upper, width=0.3, critical=critical)
        weight = float(natural[2] + 0.5 * natural[3])
        intervals["alpha"] = Interval(0.0, weight * (1.0 - ends[0]), "one_sided")
    return Calibration.of(
        "garch",
        parameters=dict(zip(_NAMES, natural.tolist(), strict=True)) | {"v0": following},
        covariance=joint[:6, :6],
        log_likelihood=value,
        free_parameters=5 if asymmetric else 4,
        diagnostics=sample.diagnostics
        | report
        | {
            "persistence": persistence,
            "half_life_bars": math.log(0.5) / math.log(max(persistence, 1e-12)),
            "long_run_volatility": math.sqrt(float(natural[1]) / max(1.0 - persistence, 1e-12)),
            "residual_kurtosis": float(np.mean((residuals - residuals.mean()) ** 4))
            / float(residuals.var()) ** 2,
        },
        intervals=intervals,
        start_state={"variance": following},
        state_covariance={"variance": dict(zip(names, joint[6].tolist(), strict=True))},
        **sample.identity(),
    )


def garch_log_likelihood(returns: Array, dt: Array, parameters: Array) -> float:
    """Log likelihood at given mu, omega, alpha, gamma and beta, with all constants.

    Parameters
    ----------
    returns, dt : ndarray, shape (n,)
        Log returns, and their lengths in years.
    parameters : ndarray, shape (5,)
        In that order, in the units of `GARCH`.
    """
    scores = np.empty((len(returns), 5))
    return _score(returns, dt, parameters, start_variance(returns, dt), scores)


class _Layout:
    """The optimiser's variables.

    Scaled mean, log omega, log odds of the persistence and of the innovations' share in it, and
    the skew s: of the innovations' weight, (1 - s) follows a rise and (1 + s) a fall.
    """

    def __init__(self, scale: float, asymmetric: bool) -> None:
        self.scale = scale
        self.asymmetric = asymmetric

    @property
    def names(self) -> tuple[str, ...]:
        # Each by the parameter that lies on its bound where the variable does.
        return ("mu", "omega", "beta", "beta", "alpha")[: 5 if self.asymmetric else 4]

    def theta(self, mean: float, persistence: float, share: float) -> Array:
        found = np.array(
            [
                mean / self.scale,
                math.log(self.scale**2 * (1.0 - persistence)),
                math.log(persistence / (1.0 - persistence)),
                math.log(share / (1.0 - share)),
                0.0,
            ]
        )
        return found[: len(self.names)]

    def bounds(self, largest: float) -> tuple[Array, Array]:
        reach = largest / self.scale
        level = 2.0 * math.log(self.scale)
        lower = np.array([-reach, level - 25.0, -10.0, -16.0, -1.0])
        upper = np.array([reach, level + 3.0, 12.0, 16.0, 1.0])
        return lower[: len(self.names)], upper[: len(self.names)]

    def natural(self, theta: Array) -> Array:
        persistence, share = (1.0 / (1.0 + np.exp(-theta[i])) for i in (2, 3))
        skew = float(theta[4]) if self.asymmetric else 0.0
        weight = persistence * share
        return np.array(
            [
                self.scale * theta[0],
                np.exp(theta[1]),
                weight * (1.0 - skew),
                2.0 * weight * skew,
                persistence * (1.0 - share),
            ]
        )

    def slopes(self, theta: Array) -> Array:
        """Differentiate the parameters by the variables."""
        persistence, share = (1.0 / (1.0 + np.exp(-theta[i])) for i in (2, 3))
        skew = float(theta[4]) if self.asymmetric else 0.0
        up, along = persistence * (1.0 - persistence), share * (1.0 - share)
        weight = persistence * share
        table = np.zeros((5, 5))
        table[0, 0], table[1, 1] = self.scale, np.exp(theta[1])
        table[2, 2:] = [up * share * (1.0 - skew), persistence * along * (1.0 - skew), -weight]
        table[3, 2:] = [2.0 * up * share * skew, 2.0 * persistence * along * skew, 2.0 * weight]
        table[4, 2:4] = [up * (1.0 - share), -persistence * along]
        return table[:, : len(self.names)]

    def objective(
        self, returns: Array, dt: Array, before: float
    ) -> Callable[[Array], tuple[float, Array]]:
        total = np.empty((1, 5))

        def objective(theta: Array) -> tuple[float, Array]:
            value = _score(returns, dt, self.natural(theta), before, total)
            return value, total[0] @ self.slopes(theta)

        return objective


def _ahead_slope(returns: Array, dt: Array, natural: Array, before: float) -> Array:
    """Differentiate the variance of the next bar by the parameters."""
    slope = np.empty(5)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6 * max(abs(natural[i]), 1e-4)
        above = garch_variances(returns, dt, natural + step, before)[-1]
        below = garch_variances(returns, dt, natural - step, before)[-1]
        slope[i] = (above - below) / (2.0 * step[i])
    return slope


@kernel
def _score(returns: Array, dt: Array, natural: Array, before: float, scores: Array) -> float:
    """Log likelihood, and the derivative of each return's share in it by each parameter.

    With one row in `scores` it holds their sums.
    """
    mu, omega, alpha, gamma, beta = natural[0], natural[1], natural[2], natural[3], natural[4]
    variance = omega + (alpha + 0.5 * gamma + beta) * before
    # Derivatives of the current variance.
    by_mu, by_omega, by_alpha, by_gamma, by_beta = 0.0, 1.0, before, 0.5 * before, before
    total = 0.0
    product = 1.0
    each = len(scores) == len(returns)
    sum_1 = sum_2 = sum_3 = sum_4 = sum_5 = 0.0
    for t in range(len(returns)):
        length = dt[t]
        error = returns[t] - mu * length
        square = error * error / length
        inverse = 1.0 / variance
        ratio = square * inverse
        total -= 0.5 * (_LOG_2PI + ratio)
        # One logarithm for many variances, taken before the product can underflow.
        product *= variance * length
        if product < 1e-200 or product > 1e200:
            total -= 0.5 * log(product)
            product = 1.0
        by_variance = 0.5 * (ratio - 1.0) * inverse
        first = by_variance * by_mu + error * inverse
        second, third = by_variance * by_omega, by_variance * by_alpha
        fourth, fifth = by_variance * by_gamma, by_variance * by_beta
        if each:
            scores[t, 0], scores[t, 1], scores[t, 2] = first, second, third
            scores[t, 3], scores[t, 4] = fourth, fifth
        sum_1 += first
        sum_2 += second
        sum_3 += third
        sum_4 += fourth
        sum_5 += fifth
        fallen = 1.0 if error < 0.0 else 0.0
        weight = alpha + gamma * fallen
        by_mu = beta * by_mu - 2.0 * weight * error
        by_omega = beta * by_omega + 1.0
        by_alpha = beta * by_alpha + square
        by_gamma = beta * by_gamma + fallen * square
        by_beta = beta * by_beta + variance
        variance = omega + weight * square + beta * variance
    if not each:
        scores[0, 0], scores[0, 1], scores[0, 2] = sum_1, sum_2, sum_3
        scores[0, 3], scores[0, 4] = sum_4, sum_5
    return total - 0.5 * log(product)

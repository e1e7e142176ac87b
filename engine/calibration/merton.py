"""Merton jump diffusion: likelihood of the Poisson mixture of normals."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.interval import Interval
from engine.calibration.optimise import Objective, Optimum, covariance_of, maximise, search_all
from engine.calibration.poisson_mixture import PoissonMixture
from engine.calibration.profile import critical_value, profile_ends
from engine.calibration.sample import SpotSample
from engine.calibration.transforms import Transforms
from engine.calibration.window import Window

__all__ = ["estimate_merton"]

Array = NDArray[np.float64]

_NAMES = ("mu", "sigma", "jump_intensity", "mean_log_jump", "jump_vol")
# log drift of the diffusion, volatility, jumps per year, mean and deviation of a log jump
_TRANSFORMS = Transforms(("linear", "log", "log", "linear", "log"))
# The likelihood of fewer jumps than this is far from quadratic.
_MANY_JUMPS = 400.0
# Number of return bins for the multi-start search; this many extreme returns keep a bin each.
_BINS = 256
_TAIL = 40
# Quantiles of the returns at which levels are placed; one jump leads from one to the next.
_LEVELS = (0.005, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.995)


def estimate_merton(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 250,
) -> Calibration:
    r"""Estimate a Merton jump diffusion by maximum likelihood.

    Parameters
    ----------
    bars : Bars
        The history.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`.

    Returns
    -------
    Calibration
        ``mu`` (drift of the price with jumps), ``sigma`` (of the diffusion), ``jump_intensity``
        (per year), ``mean_log_jump`` and ``jump_vol`` (of the log jump).

    Notes
    -----
    A return over a step h has density :math:`\sum_k e^{-\lambda h} (\lambda h)^k / k! \;
    N(a h + k m, \sigma^2 h + k s^2)` [1]_, summed until further terms change no density.
    The likelihood of a mixture is unbounded where one component shrinks onto single observations
    [2]_: the diffusion's and the jumps' deviation are kept above 5 % of the returns' own, and
    no more than one jump per step is allowed. A parameter that ends on such a bound is named
    in the diagnostics (``held_by_bound``). ``lr_statistic`` is twice the gain over a geometric
    Brownian motion. The likelihood has many local maxima: hundreds of starts are compared on a few
    hundred bins of returns, the best of them refined there, and the best of these on all returns.

    References
    ----------
    .. [1] Merton, R. (1976). Option pricing when underlying stock returns are discontinuous.
       Journal of Financial Economics 3, 125-144.
    .. [2] Kiefer, N. (1978). Discrete parameter variation: efficient estimation of a switching
       regression model. Econometrica 46, 427-434.
    """
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    mixture = PoissonMixture.of(sample.returns, sample.weights, sample.dt)
    scale = _unit_deviation(sample)
    years = float(sample.dt.sum())
    lower = np.array([-np.inf, math.log(0.05 * scale), math.log(0.2 / years), -2.0, 0.0])
    upper = np.array([np.inf, math.log(5.0 * scale), 0.0, 2.0, math.log(2.0)])
    lower[4] = math.log(0.05 * scale * math.sqrt(sample.nominal_dt))
    upper[2] = math.log(1.0 / sample.nominal_dt)
    few = mixture.binned(_BINS, _TAIL)
    starts = _starts(sample, few, lower, upper)
    coarse = _objective(few)
    # Two points closer than this in every variable lead to the same local maximum.
    apart = np.array([np.inf, 0.1, 0.5, 0.5 * scale * math.sqrt(sample.nominal_dt), 0.5])
    starts = search_all(coarse, starts, lower, upper, iterations=8, keep=8, apart=apart)
    starts = search_all(coarse, starts, lower, upper, iterations=60, keep=4, apart=0.5 * apart)
    optimum = maximise(_objective(mixture), starts, lower, upper, iterations=80, finalists=1)
    log_drift, sigma, intensity, mean, deviation = _TRANSFORMS.to_natural(optimum.theta)
    growth = math.exp(mean + 0.5 * deviation**2)
    mu = log_drift + 0.5 * sigma**2 + intensity * (growth - 1.0)
    # mu is a function of all five.
    jacobian = np.zeros((5, 5))
    jacobian[0] = [1.0, sigma, growth - 1.0, intensity * growth, intensity * growth * deviation]
    jacobian[1, 1] = jacobian[2, 2] = jacobian[3, 3] = jacobian[4, 4] = 1.0
    jacobian *= _TRANSFORMS.slope(np.array([log_drift, sigma, intensity, mean, deviation]))
    intervals = {}
    if intensity * years < _MANY_JUMPS or not optimum.free.all():
        intervals = _profiled(coarse, optimum, lower, upper, years, sample.nominal_dt)
    diffusion = _gaussian_log_likelihood(sample)
    total = sigma**2 + intensity * (mean**2 + deviation**2)
    return Calibration.of(
        "merton",
        parameters=dict(zip(_NAMES, (mu, sigma, intensity, mean, deviation), strict=True)),
        covariance=covariance_of(optimum, jacobian),
        log_likelihood=optimum.value,
        intervals=intervals,
        diagnostics=sample.diagnostics
        | optimum.report(_NAMES)
        | {
            "lr_statistic": 2.0 * (optimum.value - diffusion),
            "total_volatility": math.sqrt(total),
            "jump_variance_share": 1.0 - sigma**2 / total,
        },
        **sample.identity(),
    )


def _profiled(
    objective: Objective,
    optimum: Optimum,
    lower: Array,
    upper: Array,
    years: float,
    step: float,
) -> dict[str, Interval]:
    """Intervals from the likelihood itself.

    As many observations tell of the jumps' mean and deviation as there are jumps beyond twice the
    diffusion's own deviation of a bar, less two; of their intensity half as many again as there are
    jumps. With these numbers the intervals hold the truth as often as they say in histories with
    one jump a year and with twenty (``python -m benchmarks.validity calibrations``).
    """
    # The bins merge none of the largest returns, and move the maximum by little.
    theta = maximise(objective, [optimum.theta], lower, upper, iterations=30, finalists=1).theta
    width = np.sqrt(np.diag(covariance_of(optimum)))
    _, sigma, intensity, mean, deviation = _TRANSFORMS.to_natural(optimum.theta)
    jumps = intensity * years
    reach = 2.0 * sigma * math.sqrt(step)
    seen = jumps * float(ndtr((mean - reach) / deviation) + ndtr(-(mean + reach) / deviation))
    counts = {1: math.inf, 2: 1.5 * jumps, 3: seen - 2.0, 4: seen - 2.0}
    found = {}
    for index, count in counts.items():
        guess = float(width[index]) if width[index] > 0.0 else 1.0
        ends = profile_ends(
            objective,
            theta,
            index,
            lower,
            upper,
            width=2.0 * guess,
            critical=critical_value(count),
        )
        low, high = (float(np.exp(end)) if index != 3 else end for end in ends)
        if optimum.free[index]:
            found[_NAMES[index]] = Interval(low, high, "profile")
        else:
            found[_NAMES[index]] = Interval(low, high, "one_sided")
    return found


def _unit_deviation(sample: SpotSample) -> float:
    """Root mean square of the returns per root year: the scale of the parameters."""
    scaled = sample.returns / np.sqrt(sample.dt)
    return float(np.sqrt(np.average(scaled**2, weights=sample.weights)))


def _gaussian_log_likelihood(sample: SpotSample) -> float:
    w, h = sample.weights, sample.dt
    drift = float(np.sum(w * sample.returns) / np.sum(w * h))
    count = sample.effective_n
    variance = float(np.sum(w * (sample.returns - drift * h) ** 2 / h)) / count
    return -0.5 * (
        count * (math.log(2.0 * math.pi * variance) + 1.0) + float(np.sum(w * np.log(h)))
    )


def _objective(mixture: PoissonMixture) -> Callable[[Array], tuple[float, Array]]:
    """Log likelihood and gradient as functions of the optimiser's variables."""

    def objective(theta: Array) -> tuple[float, Array]:
        natural = _TRANSFORMS.to_natural(theta)
        value, gradient = mixture.score(natural)
        return value, gradient * _TRANSFORMS.slope(natural)

    return objective


def _starts(sample: SpotSample, mixture: PoissonMixture, lower: Array, upper: Array) -> list[Array]:
    """List starts by threshold, and the most likely point of each grid."""
    found = _by_threshold(sample)
    grids = [*_by_moments(sample), *_by_levels(sample)]
    points = np.array([_TRANSFORMS.to_theta(point) for grid in grids for point in grid])
    points = np.clip(points, lower, upper)
    values = mixture.rank(np.array([_TRANSFORMS.to_natural(point) for point in points]))
    end = 0
    starts = [_TRANSFORMS.to_theta(point) for point in found]
    for grid in grids:
        begin, end = end, end + len(grid)
        starts.append(points[begin + int(np.nanargmax(values[begin:end]))])
    return starts


def _by_threshold(sample: SpotSample) -> list[Array]:
    """Take returns beyond a threshold for jumps, on both sides or on one."""
    scaled = sample.returns / np.sqrt(sample.dt)
    scale = _unit_deviation(sample)
    centre = float(np.median(scaled))
    distance = scaled - centre
    robust = max(float(np.median(np.abs(distance))) / 0.6745, 0.3 * scale)
    years = float(sample.dt.sum())
    step = sample.nominal_dt
    starts = []
    for threshold in (2.0, 3.0, 4.5):
        for size in (np.abs(distance), distance, -distance):
            jumps = size > threshold * robust
            sigma = max(float(scaled[~jumps].std()), 0.2 * scale)
            sizes = sample.returns[jumps] if jumps.sum() >= 2 else np.array([-0.1, 0.1]) * scale
            starts.append(
                np.array(
                    [
                        float(sample.returns[~jumps].sum() / sample.dt[~jumps].sum()),
                        sigma,
                        min(max(int(jumps.sum()), 2) / years, 0.4 / step),
                        float(np.clip(sizes.mean(), -0.5, 0.5)),
                        max(float(sizes.std()), scale * math.sqrt(step)),
                    ]
                )
            )
    return starts


def _by_moments(sample: SpotSample) -> list[list[Array]]:
    """Grids that divide mean and variance of the returns between diffusion and jumps."""
    scaled = sample.returns / np.sqrt(sample.dt)
    drift = float(np.average(sample.returns / sample.dt, weights=sample.weights * sample.dt))
    size = np.sort(np.abs(scaled - np.median(scaled)))
    least = 0.01 * _unit_deviation(sample) ** 2
    variances = [
        max(float(np.mean(size[: math.ceil(share * len(size))] ** 2)), least)
        for share in (1.0, 0.98)
    ]
    grids = []
    for jumps in (1.0, 0.3, 0.1, 0.03, 0.01, 3.0 / sample.n):
        intensity = jumps / sample.nominal_dt
        grids.append(
            [
                np.array([drift - intensity * mean, sigma, intensity, mean, deviation])
                for variance in variances
                for share in (0.004, 0.2, 0.6, 0.9)
                for angle in (-1.3, -0.6, 0.0, 0.6, 1.3)
                for sigma in (math.sqrt(share * variance),)
                for reach in (math.sqrt((1.0 - share) * variance / intensity),)
                for mean, deviation in ((reach * math.sin(angle), reach * math.cos(angle)),)
            ]
        )
    return grids


def _by_levels(sample: SpotSample) -> list[list[Array]]:
    """Grids for returns that lie near a few levels, as tick sizes cause, one jump apart."""
    scaled = sample.returns / np.sqrt(sample.dt)
    scale, step = _unit_deviation(sample), sample.nominal_dt
    levels = np.unique(np.quantile(scaled, _LEVELS))
    pairs = list(pairwise(levels))
    if not pairs:
        return []
    grids = [
        [
            np.array(
                [
                    a / math.sqrt(step),
                    sigma * scale,
                    jumps / step,
                    (b - a) * math.sqrt(step),
                    0.1 * scale * math.sqrt(step),
                ]
            )
            for jumps in (0.1, 0.5, 1.0)
            for sigma in (0.05, 0.2)
        ]
        for a, b in [*pairs, *((b, a) for a, b in pairs)]
    ]
    # Each pair has a local maximum of its own if most of the range between the levels is empty.
    inner = scaled[(scaled >= levels[0]) & (scaled <= levels[-1])]
    places = (inner - levels[0]) / (0.05 * scale)
    filled = len(np.unique(places.astype(np.int64)))
    if filled < 0.5 * float(places.max()):
        return grids
    return [[point for grid in grids for point in grid]]

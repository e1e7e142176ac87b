"""Merton jump diffusion: likelihood of the Poisson mixture of normals."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.optimise import covariance_of, maximise
from engine.calibration.sample import SpotSample
from engine.calibration.transforms import Transforms
from engine.calibration.window import Window
from engine.compiled import kernel
from engine.compiled.elementary import exp, log

__all__ = ["estimate_merton"]

Array = NDArray[np.float64]

# log drift of the diffusion, volatility, jumps per year, mean and deviation of a log jump
_TRANSFORMS = Transforms(("linear", "log", "log", "linear", "log"))
# Terms beyond this share of the Poisson weights are left out.
_POISSON_TAIL = 1e-12
_BLOCK = 512


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
    N(a h + k m, \sigma^2 h + k s^2)` [1]_, summed until the Poisson tail is below 1e-12.
    The likelihood of a mixture is unbounded where one component shrinks onto single observations
    [2]_: the diffusion's and the jumps' deviation are kept above 5 % of the returns' own, and
    no more than one jump per step is allowed. A parameter that ends on such a bound is counted
    in the diagnostics (``at_bound``). ``lr_statistic`` is twice the gain over a geometric
    Brownian motion.

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
    steps, index = np.unique(sample.dt, return_inverse=True)
    index = index.astype(np.int64)
    scale = _unit_deviation(sample)
    years = float(sample.dt.sum())
    lower = np.array([-np.inf, math.log(0.05 * scale), math.log(0.2 / years), -2.0, 0.0])
    upper = np.array([np.inf, math.log(5.0 * scale), 0.0, 2.0, math.log(2.0)])
    lower[4] = math.log(0.05 * scale * math.sqrt(sample.nominal_dt))
    upper[2] = math.log(1.0 / sample.nominal_dt)

    def objective(theta: Array) -> tuple[float, Array]:
        natural = _TRANSFORMS.to_natural(theta)
        terms = _terms(natural[2] * float(steps[-1]))
        gradient = np.zeros(5)
        value = _score(sample.returns, sample.weights, index, steps, natural, terms, gradient)
        return value, gradient * _TRANSFORMS.slope(natural)

    starts = [_TRANSFORMS.to_theta(start) for start in _starts(sample, scale)]
    optimum = maximise(objective, starts, lower, upper, iterations=80, finalists=1)
    log_drift, sigma, intensity, mean, deviation = _TRANSFORMS.to_natural(optimum.theta)
    growth = math.exp(mean + 0.5 * deviation**2)
    mu = log_drift + 0.5 * sigma**2 + intensity * (growth - 1.0)
    # mu is a function of all five
    jacobian = np.zeros((5, 5))
    jacobian[0] = [1.0, sigma, growth - 1.0, intensity * growth, intensity * growth * deviation]
    jacobian[1, 1] = jacobian[2, 2] = jacobian[3, 3] = jacobian[4, 4] = 1.0
    jacobian *= _TRANSFORMS.slope(np.array([log_drift, sigma, intensity, mean, deviation]))
    diffusion = _gaussian_log_likelihood(sample)
    total = sigma**2 + intensity * (mean**2 + deviation**2)
    return Calibration.of(
        "merton",
        parameters={
            "mu": mu,
            "sigma": sigma,
            "jump_intensity": intensity,
            "mean_log_jump": mean,
            "jump_vol": deviation,
        },
        covariance=covariance_of(optimum, jacobian),
        log_likelihood=optimum.value,
        diagnostics=sample.diagnostics
        | optimum.report()
        | {
            "lr_statistic": 2.0 * (optimum.value - diffusion),
            "total_volatility": math.sqrt(total),
            "jump_variance_share": 1.0 - sigma**2 / total,
        },
        **sample.identity(),
    )


def _unit_deviation(sample: SpotSample) -> float:
    """Annual volatility that ignores jumps of a step's size less than the plain one does."""
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


def _starts(sample: SpotSample, scale: float) -> list[Array]:
    """Call returns beyond a threshold jumps, at three thresholds."""
    scaled = sample.returns / np.sqrt(sample.dt)
    centre = float(np.median(scaled))
    robust = max(float(np.median(np.abs(scaled - centre))) / 0.6745, 0.3 * scale)
    years = float(sample.dt.sum())
    step = sample.nominal_dt
    starts = []
    for threshold in (2.0, 3.0, 4.5):
        jumps = np.abs(scaled - centre) > threshold * robust
        count = max(int(jumps.sum()), 2)
        calm = scaled[~jumps]
        sigma = max(float(calm.std()), 0.2 * scale)
        sizes = sample.returns[jumps] if jumps.sum() >= 2 else np.array([-0.1, 0.1]) * scale
        starts.append(
            np.array(
                [
                    float(sample.returns[~jumps].sum() / sample.dt[~jumps].sum()),
                    sigma,
                    min(max(count / years, 0.5), 0.4 / step),
                    float(np.clip(sizes.mean(), -0.5, 0.5)),
                    max(float(sizes.std()), scale * math.sqrt(step)),
                ]
            )
        )
    return starts


def _terms(expected: float) -> int:
    """Count Poisson terms until the rest weighs less than the tail allowed."""
    weight, total, k = math.exp(-expected), math.exp(-expected), 0
    while 1.0 - total > _POISSON_TAIL and k < 60:
        k += 1
        weight *= expected / k
        total += weight
    return k + 1


@kernel
def _score(
    returns: Array,
    weights: Array,
    index: NDArray[np.int64],
    steps: Array,
    natural: Array,
    terms: int,
    gradient: Array,
) -> float:
    """Weighted log likelihood; its derivative is added to `gradient`.

    Loops over a block run term by term, element by element, so that they vectorise.
    """
    drift, sigma, intensity, mean, deviation = natural
    count = len(steps)
    constant = np.empty((count, terms))
    inverse = np.empty((count, terms))
    for u in range(count):
        h = steps[u]
        expected = intensity * h
        factorial = 0.0
        for k in range(terms):
            if k > 0:
                factorial += log(1.0 * k)
            variance = sigma * sigma * h + k * deviation * deviation
            inverse[u, k] = 1.0 / variance
            constant[u, k] = (
                -expected
                + k * log(expected)
                - factorial
                - 0.5 * log(2.0 * 3.141592653589793 * variance)
            )
    error = np.empty(_BLOCK)
    step = np.empty(_BLOCK)
    density = np.empty(_BLOCK)
    widest, narrow, level = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    # derivatives by drift, variance rate, intensity, jump mean, jump variance
    g0, g1, g2 = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    g3, g4 = np.empty(_BLOCK), np.empty(_BLOCK)
    value = 0.0
    for begin in range(0, len(returns), _BLOCK):
        size = min(_BLOCK, len(returns) - begin)
        for i in range(size):
            step[i] = steps[index[begin + i]]
            error[i] = returns[begin + i] - drift * step[i]
            # The widest term sets the scale, so that no far return underflows to nothing.
            widest[i] = error[i] * error[i] * inverse[index[begin + i], terms - 1]
            density[i] = 0.0
            g0[i] = g1[i] = g2[i] = g3[i] = g4[i] = 0.0
        for k in range(terms):
            shift = k * mean
            for i in range(size):
                u = index[begin + i]
                narrow[i] = inverse[u, k]
                level[i] = constant[u, k]
            for i in range(size):
                e = error[i] - shift
                slope = e * narrow[i]
                p = exp(level[i] - 0.5 * (e * slope - widest[i]))
                bend = 0.5 * (slope * slope - narrow[i])
                density[i] += p
                g0[i] += p * slope
                g1[i] += p * bend
                g2[i] += p * k
                g3[i] += p * (k * slope)
                g4[i] += p * (k * bend)
        for i in range(size):
            w = weights[begin + i]
            scaled = w / density[i]
            value += w * (log(density[i]) - 0.5 * widest[i])
            gradient[0] += scaled * g0[i] * step[i]
            gradient[1] += scaled * g1[i] * step[i] * 2.0 * sigma
            gradient[2] += scaled * g2[i] / intensity - w * step[i]
            gradient[3] += scaled * g3[i]
            gradient[4] += scaled * g4[i] * 2.0 * deviation
    return value

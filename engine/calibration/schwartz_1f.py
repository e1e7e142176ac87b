"""Schwartz one-factor model: exact likelihood on spot prices, Kalman filter on a futures panel."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.curve_data import Initial, Measurement
from engine.calibration.curve_season import Seasonality
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.interval import Interval
from engine.calibration.reversion_interval import reversion_intervals
from engine.calibration.sample import SpotSample
from engine.calibration.schwartz_1f_curve import curve_calibration
from engine.calibration.window import Window
from engine.errors import Refusal

# With more half-lives in the window the estimate's law is normal.
_MANY_HALF_LIVES = 150.0

__all__ = ["estimate_schwartz_1f", "kappa_bias"]

Array = NDArray[np.float64]


def estimate_schwartz_1f(
    data: Bars | FuturesPanel,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    minimum: int = 60,
    overnight: Literal["exclude", "include"] = "exclude",
    bias_correction: Literal["none", "analytic"] = "none",
    measurement: Measurement = "per_contract",
    initial: Initial = "diffuse",
    seasonality: Seasonality = 0,
) -> Calibration:
    r"""Estimate the Schwartz one-factor model.

    Parameters
    ----------
    data : Bars or FuturesPanel
        Spot bars: exact likelihood of the Ornstein-Uhlenbeck log price. A futures panel: Kalman
        filter.
    as_of, window, non_positive, minimum
        See `SpotSample.from_bars`; a panel takes "error" or "exclude" and no weights.
    overnight, bias_correction
        Spot bars only; the correction is "none" or "analytic" (see Notes).
    measurement, initial, seasonality
        Futures panel only, see `estimate_schwartz_smith`.

    Returns
    -------
    Calibration
        ``kappa``, ``mu``, ``sigma`` and, from a panel, the market price of risk ``lambda_`` and the
        amplitudes of a season, if it has one.

    Notes
    -----
    :math:`dS = \kappa(\mu - \ln S) S dt + \sigma S dz` [1]_, so that
    :math:`X = \ln S` reverts to :math:`\alpha = \mu - \sigma^2 / 2\kappa`. On spot prices the
    estimate of kappa is biased upwards by about 4 / T (T in years) [2]_: the bias is reported,
    and subtracted when asked.

    A panel whose reversion is too slow to be measured determines :math:`\kappa\mu` and
    :math:`\kappa\lambda` only: kappa then ends on its lower bound, is named in the diagnostics
    (``held_by_bound``), and the errors of the others are those at this speed.

    References
    ----------
    .. [1] Schwartz, E. (1997). The Stochastic Behavior of Commodity Prices. Journal of Finance
       52, 923-973.
    .. [2] Tang, C., Chen, S. (2009). Parameter estimation and bias correction for diffusion
       processes. Journal of Econometrics 149, 65-81.
    """
    if isinstance(data, FuturesPanel):
        if non_positive not in ("error", "exclude"):
            raise Refusal("non_positive", repr(non_positive), "error, exclude for a panel")
        return curve_calibration(
            data,
            as_of=as_of,
            window=window,
            non_positive=non_positive,
            measurement=measurement,
            initial=initial,
            seasonality=seasonality,
            minimum=minimum,
        )
    if seasonality != 0:
        raise Refusal("seasonality", f"{seasonality!r} with bars", "0, or a futures panel")
    if bias_correction not in ("none", "analytic"):
        raise Refusal("bias_correction", repr(bias_correction), "none, analytic")
    sample = SpotSample.from_bars(
        data,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    return _from_spot(sample, corrected=bias_correction == "analytic")


def kappa_bias(kappa: float, dt: float, n: int) -> float:
    """Bias of the maximum likelihood speed of mean reversion, to order 1/n.

    Parameters
    ----------
    kappa : float
        Speed, per year.
    dt : float
        Years between observations.
    n : int
        Number of steps.

    Notes
    -----
    ``(5/2 + exp(kappa dt) + exp(2 kappa dt)/2) / (n dt)`` (Tang and Chen 2009, theorem 3.1.1).
    """
    step = min(kappa * dt, 50.0)
    return (2.5 + math.exp(step) + 0.5 * math.exp(2.0 * step)) / (n * dt)


def _from_spot(sample: SpotSample, *, corrected: bool) -> Calibration:
    kappa = likeliest = _speed(sample)
    dt = float(np.average(sample.dt, weights=sample.weights))
    bias = kappa_bias(kappa, dt, max(int(sample.effective_n), 1))
    # A half-life as long as the window.
    floor = math.log(2.0) / (dt * sample.effective_n)
    floored = corrected and kappa - bias < floor
    if corrected:
        kappa = max(kappa - bias, min(kappa, floor))
    alpha, variance, log_likelihood = _profile(kappa, sample)
    sigma = math.sqrt(variance)
    covariance = _spot_covariance(kappa, alpha, sigma, sample)
    mu = alpha + variance / (2.0 * kappa)
    intervals: dict[str, Interval] = {}
    if likeliest < _MANY_HALF_LIVES * floor:
        found = reversion_intervals(sample, likeliest)
        at = {"kappa": kappa, "mu": mu}
        intervals = {name: interval.around(at[name]) for name, interval in found.items()}
    # mu is a function of alpha, sigma and kappa.
    jacobian = np.array(
        [
            [1.0, 0.0, 0.0],
            [-variance / (2.0 * kappa**2), 1.0, sigma / kappa],
            [0.0, 0.0, 1.0],
        ]
    )
    return Calibration.of(
        "schwartz_1f",
        parameters={"kappa": kappa, "mu": mu, "sigma": sigma},
        covariance=jacobian @ covariance @ jacobian.T,
        log_likelihood=log_likelihood,
        intervals=intervals,
        diagnostics=sample.diagnostics
        | {
            "alpha": alpha,
            "kappa_bias": bias,
            "bias_corrected": corrected,
            "bias_correction_floored": floored,
            "half_life_years": math.log(2.0) / kappa,
        },
        start_state={"spot": math.exp(sample.last)},
        **sample.identity(),
    )


def _speed(sample: SpotSample) -> float:
    """Maximum likelihood kappa: closed form for equal steps, else one-dimensional search."""
    x, y, w = sample.start, sample.start + sample.returns, sample.weights
    centre = np.average(x, weights=w)
    dx = x - centre
    slope = float(np.sum(w * dx * y) / np.sum(w * dx * dx))
    equal = float(sample.dt.max()) <= 1.0000001 * float(sample.dt.min())
    if not 0.0 < slope < 1.0 and equal:
        raise Refusal(
            f"{sample.symbol} log price",
            f"an autoregressive coefficient of {slope:.6g}",
            "between 0 and 1 (mean reversion)",
        )
    if equal:
        return -math.log(slope) / float(sample.dt[0])
    shortest = float(sample.dt.min())
    low, high = math.log(1e-4), math.log(10.0 / shortest)
    result = minimize_scalar(
        lambda u: -_profile(math.exp(u), sample)[2],
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-9},
    )
    kappa = math.exp(float(result.x))
    if float(result.x) < low + 0.01 or float(result.x) > high - 0.01:
        raise Refusal(
            f"{sample.symbol} kappa",
            f"the likelihood highest at its bound {kappa:.4g}",
            "mean reversion between the bounds",
        )
    return kappa


def _profile(kappa: float, sample: SpotSample) -> tuple[float, float, float]:
    """Best alpha and squared sigma at a kappa, and the log likelihood there."""
    phi = np.exp(-kappa * sample.dt)
    unit = -np.expm1(-2.0 * kappa * sample.dt) / (2.0 * kappa)
    y = sample.start * (1.0 - phi) + sample.returns
    w = sample.weights / unit
    pull = 1.0 - phi
    alpha = float(np.sum(w * pull * y) / np.sum(w * pull * pull))
    count = sample.effective_n
    variance = float(np.sum(w * (y - alpha * pull) ** 2)) / count
    log_likelihood = -0.5 * (
        count * (math.log(2.0 * math.pi * variance) + 1.0)
        + float(np.sum(sample.weights * np.log(unit)))
    )
    return alpha, variance, log_likelihood


def _spot_covariance(kappa: float, alpha: float, sigma: float, sample: SpotSample) -> Array:
    """Inverse of the information about (kappa, alpha, sigma), given the prices before each step."""
    h, w = sample.dt, sample.weights
    phi = np.exp(-kappa * h)
    unit = -np.expm1(-2.0 * kappa * h) / (2.0 * kappa)
    # Derivatives of each step's mean and of the logarithm of its variance.
    mean_kappa = -h * phi * (sample.start - alpha)
    mean_alpha = 1.0 - phi
    log_variance_kappa = h * phi**2 / (kappa * unit) - 1.0 / kappa
    log_variance_sigma = np.full(len(h), 2.0 / sigma)
    means = np.stack([mean_kappa, mean_alpha, np.zeros(len(h))])
    logs = np.stack([log_variance_kappa, np.zeros(len(h)), log_variance_sigma])
    information = (means * (w / (sigma**2 * unit))) @ means.T + 0.5 * (logs * w) @ logs.T
    return np.asarray(np.linalg.inv(information))

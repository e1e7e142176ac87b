"""Geometric Brownian motion: exact likelihood of log returns."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.sample import SpotSample
from engine.calibration.volatility import VolatilityEstimator, range_volatility
from engine.calibration.window import Window

__all__ = ["estimate_gbm"]


def estimate_gbm(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 30,
    volatility: VolatilityEstimator = "close",
) -> Calibration:
    r"""Estimate drift and volatility of a geometric Brownian motion.

    Parameters
    ----------
    bars : Bars
        The history.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`.
    volatility : str
        ``close``: maximum likelihood. Any other estimator of `range_volatility` replaces sigma
        and its error; the drift is then the mean log return plus half that variance.

    Returns
    -------
    Calibration
        ``mu`` (drift of the price, annual) and ``sigma`` (volatility, annual).

    Notes
    -----
    With returns :math:`r_i \sim N(m h_i, \sigma^2 h_i)` over steps :math:`h_i`, the maximum of
    the (weighted) likelihood is :math:`m = \sum w r / \sum w h`,
    :math:`\sigma^2 = \sum w (r - m h)^2 / h \big/ \sum w`, :math:`\mu = m + \sigma^2 / 2`.
    Errors: :math:`\sigma / \sqrt{T}` for the drift given the volatility, with T the years seen,
    and :math:`\sigma / \sqrt{2 n}` [1]_. With weights, T and n are their weighted sums, with
    weights that sum to the effective number of returns (see `SpotSample`).

    References
    ----------
    .. [1] Campbell, J., Lo, A., MacKinlay, C. (1997). The Econometrics of Financial Markets,
       section 9.3.
    """
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    r, h, w = sample.returns, sample.dt, sample.weights
    years = float(np.sum(w * h))
    count = sample.effective_n
    log_drift = float(np.sum(w * r)) / years
    variance = float(np.sum(w * (r - log_drift * h) ** 2 / h)) / count
    sigma = math.sqrt(variance)
    error = sigma / math.sqrt(2.0 * count)
    if volatility != "close":
        sigma, error = _from_ranges(bars, sample, volatility)
    mu = log_drift + 0.5 * sigma**2
    log_likelihood = -0.5 * (
        count * (math.log(2.0 * math.pi * sigma**2) + variance / sigma**2)
        + float(np.sum(w * np.log(h)))
    )
    return Calibration.of(
        "gbm",
        parameters={"mu": mu, "sigma": sigma},
        covariance=np.diag([sigma**2 / years, error**2]),
        log_likelihood=log_likelihood,
        diagnostics=sample.diagnostics
        | {"log_drift": log_drift, "years": years, "volatility": volatility},
        **sample.identity(),
    )


def _from_ranges(
    bars: Bars, sample: SpotSample, estimator: VolatilityEstimator
) -> tuple[float, float]:
    """Volatility of the sample's bars, by what happens inside each."""
    position = np.searchsorted(bars.timestamps, sample.stamps)
    first = max(int(position[0]) - 1, 0)
    span = bars[first : int(position[-1]) + 1]
    weights = np.zeros(len(span) - 1)
    weights[position - first - 1] = sample.weights
    return range_volatility(span, estimator, weights=weights)

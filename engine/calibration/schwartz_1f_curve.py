"""Schwartz one-factor model on a futures panel: Kalman maximum likelihood."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.curve_data import CurveData, Initial, Measurement, year_fraction
from engine.calibration.curve_fit import state_covariance
from engine.calibration.curve_season import Seasonality, fit_seasonal_curve, season_terms
from engine.calibration.curve_sums import curve_sums
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.kalman import CurveModel, Gradient
from engine.calibration.schwartz_smith import curve_moments
from engine.calibration.transforms import Transforms
from engine.calibration.window import Window
from engine.sources.seasonality import season_names

__all__ = ["Schwartz1F", "curve_calibration"]

Array = NDArray[np.float64]

_NAMES = ("kappa", "mu", "sigma", "lambda_")


def curve_calibration(
    panel: FuturesPanel,
    *,
    as_of: date | None,
    window: str | Window,
    non_positive: Literal["error", "exclude"],
    measurement: Measurement,
    initial: Initial,
    seasonality: Seasonality,
    minimum: int,
) -> Calibration:
    """Estimate the model on a panel; see `estimate_schwartz_1f`."""
    data = CurveData.of(
        panel,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        measurement=measurement,
        initial=initial,
        minimum=minimum,
        contracts=2,
    )
    model = Schwartz1F(level=float(np.nanmean(data.y)))
    fit, cycles, season = fit_seasonal_curve(model, data, seasonality)
    own, jacobian = model.reported(fit.parameters[:4])
    amplitudes = fit.parameters[4:]
    names = (*_NAMES, *season_names(cycles))
    values = [*own.tolist(), *amplitudes.tolist()]
    today = year_fraction(data.panel.last_date)
    waves = season_terms(np.array(today), cycles).reshape(-1)
    spot = math.exp(float(fit.filtered.states[-1, 0] + amplitudes @ waves))
    # The spot's error follows from the state's, and from those of its season.
    size = len(names)
    carried = np.zeros((size + 1, size + 2))
    carried[:size, :size] = np.eye(size)
    carried[:4, :4] = jacobian
    carried[size, 4 : size + 1] = [*(spot * waves), spot]
    joint = carried @ fit.covariance @ carried.T
    return Calibration.of(
        "schwartz_1f",
        symbol=panel.symbol,
        timeframe=panel.timeframe,
        as_of=as_of or panel.last_date,
        parameters=dict(zip(names, values, strict=True)),
        covariance=joint[:size, :size],
        log_likelihood=fit.filtered.log_likelihood,
        free_parameters=size + data.group_count,
        n=data.filled,
        window=str(Window.parse(window)),
        diagnostics=fit.diagnostics | season,
        start_state={"spot": spot} | ({"year_fraction": today} if cycles else {}),
        state_covariance=state_covariance(joint, names, ("spot",)),
    )


class Schwartz1F:
    r"""The model on a futures curve, as the optimiser needs it (see `FactorModel`).

    :math:`\ln F = e^{-\kappa T} X + (1 - e^{-\kappa T}) \alpha^*
    + (1 - e^{-2\kappa T}) \sigma^2 / 4\kappa` with :math:`\alpha^* = \alpha - \lambda`.

    Parameters
    ----------
    level : float
        A log price L inside the panel's range.

    Notes
    -----
    Its parameters are kappa, the drift :math:`\kappa(\alpha - L)` of a log price at the level,
    sigma, and the slope :math:`\kappa(\alpha^* - L) + \sigma^2/2` of the curve there: where
    nothing reverts these stay finite, while :math:`\mu` and :math:`\lambda` grow without bound.
    """

    names: tuple[str, ...] = ("kappa", "drift", "sigma", "slope")
    transforms = Transforms(("log", "linear", "log", "linear"))
    lower = np.array([math.log(1e-4), -100.0, math.log(1e-4), -100.0])
    upper = np.array([math.log(50.0), 100.0, math.log(10.0), 100.0])

    def __init__(self, level: float) -> None:
        self.level = level

    def reported(self, natural: Array) -> tuple[Array, Array]:
        """Values of kappa, mu, sigma and lambda_, and their derivative by `names`."""
        kappa, drift, sigma, slope = natural
        mu = self.level + (drift + 0.5 * sigma**2) / kappa
        lambda_ = (drift - slope + 0.5 * sigma**2) / kappa
        jacobian = np.array(
            [
                [1.0, 0.0, 0.0, 0.0],
                [(self.level - mu) / kappa, 1.0 / kappa, sigma / kappa, 0.0],
                [0.0, 0.0, 1.0, 0.0],
                [-lambda_ / kappa, 1.0 / kappa, sigma / kappa, -1.0 / kappa],
            ]
        )
        return np.array([kappa, mu, sigma, lambda_]), jacobian

    def build(self, natural: Array, h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters."""
        kappa, sigma = natural[0], natural[2]
        alpha, alpha_star = self._means(natural)
        decay = np.exp(-kappa * data.years)
        phi = np.exp(-kappa * data.elapsed_years)
        stationary = sigma**2 / (2.0 * kappa)
        q11 = stationary * (1.0 - phi**2)
        zeros = np.zeros(len(phi))
        mean, covariance, _ = data.start((alpha, 0.0), (stationary, 0.0, 0.0), (q11[0], 0.0, 0.0))
        if data.initial == "first_price":
            mean = mean[::-1].copy()
        return CurveModel(
            z=decay,
            d=(1.0 - decay) * alpha_star + 0.5 * stationary * (1.0 - decay**2),
            second=0.0,
            groups=data.groups,
            h=h,
            phi=phi,
            c1=alpha * (1.0 - phi),
            c2=zeros,
            q11=q11,
            q12=zeros,
            q22=zeros,
            mean=mean,
            covariance=covariance,
        )

    def pull(self, natural: Array, data: CurveData, gradient: Gradient) -> Array:
        """Carry the gradient over from the state space to `names`."""
        kappa, drift, sigma, _ = natural
        alpha, alpha_star = self._means(natural)
        phi = np.exp(-kappa * data.elapsed_years)
        stationary = sigma**2 / (2.0 * kappa)
        by_alpha_star, fall_twice, _, slope, slope_twice, loading = curve_sums(
            gradient.d, gradient.z, data.years, kappa
        )
        by_alpha = float(np.sum(gradient.c1 * (1.0 - phi)))
        noise = gradient.q11.copy()
        by_stationary = 0.5 * fall_twice
        if data.initial == "diffuse":
            by_alpha += float(gradient.mean[0])
            by_stationary += float(gradient.covariance[0])
        elif data.initial == "first_price":
            noise[0] += gradient.covariance[0]
        by_stationary += float(np.sum(noise * (1.0 - phi**2)))
        by_kappa = float(
            slope * alpha_star
            + slope_twice * stationary
            - loading
            - np.sum(gradient.phi * data.elapsed_years * phi)
            + np.sum(gradient.c1 * data.elapsed_years * phi) * alpha
            + np.sum(noise * 2.0 * data.elapsed_years * phi**2) * stationary
        )
        # Both means and the stationary variance depend on kappa as well.
        by_kappa -= by_alpha * drift / kappa**2 + by_stationary * stationary / kappa
        by_kappa -= by_alpha_star * (alpha_star - self.level) / kappa
        by_sigma = (by_stationary - by_alpha_star) * sigma / kappa
        return np.array([by_kappa, by_alpha / kappa, by_sigma, by_alpha_star / kappa])

    def starts(self, data: CurveData) -> list[Array]:
        """Speeds on a grid, the volatility of the nearest column, zero drift at the level."""
        near, _, _, _ = curve_moments(data)
        sigma = max(near, 0.02)
        return [
            np.array([kappa, 0.0, sigma, 0.5 * sigma**2 - kappa * lambda_])
            for kappa in (0.4, 0.1, 1.0, 2.5)
            for lambda_ in (0.0, -0.3)
        ]

    def _means(self, natural: Array) -> tuple[float, float]:
        """Long-run mean of the log price under the real-world and the pricing measure."""
        kappa, drift, sigma, slope = natural
        return (
            float(self.level + drift / kappa),
            float(self.level + (slope - 0.5 * sigma**2) / kappa),
        )

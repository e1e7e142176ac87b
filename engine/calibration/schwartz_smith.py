"""Schwartz-Smith two-factor model: Kalman maximum likelihood on a futures panel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
from engine.calibration.kalman import CurveModel, FilterResult, Gradient, filter_curve
from engine.calibration.transforms import Transforms
from engine.calibration.window import Window
from engine.sources.seasonality import season_names

__all__ = [
    "PARAMETERS",
    "SchwartzSmith",
    "curve_constant",
    "estimate_schwartz_smith",
    "filter_schwartz_smith",
    "futures_price",
]

Array = NDArray[np.float64]

PARAMETERS = ("kappa", "sigma_chi", "lambda_chi", "mu_xi", "sigma_xi", "mu_xi_star", "rho")

# Standard deviation of the unknown first equilibrium log price: wider than any price history.
_DIFFUSE_SD = 10.0


def estimate_schwartz_smith(
    panel: FuturesPanel,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] = "error",
    measurement: Measurement = "per_contract",
    initial: Initial = "diffuse",
    seasonality: Seasonality = 0,
    minimum: int = 30,
) -> Calibration:
    r"""Estimate the Schwartz-Smith model from futures prices.

    Parameters
    ----------
    panel : FuturesPanel
        Futures prices; prices may be missing and maturities may vary.
    as_of : datetime.date, optional
        Later rows are ignored; defaults to the last row.
    window : str or Window
        ``full``, ``expanding`` or ``rolling:Ny``.
    non_positive : {"error", "exclude"}
        Prices at or below zero: raise, or treat as missing.
    measurement : "per_contract", "common" or sequence of float
        One measurement error per column, one for all, or one per group of maturities below each
        of these bounds (years).
    initial : "diffuse", "first_price" or (mean, covariance)
        States before the first row: ``chi`` from its stationary law and ``xi`` unknown (standard
        deviation 10 around the first log price); the first log price in ``xi`` with the
        covariance of one step; or given, in the order (chi, xi).
    seasonality : int or "auto"
        Cycles per year of a season of the prices, by the day of their expiry; ``auto`` takes as
        many as Schwarz's criterion wants (`fit_seasonal_curve`).
    minimum : int
        Fewest rows allowed.

    Returns
    -------
    Calibration
        `PARAMETERS`, annual, and ``season_cos_1``, ``season_sin_1`` and so on where there is a
        season; states ``chi`` and ``xi`` and the model's spot price as the start state, with
        errors; measurement errors and fit errors per column in the diagnostics.

    Notes
    -----
    :math:`\ln S = \chi + \xi`, :math:`d\chi = -\kappa \chi dt + \sigma_\chi dz_\chi`,
    :math:`d\xi = \mu_\xi dt + \sigma_\xi dz_\xi`; under the pricing measure the drifts are
    :math:`-\kappa\chi - \lambda_\chi` and :math:`\mu^*_\xi` [1]_. The gradient is exact; the
    optimum is the best of many fixed starts, refined to convergence by Newton's method.

    References
    ----------
    .. [1] Schwartz, E., Smith, J. (2000). Short-Term Variations and Long-Term Dynamics in
       Commodity Prices. Management Science 46, 893-911.
    """
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
    fit, cycles, season = fit_seasonal_curve(SchwartzSmith(), data, seasonality)
    names = (*PARAMETERS, *season_names(cycles))
    parameters = dict(zip(names, fit.parameters.tolist(), strict=True))
    chi, xi = fit.filtered.states[-1].tolist()
    today = year_fraction(data.panel.last_date)
    waves = season_terms(np.array(today), cycles).reshape(-1)
    spot = math.exp(chi + xi + float(fit.parameters[len(PARAMETERS) :] @ waves))
    # The spot's error follows from those of both states, and of its season.
    size = len(names)
    carried = np.vstack(
        [np.eye(size + 2), [*np.zeros(len(PARAMETERS)), *(spot * waves), spot, spot]]
    )
    start_state = {"chi": chi, "xi": xi, "spot": spot}
    return Calibration.of(
        "schwartz_smith",
        symbol=panel.symbol,
        timeframe=panel.timeframe,
        as_of=as_of or panel.last_date,
        parameters=parameters,
        covariance=fit.covariance[:size, :size],
        log_likelihood=fit.filtered.log_likelihood,
        free_parameters=size + data.group_count,
        n=data.filled,
        window=str(Window.parse(window)),
        diagnostics=fit.diagnostics | season,
        start_state=start_state | ({"year_fraction": today} if cycles else {}),
        state_covariance=state_covariance(
            carried @ fit.covariance @ carried.T, names, ("chi", "xi", "spot")
        ),
    )


def filter_schwartz_smith(
    panel: FuturesPanel,
    parameters: Mapping[str, float],
    measurement_sd: float | Sequence[float],
    *,
    measurement: Measurement = "per_contract",
    initial: Initial = "diffuse",
    non_positive: Literal["error", "exclude"] = "error",
) -> FilterResult:
    """Filter a panel at given parameters: log likelihood and states.

    Parameters
    ----------
    panel : FuturesPanel
        Futures prices.
    parameters : mapping
        `PARAMETERS`.
    measurement_sd : float or sequence of float
        Standard deviation of the measurement errors, in log units, one per group.
    measurement, initial, non_positive
        See `estimate_schwartz_smith`.
    """
    data = CurveData.of(panel, measurement=measurement, initial=initial, non_positive=non_positive)
    sd = np.broadcast_to(np.asarray(measurement_sd, dtype=np.float64), (data.group_count,))
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        raise ValueError(f"parameters: found {sorted(parameters)}, missing {', '.join(missing)}")
    natural = np.array([float(parameters[name]) for name in PARAMETERS])
    return filter_curve(data.y, SchwartzSmith().build(natural, sd**2, data))


def futures_price(
    parameters: Mapping[str, float], chi: float, xi: float, years: float | Array
) -> Array:
    r"""Futures price of the Schwartz-Smith model, equation (9) of the paper.

    :math:`\ln F = e^{-\kappa T}\chi + \xi + A(T)`.
    """
    natural = np.array([float(parameters[name]) for name in PARAMETERS])
    maturities = np.asarray(years, dtype=np.float64)
    decay = np.exp(-natural[0] * maturities)
    return np.asarray(np.exp(decay * chi + xi + curve_constant(natural, maturities, decay)))


class SchwartzSmith:
    """The model as the optimiser needs it (see `FactorModel`)."""

    names: tuple[str, ...] = PARAMETERS
    transforms = Transforms(("log", "log", "linear", "linear", "log", "linear", "atanh"))
    # The bounds of the drifts allow a price that triples within a month.
    lower = np.array([math.log(1e-3), math.log(1e-4), -99.0, -99.0, math.log(1e-4), -99.0, -6.0])
    upper = np.array([math.log(50.0), math.log(10.0), 99.0, 99.0, math.log(10.0), 99.0, 6.0])

    def build(self, natural: Array, h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters."""
        kappa, sigma_chi, _, mu_xi, sigma_xi, _, rho = natural
        decay = np.exp(-kappa * data.years)
        phi = np.exp(-kappa * data.elapsed_years)
        stationary = sigma_chi**2 / (2.0 * kappa)
        q11 = stationary * (1.0 - phi**2)
        q12 = rho * sigma_chi * sigma_xi * (1.0 - phi) / kappa
        q22 = sigma_xi**2 * data.elapsed_years
        first = data.y[0][~np.isnan(data.y[0])]
        level = float(first.mean()) if len(first) else float(np.nanmean(data.y))
        mean, covariance, _ = data.start(
            (0.0, level), (stationary, 0.0, _DIFFUSE_SD**2), (q11[0], q12[0], q22[0])
        )
        return CurveModel(
            z=decay,
            d=curve_constant(natural, data.years, decay),
            second=1.0,
            groups=data.groups,
            h=h,
            phi=phi,
            c1=np.zeros(len(phi)),
            c2=mu_xi * data.elapsed_years,
            q11=q11,
            q12=q12,
            q22=q22,
            mean=mean,
            covariance=covariance,
        )

    def pull(self, natural: Array, data: CurveData, gradient: Gradient) -> Array:
        """Carry the gradient over from the state space to `PARAMETERS`."""
        kappa, sigma_chi, lambda_chi, _, sigma_xi, _, rho = natural
        elapsed = data.elapsed_years
        fall, fall_twice, length, slope, slope_twice, loading = curve_sums(
            gradient.d, gradient.z, data.years, kappa
        )
        # d/dkappa of (1 - e^{-kT}) / k and of (1 - e^{-2kT}) / (2k)
        single = slope / kappa - fall / kappa**2
        double = slope_twice / kappa - fall_twice / (2.0 * kappa**2)
        covariance_part = rho * sigma_chi * sigma_xi - lambda_chi
        constant = np.array(
            [
                covariance_part * single + 0.5 * sigma_chi**2 * double - loading,
                (fall_twice * sigma_chi / 2.0 + fall * rho * sigma_xi) / kappa,
                -fall / kappa,
                0.0,
                sigma_xi * length + fall * rho * sigma_chi / kappa,
                length,
                fall * sigma_chi * sigma_xi / kappa,
            ]
        )
        phi = np.exp(-kappa * elapsed)
        one, two, three = gradient.q11.copy(), gradient.q12.copy(), gradient.q22.copy()
        if data.initial == "first_price":
            one[0] += gradient.covariance[0]
            two[0] += gradient.covariance[1]
            three[0] += gradient.covariance[2]
        step_single = elapsed * phi / kappa - (1.0 - phi) / kappa**2
        step_double = elapsed * phi**2 / kappa - (1.0 - phi**2) / (2.0 * kappa**2)
        transition = np.array(
            [
                np.sum(
                    -gradient.phi * elapsed * phi
                    + one * sigma_chi**2 * step_double
                    + two * rho * sigma_chi * sigma_xi * step_single
                ),
                np.sum(
                    one * sigma_chi * (1.0 - phi**2) / kappa
                    + two * rho * sigma_xi * (1.0 - phi) / kappa
                ),
                0.0,
                np.sum(gradient.c2 * elapsed),
                np.sum(
                    two * rho * sigma_chi * (1.0 - phi) / kappa + three * 2.0 * sigma_xi * elapsed
                ),
                0.0,
                np.sum(two * (1.0 - phi)) * sigma_chi * sigma_xi / kappa,
            ]
        )
        total: Array = constant + transition
        if data.initial == "diffuse":
            total[0] -= gradient.covariance[0] * sigma_chi**2 / (2.0 * kappa**2)
            total[1] += gradient.covariance[0] * sigma_chi / kappa
        return total

    def starts(self, data: CurveData) -> list[Array]:
        """Speeds and correlations on a grid, volatilities from the two ends of the curve."""
        near, far, slope, drift = curve_moments(data)
        sigma_xi = max(far, 0.02)
        sigma_chi = max(math.sqrt(max(near**2 - far**2, 0.0)), 0.3 * near, 0.02)
        return [
            np.array([kappa, sigma_chi, 0.0, drift, sigma_xi, slope, rho])
            for kappa in (1.0, 0.3, 3.0)
            for rho in (0.2, -0.4, 0.7)
        ]


def curve_moments(data: CurveData) -> tuple[float, float, float, float]:
    """Volatility of the nearest and the farthest column, long slope of the curve, drift."""
    seen = (~np.isnan(data.y)).sum(axis=0)
    mean_years = data.years.sum(axis=0) / np.maximum(seen, 1)
    usable = np.flatnonzero(seen >= 3)
    if len(usable) == 0:
        usable = np.flatnonzero(seen > 0)
    order = usable[np.argsort(mean_years[usable])]
    volatility = []
    for column in (order[0], order[-1]):
        changes = np.diff(data.y[:, column])
        scaled = changes / np.sqrt(data.elapsed_years[1:])
        scaled = scaled[np.isfinite(scaled)]
        volatility.append(float(scaled.std()) if len(scaled) > 1 else 0.3)
    back = order[-1]
    middle = order[len(order) // 2]
    gap = mean_years[back] - mean_years[middle]
    spread = data.y[:, back] - data.y[:, middle]
    finite = spread[np.isfinite(spread)]
    slope = float(finite.mean() / gap) if gap > 1e-3 and len(finite) else 0.0
    own = data.y[:, back][~np.isnan(data.y[:, back])]
    span = float(data.elapsed_years[1:].sum())
    drift = float((own[-1] - own[0]) / span) if span > 0.0 else 0.0
    return volatility[0], volatility[1], float(np.clip(slope, -0.5, 0.5)), drift


def curve_constant(natural: Array, years: Array, decay: Array) -> Array:
    """A(T) of the futures price, of `PARAMETERS` that may be arrays."""
    kappa, sigma_chi, lambda_chi, _, sigma_xi, mu_star, rho = natural
    fall = 1.0 - decay
    return np.asarray(
        (mu_star + 0.5 * sigma_xi**2) * years
        + fall * (rho * sigma_chi * sigma_xi - lambda_chi) / kappa
        + (1.0 - decay**2) * sigma_chi**2 / (4.0 * kappa)
    )

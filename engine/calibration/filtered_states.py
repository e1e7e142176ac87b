"""The states behind a futures curve through time, and what the filter could not foresee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.curve_data import CurveData, Initial, Measurement, year_fraction
from engine.calibration.curve_season import season_terms
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.kalman import CurveModel, FilterResult, filter_curve
from engine.calibration.residuals import autocorrelation, jarque_bera, ljung_box
from engine.calibration.schwartz_1f_curve import Schwartz1F
from engine.calibration.schwartz_smith import SchwartzSmith
from engine.calibration.smoother import smooth_curve
from engine.errors import Refusal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FilteredStates", "kalman_filter"]

Array = NDArray[np.float64]

_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class FilteredStates:
    """States of a calibrated commodity model on every date of its panel.

    Parameters
    ----------
    names : tuple of str
        The states: ``chi`` and ``xi``, or ``convenience_yield``, and ``log_spot``.
    dates : tuple of datetime.date
        Dates of the rows.
    labels : tuple of str
        Names of the contracts.
    filtered, smoothed : ndarray of float64, shape (rows, states)
        Estimates from the prices up to each date, and from all prices.
    filtered_std_error, smoothed_std_error : ndarray of float64, shape (rows, states)
        Their errors: those of the filter and those that they have from the parameters.
    innovations : ndarray of float64, shape (rows, contracts)
        Standardised errors of the one-step forecast of each log price, given the rows before and
        the contracts before it in its own row; NaN where there is no price. White and standard
        normal where the model is right.
    log_likelihood : float
        Of the panel at the calibrated parameters.
    """

    names: tuple[str, ...]
    dates: tuple[date, ...]
    labels: tuple[str, ...]
    filtered: Array
    smoothed: Array
    filtered_std_error: Array
    smoothed_std_error: Array
    innovations: Array
    log_likelihood: float

    def table(self) -> pl.DataFrame:
        """States through time, one row per date and state.

        Returns
        -------
        polars.DataFrame
            ``date``, ``state``; ``filtered``, its ``filtered_std_error`` and its 95 % band
            ``filtered_low`` to ``filtered_high``; ``smoothed``, ``smoothed_std_error``,
            ``smoothed_low`` and ``smoothed_high``.
        """
        import polars as pl

        parts = []
        for j, name in enumerate(self.names):
            columns: dict[str, object] = {"date": self.dates, "state": [name] * len(self.dates)}
            for kind in ("filtered", "smoothed"):
                value = getattr(self, kind)[:, j]
                error = getattr(self, f"{kind}_std_error")[:, j]
                columns |= {kind: value, f"{kind}_std_error": error}
                columns[f"{kind}_low"] = value - _NORMAL_95 * error
                columns[f"{kind}_high"] = value + _NORMAL_95 * error
            parts.append(pl.DataFrame(columns))
        return pl.concat(parts)

    def innovation_tests(self, lags: int = 10) -> pl.DataFrame:
        """Whether the innovations of each contract are white and standard normal.

        Parameters
        ----------
        lags : int
            Autocorrelations that the Ljung-Box test takes together.

        Returns
        -------
        polars.DataFrame
            ``contract``, ``n``, ``mean``, ``deviation``, ``ljung_box``, ``ljung_box_p_value``,
            ``jarque_bera``, ``jarque_bera_p_value``, and ``autocorrelation``, a list of those at
            lags 1 to `lags`.
        """
        import polars as pl

        rows = []
        for j, label in enumerate(self.labels):
            series = self.innovations[:, j]
            n = int(np.sum(~np.isnan(series)))
            if n <= lags + 1:
                continue
            white, normal = ljung_box(series, lags), jarque_bera(series)
            rows.append(
                {
                    "contract": label,
                    "n": n,
                    "mean": float(np.nanmean(series)),
                    "deviation": float(np.nanstd(series)),
                    "ljung_box": white[0],
                    "ljung_box_p_value": white[1],
                    "jarque_bera": normal[0],
                    "jarque_bera_p_value": normal[1],
                    "autocorrelation": autocorrelation(series, lags).tolist(),
                }
            )
        return pl.DataFrame(rows)


def kalman_filter(
    calibration: Calibration,
    panel: FuturesPanel,
    *,
    measurement: Measurement = "per_contract",
    initial: Initial = "diffuse",
    non_positive: Literal["error", "exclude"] = "error",
) -> FilteredStates:
    """Filter and smooth the states of a calibrated commodity model on its futures panel.

    Parameters
    ----------
    calibration : Calibration
        Of ``schwartz_smith``, ``schwartz_2f`` or ``schwartz_1f`` on a panel.
    panel : FuturesPanel
        The prices; rows outside the calibration's window or after its date are left out.
    measurement, initial, non_positive
        As they were given to the estimator.

    Returns
    -------
    FilteredStates
        States, errors and innovations on every date.

    Raises
    ------
    ValueError
        If the model has no such states, the calibration failed or was made on bars, or
        `measurement` is not what it was made with.

    Notes
    -----
    The errors count the parameters' by the derivative of the states through time (see
    `engine.calibration.curve_fit.CurveFit`); measurement errors are taken as known.

    Examples
    --------
    >>> import engine as mc
    >>> rng = np.random.default_rng(1)
    >>> spot = 60.0 * np.exp(0.03 * rng.standard_normal((90, 1)).cumsum(axis=0))
    >>> noise = np.exp(0.004 * rng.standard_normal((90, 4)))
    >>> panel = mc.FuturesPanel.from_arrays(spot * noise, [0.1, 0.5, 1.0, 1.5], dt=1 / 52)
    >>> found = mc.kalman_filter(mc.calibrate("schwartz_smith", panel), panel)
    >>> found.names, found.filtered.shape
    (('chi', 'xi', 'log_spot'), (90, 3))
    >>> found.table().columns[:4]
    ['date', 'state', 'filtered', 'filtered_std_error']
    """
    if calibration.model not in _MODELS or "measurement_sd" not in calibration.diagnostics:
        raise Refusal(
            "calibration", f"one of {calibration.model}", f"{', '.join(_MODELS)} on a panel"
        )
    data = CurveData.of(
        panel,
        as_of=calibration.as_of,
        window=calibration.window,
        non_positive=non_positive,
        measurement=measurement,
        initial=initial,
    )
    sd = np.array(calibration.diagnostics["measurement_sd"], dtype=np.float64)
    if len(sd) != data.group_count:
        raise Refusal(
            "measurement", f"{data.group_count} errors", f"the {len(sd)} of the calibration"
        )
    kind = _MODELS[calibration.model]
    season = [name for name in calibration.parameters if name.startswith("season_")]
    estimated = (*tuple(calibration.parameters)[: kind.estimated], *season)
    cycles = len(season) // 2
    waves = season_terms(np.array([year_fraction(day) for day in data.panel.dates]), cycles)
    level = season_terms(data.phases, cycles)
    point = np.array([calibration.parameters[name] for name in estimated])
    fixed = {n: v for n, v in calibration.parameters.items() if n not in estimated}

    def states(values: Array) -> tuple[Array, Array, Array, Array, FilterResult]:
        named = dict(zip(estimated, values.tolist(), strict=True)) | fixed
        model = kind.build(named, sd**2, data)
        amplitudes = values[kind.estimated :]
        if season:
            model = replace(model, d=model.d + np.tensordot(amplitudes, level, 1))
        result = filter_curve(data.y, model)
        table, shift = kind.mix(named)
        means, covariances = smooth_curve(model, result)
        # Of the states, the spot alone has a season.
        shifts = np.tile(shift, (len(data.y), 1))
        if season:
            shifts[:, -1] += amplitudes @ waves
        return (
            result.states @ table.T + shifts,
            _variances(result.covariances, table),
            means @ table.T + shifts,
            _variances(covariances, table),
            result,
        )

    filtered, own, smoothed, own_smoothed, result = states(point)
    slopes = np.empty((2, len(point), *filtered.shape))
    for i in range(len(point)):
        step = np.zeros(len(point))
        step[i] = 1e-5 * max(abs(point[i]), 1e-2)
        above, below = states(point + step), states(point - step)
        slopes[0, i] = (above[0] - below[0]) / (2.0 * step[i])
        slopes[1, i] = (above[2] - below[2]) / (2.0 * step[i])
    places = [list(calibration.parameters).index(name) for name in estimated]
    covariance = calibration.covariance[np.ix_(places, places)]
    carried = np.einsum("sirk,ij,sjrk->srk", slopes, covariance, slopes)
    return FilteredStates(
        names=kind.names,
        dates=data.panel.dates,
        labels=data.panel.labels,
        filtered=filtered,
        smoothed=smoothed,
        filtered_std_error=np.sqrt(np.maximum(own + carried[0], 0.0)),
        smoothed_std_error=np.sqrt(np.maximum(own_smoothed + carried[1], 0.0)),
        innovations=result.innovations / np.sqrt(result.variances),
        log_likelihood=result.log_likelihood,
    )


def _variances(covariances: Array, table: Array) -> Array:
    """Variances of linear combinations of two states, by row and combination."""
    first, both, second = covariances.T
    a, b = table[:, :1], table[:, 1:]
    return np.asarray((a * a * first + 2.0 * a * b * both + b * b * second).T)


class _ShortTerm:
    """What is asked of a model: its states, state space, and how they follow from the filter's."""

    model = "schwartz_smith"
    names: tuple[str, ...] = ("chi", "xi", "log_spot")
    # Of a calibration's parameters the first are estimates, the others given or filtered.
    estimated = 7

    def build(self, named: Mapping[str, float], h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters and measurement variances."""
        natural = np.array([named[name] for name in SchwartzSmith.names])
        return SchwartzSmith().build(natural, h, data)

    def mix(self, named: Mapping[str, float]) -> tuple[Array, Array]:
        """Return loadings of the named states on the filter's two, and constants."""
        return np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.zeros(3)


class _TwoFactor(_ShortTerm):
    model = "schwartz_2f"
    names = ("convenience_yield", "log_spot")

    def build(self, named: Mapping[str, float], h: Array, data: CurveData) -> CurveModel:
        """State space of the equivalent Schwartz-Smith parameters (their table 1)."""
        k, s1, rho = named["kappa"], named["sigma_spot"], named["rho"]
        chi, premium = named["sigma_yield"] / k, named["lambda_"] / k
        xi = float(np.sqrt(max(s1 * s1 + chi * chi - 2.0 * rho * s1 * chi, 0.0)))
        drift = named["mu"] - named["alpha"] - 0.5 * s1 * s1
        slope = named["r"] + premium - named["alpha"] - 0.5 * s1 * s1
        natural = np.array([k, chi, premium, drift, xi, slope, (rho * s1 - chi) / xi])
        return SchwartzSmith().build(natural, h, data)

    def mix(self, named: Mapping[str, float]) -> tuple[Array, Array]:
        """Return loadings of the named states on the filter's two, and constants."""
        table = np.array([[named["kappa"], 0.0], [1.0, 1.0]])
        return table, np.array([named["alpha"], 0.0])


class _OneFactor(_ShortTerm):
    model = "schwartz_1f"
    names = ("log_spot",)
    estimated = 4

    def build(self, named: Mapping[str, float], h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters and measurement variances."""
        level = float(np.nanmean(data.y))
        k, half = named["kappa"], 0.5 * named["sigma"] ** 2
        drift = k * (named["mu"] - level) - half
        natural = np.array([k, drift, named["sigma"], drift + half - k * named["lambda_"]])
        return Schwartz1F(level).build(natural, h, data)

    def mix(self, named: Mapping[str, float]) -> tuple[Array, Array]:
        """Return loadings of the named states on the filter's two, and constants."""
        return np.array([[1.0, 0.0]]), np.zeros(1)


_MODELS: dict[str, _ShortTerm] = {
    kind.model: kind for kind in (_ShortTerm(), _TwoFactor(), _OneFactor())
}

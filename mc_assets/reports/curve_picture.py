"""What a calibrated model says of a series, as a still picture for the Dagster UI."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import matplotlib

matplotlib.use("Agg")

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import engine as mc

if TYPE_CHECKING:
    from engine.calibration.forecast import Forecast

__all__ = ["AHEAD", "CurveView", "curve_view", "forecast_picture"]

_LINE, _BAND, _WIDER, _DATA = "#1f5fa8", "#a5bfdd", "#d2dfee", "#b3392c"
#: Years ahead, by the month.
AHEAD: Final = np.arange(13) / 12.0
_LAGS = 10

Option = Literal["measurement", "initial", "non_positive"]


class CurveView:
    """A calibration on a futures panel, looked into.

    Parameters
    ----------
    picture : bytes
        A PNG image: states through time, autocorrelations and law of the innovations, the curve and
        its volatility with the model beside the data, and the spot's forecast.
    tests : polars.DataFrame
        `engine.calibration.filtered_states.FilteredStates.innovation_tests`.
    forecast : polars.DataFrame
        `engine.calibration.forecast.Forecast.table`: spot and contracts by the month.
    """

    def __init__(self, picture: bytes, tests: pl.DataFrame, forecast: pl.DataFrame) -> None:
        self.picture = picture
        self.tests = tests
        self.forecast = forecast


def curve_view(
    calibration: mc.Calibration, panel: mc.FuturesPanel, options: dict[str, Any]
) -> CurveView:
    """Look into a calibration of a commodity model on its panel.

    Parameters
    ----------
    calibration : Calibration
        A successful one.
    panel : FuturesPanel
        What it was made on.
    options : dict
        Those of the estimator.
    """
    own = {name: options[name] for name in get_args(Option) if name in options}
    policy = {"non_positive": own["non_positive"]} if "non_positive" in own else {}
    states = mc.kalman_filter(calibration, panel, **own)
    curve = mc.term_structure(calibration, panel, **policy)
    volatility = mc.volatility_term_structure(calibration, panel, **policy)
    contracts = dict(zip(curve["contract"], curve["maturity"], strict=True))
    ahead = mc.forecast(calibration, AHEAD, contracts=contracts)
    # Fixed margins: fitting them to the labels takes as long as drawing everything.
    figure = Figure(figsize=(10.4, 6.4))
    figure.subplots_adjust(left=0.04, right=0.98, bottom=0.08, top=0.9, wspace=0.22, hspace=0.32)
    figure.suptitle(
        f"{calibration.model} as of {calibration.as_of}, bands of 95 %", fontsize=10, y=0.98
    )
    panels = figure.subplots(2, 4, squeeze=False).ravel()
    for axes, name in zip(panels, states.names, strict=False):
        _draw_state(axes, states.table().filter(pl.col("state") == name), name)
    tests = states.innovation_tests(_LAGS)
    _draw_autocorrelation(panels[3], tests)
    _draw_law(panels[4], states.innovations)
    _draw_curve(panels[5], curve)
    _draw_volatility(panels[6], volatility)
    _draw_forecast(panels[7], ahead)
    for axes in panels[len(states.names) : 3]:
        axes.set_axis_off()
    return CurveView(_png(figure, panels), tests, ahead.table())


def forecast_picture(forecasts: dict[str, Forecast]) -> bytes:
    """Draw the spot's forecast of each model, as a PNG image."""
    width = 3.4 * len(forecasts)
    figure = Figure(figsize=(width, 2.8))
    figure.subplots_adjust(
        left=0.4 / width, right=1.0 - 0.1 / width, bottom=0.17, top=0.9, wspace=0.22
    )
    panels = figure.subplots(1, len(forecasts), squeeze=False).ravel()
    for axes, (model, ahead) in zip(panels, forecasts.items(), strict=True):
        _draw_forecast(axes, ahead)
        axes.set_title(f"{model}: price ahead", fontsize=8)
    return _png(figure, panels)


def _draw_state(axes: Axes, table: pl.DataFrame, name: str) -> None:
    dates: Any = table["date"].to_numpy()
    low, high = table["filtered_low"].to_numpy(), table["filtered_high"].to_numpy()
    axes.fill_between(dates, low, high, color=_WIDER)
    axes.plot(dates, table["filtered"].to_numpy(), color=_LINE, linewidth=1.0, label="filtered")
    smoothed = table["smoothed"].to_numpy()
    axes.plot(dates, smoothed, color=_DATA, linewidth=0.8, linestyle="--", label="smoothed")
    # The first rows know nothing of the level; they do not set the scale.
    held = slice(min(5, len(low) - 1), None)
    axes.set_ylim(float(low[held].min()), float(high[held].max()))
    axes.tick_params(axis="x", rotation=30)
    axes.legend(fontsize=6, frameon=False)
    axes.set_title(name, fontsize=8)


def _draw_autocorrelation(axes: Axes, tests: pl.DataFrame) -> None:
    axes.set_title(f"autocorrelation of innovations, {len(tests)} contracts", fontsize=8)
    if tests.is_empty():
        return
    lags = np.arange(1, _LAGS + 1)
    reach = 1.96 / np.sqrt(float(tests["n"].to_numpy().mean()))
    axes.axhspan(-reach, reach, color=_WIDER)
    for values in tests["autocorrelation"].to_list():
        axes.plot(lags, values, color=_LINE, linewidth=0.8, marker=".", markersize=3)
    axes.set_xlabel("lag", fontsize=7)


def _draw_law(axes: Axes, innovations: np.ndarray) -> None:
    known = innovations[~np.isnan(innovations)]
    edges = np.linspace(-5.0, 5.0, 41)
    axes.hist(np.clip(known, -5.0, 5.0), bins=edges.tolist(), density=True, color=_BAND)
    axes.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi), color=_DATA, linewidth=1.0)
    axes.set_title("standardised innovations and the normal law", fontsize=8)


def _draw_curve(axes: Axes, table: pl.DataFrame) -> None:
    years = table["maturity"].to_numpy()
    axes.fill_between(years, table["low"].to_numpy(), table["high"].to_numpy(), color=_WIDER)
    axes.plot(years, table["fitted"].to_numpy(), color=_LINE, linewidth=1.2, label="model")
    axes.plot(years, table["price"].to_numpy(), "o", color=_DATA, markersize=3, label="prices")
    axes.legend(fontsize=6, frameon=False)
    axes.set_xlabel("years to expiry", fontsize=7)
    axes.set_title("futures curve", fontsize=8)


def _draw_volatility(axes: Axes, table: pl.DataFrame) -> None:
    years = table["maturity"].to_numpy()
    errors = 1.96 * table["std_error"].to_numpy()
    axes.errorbar(
        years,
        table["volatility"].to_numpy(),
        errors,
        fmt="o",
        color=_DATA,
        markersize=3,
        label="changes of prices",
    )
    axes.plot(years, table["fitted"].to_numpy(), color=_LINE, linewidth=1.2, label="model")
    axes.set_ylim(bottom=0.0)
    axes.legend(fontsize=6, frameon=False)
    axes.set_xlabel("years to expiry", fontsize=7)
    axes.set_title("volatility by time to expiry", fontsize=8)


def _draw_forecast(axes: Axes, ahead: Forecast) -> None:
    years = ahead.years
    axes.fill_between(years, ahead.low[0], ahead.high[0], color=_WIDER, label="all errors")
    axes.fill_between(
        years, ahead.path_low[0], ahead.path_high[0], color=_BAND, label="shocks alone"
    )
    axes.plot(years, ahead.median[0], color=_LINE, linewidth=1.2)
    axes.legend(fontsize=6, frameon=False, loc="upper left")
    axes.set_xlabel("years ahead", fontsize=7)
    axes.set_title("spot ahead", fontsize=8)


def _png(figure: Figure, panels: Any) -> bytes:
    for axes in panels:
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=75)
    return buffer.getvalue()

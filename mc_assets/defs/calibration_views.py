"""What the newest calibrations say: states, errors, curves and forecasts on the asset's page."""

import datetime
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

import engine as mc
from engine.calibration.forecast_law import FORMS
from engine.calibration.sample import bars_as_of
from mc_assets.defs.previews import markdown_table
from mc_assets.market_data.config import SeriesConfig
from mc_assets.reports.curve_picture import AHEAD, curve_view, forecast_picture
from mc_assets.reports.picture import as_markdown
from mc_assets.stored_market_data import StoredMarketData

if TYPE_CHECKING:
    from engine.calibration.forecast import Forecast

__all__ = ["calibration_views"]

# Quarters of the year ahead.
_SHOWN = (0.25, 0.5, 0.75, 1.0)


def calibration_views(
    series: SeriesConfig, market_data: StoredMarketData, estimates: list[mc.Calibration]
) -> dict[str, dg.MetadataValue]:
    """Look into the successful calibrations of one series and date.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    market_data : StoredMarketData
        Where its bars and curves are.
    estimates : list of Calibration
        Every model's.

    Returns
    -------
    dict of str to MetadataValue
        Pictures, tests and forecasts; of a model that cannot be looked into, the reason.
    """
    found: dict[str, dg.MetadataValue] = {}
    forecasts: dict[str, Forecast] = {}
    for estimate in estimates:
        if not estimate.ok or estimate.model not in FORMS:
            continue
        model = estimate.model
        try:
            if "measurement_sd" not in estimate.diagnostics:
                spot = _last_close(series, market_data, estimate.as_of)
                forecasts[model] = mc.forecast(estimate, AHEAD, spot=spot)
                continue
            panel = market_data.futures_panel(series.symbol, series.timeframe)
            view = curve_view(estimate, panel, series.calibration.get(model, {}))
        except ValueError as error:
            found[f"{model}_looked_into"] = dg.MetadataValue.text(str(error))
            continue
        found[f"{model}_looked_into"] = dg.MetadataValue.md(as_markdown([(model, view.picture)]))
        found[f"{model}_innovations"] = dg.MetadataValue.md(_tests(view.tests))
        found[f"{model}_forecast"] = dg.MetadataValue.md(_prices(view.forecast))
    if forecasts:
        tables = [
            ahead.table().with_columns(pl.lit(model).alias("contract"))
            for model, ahead in forecasts.items()
        ]
        picture = as_markdown([("forecasts", forecast_picture(forecasts))])
        found["forecasts"] = dg.MetadataValue.md(f"{picture}\n\n{_prices(pl.concat(tables))}")
    return found


def _last_close(series: SeriesConfig, market_data: StoredMarketData, as_of: datetime.date) -> float:
    [(bars, _)] = market_data.bars_as_of(series.symbol, series.timeframe, [as_of])
    used, _ = bars_as_of(bars, as_of)
    return float(used.close[-1])


def _tests(table: pl.DataFrame) -> str:
    """P-values of a contract's innovations: white, and normal."""
    header = ["contract", "n", "mean", "deviation", "Ljung-Box p", "Jarque-Bera p"]
    names = ("mean", "deviation", "ljung_box_p_value", "jarque_bera_p_value")
    rows = [
        [row["contract"], str(row["n"]), *(f"{row[name]:.3f}" for name in names)]
        for row in table.iter_rows(named=True)
    ]
    return markdown_table(header, rows)


def _prices(table: pl.DataFrame) -> str:
    """Forecasts by the quarter, with the band of all errors and that of shocks alone."""
    header = ["price", "years ahead", "median", "95 % band", "shocks alone"]
    rows = [
        [
            row["contract"],
            f"{row['years']:g}",
            f"{row['median']:.4g}",
            f"{row['low']:.4g} to {row['high']:.4g}",
            f"{row['path_low']:.4g} to {row['path_high']:.4g}",
        ]
        for row in table.filter(pl.col("years").is_in(_SHOWN)).iter_rows(named=True)
    ]
    return markdown_table(header, rows)

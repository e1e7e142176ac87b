"""Parameters through time, as a still picture for the Dagster UI."""

from __future__ import annotations

import io
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.dates
import numpy as np
import polars as pl
from matplotlib.figure import Figure

__all__ = ["calibration_picture"]

_COLUMNS = 4

# Matplotlib declares no types for its dates.
_DATES: Any = matplotlib.dates


def calibration_picture(table: pl.DataFrame, title: str) -> bytes:
    """Draw every parameter of a series through its as-of dates, with two standard errors.

    Parameters
    ----------
    table : polars.DataFrame
        All calibrations of the series, as `CalibrationStore.read` returns them.
    title : str
        What the picture shows.

    Returns
    -------
    bytes
        A PNG image.
    """
    good = table.filter(pl.col("status") != "failed")
    names = good.select("model", "parameter").unique(maintain_order=True).rows()
    rows = max(1, -(-len(names) // _COLUMNS))
    height = 1.7 * rows + 0.4
    figure = Figure(figsize=(2.6 * _COLUMNS, height))
    # Fixed margins: fitting them to the labels takes as long as drawing everything.
    figure.subplots_adjust(
        left=0.05,
        right=0.99,
        bottom=0.3 / height,
        top=1.0 - 0.6 / height,
        wspace=0.28,
        hspace=0.55,
    )
    figure.suptitle(
        f"{title}: parameters as of each date, ± 2 standard errors",
        fontsize=10,
        y=1.0 - 0.15 / height,
    )
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, (model, parameter) in zip(panels, names, strict=False):
        history = good.filter((pl.col("model") == model) & (pl.col("parameter") == parameter))
        history = history.sort("as_of")
        dates = history["as_of"].to_numpy()
        estimate = history["estimate"].to_numpy()
        error = np.nan_to_num(history["std_error"].cast(pl.Float64).to_numpy())
        if len(dates) == 1:
            axes.errorbar([0], estimate, 2 * error, fmt="o", color="#1f5fa8", markersize=4)
            axes.set_xticks([0], [str(history["as_of"][0])])
        else:
            axes.fill_between(dates, estimate - 2 * error, estimate + 2 * error, color="#d2dfee")
            axes.plot(dates, estimate, color="#1f5fa8", linewidth=1.2)
        axes.set_title(f"{model}: {parameter}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        if len(dates) > 1:
            locator = _DATES.AutoDateLocator(minticks=2, maxticks=5)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(locator))
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=75)
    return buffer.getvalue()

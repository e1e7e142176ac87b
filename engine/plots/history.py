"""One course of equity over a history: beside its benchmark, below its peak, month by month."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from engine.plots.style import ABOVE_BELOW, BLUE, GREY, RED, styled

__all__ = ["equity_and_benchmark", "monthly_returns"]

_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_ROW: Final = 26
# Points of a line: more are not seen on a page.
_POINTS: Final = 900


def equity_and_benchmark(
    times: pl.Series, equity: ArrayLike, start: float, prices: ArrayLike
) -> go.Figure:
    """Draw equity beside buying and holding with the same cash, and how far each is below its peak.

    Parameters
    ----------
    times : polars.Series
        Instants of the bars.
    equity : array_like, shape (bars,)
        At each close.
    start : float
        Equity before the first bar.
    prices : array_like, shape (bars,)
        Closes of what is traded.
    """
    curve, closes = np.asarray(equity, dtype=np.float64), np.asarray(prices, dtype=np.float64)
    held = start * (1.0 + (closes - closes[0]) / np.abs(closes[0]))
    some = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _POINTS)).astype(np.int64))
    x = times.gather(some).to_list()
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05
    )
    for values, name, colour in ((held, "buy and hold", GREY), (curve, "strategy", BLUE)):
        peak = np.maximum.accumulate(np.concatenate([[start], values]))[1:]
        below = np.divide(values, peak, out=np.ones_like(values), where=peak > 0.0) - 1.0
        line = {"color": RED if name == "strategy" else colour, "width": 1}
        figure.add_trace(
            go.Scatter(
                x=x, y=values[some], mode="lines", line={"color": colour, "width": 2}, name=name
            ),
            row=1,
            col=1,
        )
        figure.add_trace(
            go.Scatter(x=x, y=below[some], mode="lines", line=line, showlegend=False, name=name),
            row=2,
            col=1,
        )
    styled(figure, 520)
    figure.update_yaxes(title_text="equity", tickformat=",.0f", row=1)
    figure.update_yaxes(title_text="drawdown", tickformat=".0%", row=2)
    return figure


def monthly_returns(times: pl.Series, equity: ArrayLike, start: float) -> go.Figure:
    """Draw the return of every month as a map of years and months, years in a last column.

    Parameters
    ----------
    times : polars.Series
        Instants of the bars.
    equity : array_like, shape (bars,)
        At each close.
    start : float
        Equity before the first bar.
    """
    curve = np.asarray(equity, dtype=np.float64)
    ends = (
        pl.DataFrame({"time": times, "equity": curve})
        .group_by(pl.col("time").dt.year().alias("year"), pl.col("time").dt.month().alias("month"))
        .agg(pl.col("equity").last())
        .sort("year", "month")
    )
    before = np.concatenate([[start], ends["equity"].to_numpy()[:-1]])
    returns = _change(before, ends["equity"].to_numpy())
    years = sorted(ends["year"].unique().to_list(), reverse=True)
    grid = np.full((len(years), 13), np.nan)
    whole: dict[int, float] = {}
    for (year, month), value in zip(ends.select("year", "month").rows(), returns, strict=True):
        grid[years.index(year), month - 1] = value
        whole[year] = (1.0 + whole.get(year, 0.0)) * (1.0 + value) - 1.0
    grid[:, 12] = [whole[year] for year in years]
    limit = float(np.nanmax(np.abs(grid[:, :12]), initial=0.01))
    text = [
        ["" if np.isnan(v) else f"{round(100.0 * v, 1) + 0.0:.1f}" for v in row] for row in grid
    ]
    figure = go.Figure(
        go.Heatmap(
            x=[*_MONTHS, "year"],
            y=[str(year) for year in years],
            z=grid,
            text=text,
            texttemplate="%{text}",
            colorscale=ABOVE_BELOW,
            zmin=-limit,
            zmax=limit,
            showscale=False,
            hovertemplate="%{x} %{y}: %{text} %<extra></extra>",
        )
    )
    styled(figure, 120 + _ROW * len(years))
    figure.update_xaxes(side="top", type="category")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def _change(before: NDArray[np.float64], after: NDArray[np.float64]) -> Any:
    return np.divide(after - before, before, out=np.zeros_like(after), where=before > 0.0)

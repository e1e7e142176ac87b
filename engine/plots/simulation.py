"""One simulation: candles with its fills, indicators, equity and drawdown, zoomed together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from engine.plots.chart import Chart
from engine.plots.option_legs import draw_legs
from engine.plots.style import BLUE, GREEN, GREY, ORANGE, RED, styled

__all__ = ["simulation_chart"]

Floats = NDArray[np.float64]

# More candles than this are a thick line; the close is drawn alone.
_MOST_CANDLES: Final = 6_000
_COLOURS: Final = (ORANGE, "#8a5fd0", "#1f9aa8", "#b0478f")


def simulation_chart(
    title: str,
    bars: pl.DataFrame,
    equity: ArrayLike,
    orders: pl.DataFrame,
    start: float,
    indicators: Mapping[str, ArrayLike] | None = None,
    legs: pl.DataFrame | None = None,
) -> Chart:
    """Draw one simulation.

    Parameters
    ----------
    title : str
        What was run.
    bars : polars.DataFrame
        Per bar and symbol ``bar``, ``symbol``, ``open``, ``high``, ``low``, ``close`` and, where
        there are instants, ``timestamp``. Of several symbols the closes are drawn.
    equity : array_like, shape (bars,)
        At each close from bar 0 on.
    orders : polars.DataFrame
        With ``bar``, ``event``, ``units`` and ``price``; the fills are drawn.
    start : float
        Equity before bar 0.
    indicators : mapping of str to array_like of shape (bars,), optional
        Drawn over prices; one value per bar of the path, those to warm up on included.
    legs : polars.DataFrame, optional
        Closed legs of options, drawn at their strikes over the closes in place of fills.
    """
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.58, 0.24, 0.18], vertical_spacing=0.035
    )
    symbols = bars["symbol"].unique(maintain_order=True).to_list()
    first = bars.filter(pl.col("symbol") == symbols[0])
    x = _axis(first)
    if legs is None and len(symbols) == 1 and len(first) <= _MOST_CANDLES:
        _draw_candles(figure, first, x)
    else:
        for symbol, colour in zip(symbols, [BLUE, *_COLOURS] * len(symbols), strict=False):
            own = bars.filter(pl.col("symbol") == symbol)
            _draw_line(figure, x, own["close"].to_numpy(), symbol, colour, 1)
    for (name, values), colour in zip((indicators or {}).items(), _COLOURS * 9, strict=False):
        _draw_line(figure, x, np.asarray(values, dtype=np.float64), name, colour, 1)
    place = dict(zip(first["bar"].to_list(), x, strict=True))
    if legs is None:
        _draw_fills(figure, orders, place)
    else:
        draw_legs(figure, legs, place)
    curve = np.asarray(equity, dtype=np.float64)
    counted = [value for bar, value in place.items() if bar >= 0][: len(curve)]
    _draw_line(figure, counted, curve, "equity", BLUE, 2)
    peak = np.maximum.accumulate(np.concatenate([[start], curve]))[1:]
    below = np.divide(curve, peak, out=np.ones_like(curve), where=peak > 0.0) - 1.0
    figure.add_trace(
        go.Scatter(
            x=counted,
            y=below,
            fill="tozeroy",
            fillcolor="rgba(208, 73, 58, 0.25)",
            line={"color": RED, "width": 1},
            name="below the peak",
            showlegend=False,
        ),
        row=3,
        col=1,
    )
    styled(figure, 720)
    figure.update_layout(barmode="overlay", bargap=0.15, hovermode="x")
    figure.update_yaxes(title_text="price", row=1)
    figure.update_yaxes(title_text="equity", tickformat=",.0f", row=2)
    figure.update_yaxes(title_text="drawdown", tickformat=".0%", row=3)
    if first["bar"].item(0) < 0:
        figure.add_vrect(
            x0=x[0], x1=place[0], fillcolor=GREY, opacity=0.12, line_width=0, row=1, col=1
        )
    return Chart(title, figure)


def _axis(bars: pl.DataFrame) -> list[object]:
    return bars["timestamp" if "timestamp" in bars.columns else "bar"].to_list()


def _draw_candles(figure: go.Figure, bars: pl.DataFrame, x: list[object]) -> None:
    """Bodies as bars from open to close over lines from low to high."""
    opened, closed = bars["open"].to_numpy(), bars["close"].to_numpy()
    gap = np.full(len(bars), np.nan)
    wick = np.stack([bars["low"].to_numpy(), bars["high"].to_numpy(), gap], axis=1).ravel()
    figure.add_trace(
        go.Scatter(
            x=[value for at in x for value in (at, at, None)],
            y=wick,
            mode="lines",
            line={"color": GREY, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            x=x,
            y=closed - opened,
            base=opened,
            marker={"color": np.where(closed >= opened, GREEN, RED), "line": {"width": 0}},
            customdata=np.stack([bars[n].to_numpy() for n in ("open", "high", "low", "close")], 1),
            hovertemplate="open %{customdata[0]:,.10~r}<br>high %{customdata[1]:,.10~r}<br>"
            "low %{customdata[2]:,.10~r}<br>close %{customdata[3]:,.10~r}<extra></extra>",
            showlegend=False,
        ),
        row=1,
        col=1,
    )


def _draw_line(
    figure: go.Figure, x: list[object], y: Floats, name: str, colour: str, row: int
) -> None:
    line = {"color": colour, "width": 1.5}
    trace = go.Scatter(x=x, y=y, mode="lines", line=line, name=name, showlegend=row == 1)
    figure.add_trace(trace, row=row, col=1)


def _draw_fills(figure: go.Figure, orders: pl.DataFrame, place: Mapping[int, object]) -> None:
    """Mark fills, not closed trades: what is still open at the end was bought, too."""
    fills = orders.filter(pl.col("event") == "filled")
    for side, sign, mark, colour in (
        ("bought", 1.0, "triangle-up", GREEN),
        ("sold", -1.0, "triangle-down", RED),
    ):
        own = fills.filter(pl.col("units").sign() == sign)
        figure.add_trace(
            go.Scatter(
                x=[place[int(bar)] for bar in own["bar"]],
                y=own["price"].to_numpy(),
                mode="markers",
                marker={
                    "symbol": mark,
                    "size": 10,
                    "color": colour,
                    "line": {"width": 1, "color": "white"},
                },
                name=f"{side}, {len(own):,}",
                customdata=own["units"].to_numpy(),
                hovertemplate=f"{side} %{{customdata:,.4g}} at %{{y:,.10~r}}<extra></extra>",
            ),
            row=1,
            col=1,
        )

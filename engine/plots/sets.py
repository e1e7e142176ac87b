"""Figures over parameter sets and worlds: differences, panels, convergence, bands."""

from __future__ import annotations

from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import ArrayLike

from engine.plots.style import BLUE, GREY, ORANGE, PALE, styled

__all__ = ["bands", "convergence", "intervals", "world_heatmap"]

_ROW: Final = 26


def intervals(table: pl.DataFrame, label: str, title: str, *, percent: bool = False) -> go.Figure:
    """Draw estimates with their intervals, one row each, and a line at 0.

    Parameters
    ----------
    table : polars.DataFrame
        The column `label`, and ``estimate``, ``ci_low``, ``ci_high``; null where there is none.
    label : str
        Column that names the rows.
    title : str
        Of the axis.
    percent : bool
        Whether values are shares.
    """
    shown = table.reverse()
    value = shown["estimate"].to_numpy().astype(np.float64)
    high = shown["ci_high"].to_numpy().astype(np.float64) - value
    low = value - shown["ci_low"].to_numpy().astype(np.float64)
    figure = go.Figure(
        go.Scatter(
            x=value,
            y=shown[label].to_list(),
            error_x={
                "type": "data",
                "array": np.nan_to_num(high),
                "arrayminus": np.nan_to_num(low),
                "color": BLUE,
                "thickness": 2,
            },
            mode="markers",
            marker={"size": 9, "color": BLUE},
            showlegend=False,
        )
    )
    figure.add_vline(x=0.0, line={"color": GREY, "width": 1, "dash": "dot"})
    styled(figure, 130 + _ROW * len(table))
    figure.update_xaxes(title_text=title, tickformat=".1%" if percent else None)
    figure.update_yaxes(type="category")
    return figure


def world_heatmap(table: pl.DataFrame, statistic: str) -> go.Figure:
    """Draw what each parameter set is behind the best of each world, the smallest at the top.

    Parameters
    ----------
    table : polars.DataFrame
        ``world``, ``realism``, ``name`` of the set, ``estimate``, ``regret``, ``worst_regret``.
    statistic : str
        What the regret is of.
    """
    names = (
        table.group_by("name", maintain_order=True)
        .agg(pl.col("worst_regret").first())
        .sort("worst_regret", descending=True, nulls_last=False)["name"]
        .to_list()
    )
    worlds = table.select("world", "realism").unique("world", maintain_order=True)
    labels = [
        world.replace("_", "<br>") + ("" if realism is None else f"<br>{realism:.0%} real")
        for world, realism in worlds.iter_rows()
    ]
    found = {(row["name"], row["world"]): row for row in table.iter_rows(named=True)}
    grid: list[list[float | None]] = []
    text: list[list[str]] = []
    for name in names:
        cells = [found.get((name, world)) for world in worlds["world"]]
        grid.append([None if cell is None else cell["regret"] for cell in cells])
        text.append([_number(None if cell is None else cell["estimate"]) for cell in cells])
    figure = go.Figure(
        go.Heatmap(
            x=labels,
            y=names,
            z=grid,
            text=text,
            texttemplate="%{text}",
            colorscale=[
                [0.0, "rgba(47, 158, 98, 0.55)"],
                [0.5, "rgba(217, 168, 60, 0.45)"],
                [1.0, "rgba(208, 73, 58, 0.65)"],
            ],
            colorbar={"title": "regret", "thickness": 12},
            hovertemplate=f"%{{y}}<br>%{{x}}<br>{statistic} %{{text}}, "
            "regret %{z:.3f}<extra></extra>",
        )
    )
    styled(figure, 150 + _ROW * len(names))
    figure.update_xaxes(type="category", side="top")
    figure.update_yaxes(type="category")
    return figure


def convergence(values: ArrayLike, title: str) -> go.Figure:
    """Draw the mean of outcomes and its 95 % Monte Carlo interval against how many there are.

    Parameters
    ----------
    values : array_like, shape (paths,)
        Outcomes in the order of their paths; NaN is left out.
    title : str
        Of the outcome.
    """
    x = np.asarray(values, dtype=np.float64)
    x = x[np.isfinite(x)]
    first = min(9, len(x) - 1)
    shown = np.unique(np.linspace(first, len(x) - 1, min(len(x), 400)).astype(np.int64))
    n = shown + 1
    starts = np.concatenate([[0], n])[:-1]
    mean = np.cumsum(np.add.reduceat(x, starts)) / n
    squares = np.cumsum(np.add.reduceat(x * x, starts)) / n
    variance = np.maximum(squares - mean**2, 0.0) * n / np.maximum(n - 1, 1)
    half = 1.96 * np.sqrt(variance / n)
    band = np.concatenate([mean + half, (mean - half)[::-1]])
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([n, n[::-1]]),
            y=band,
            fill="toself",
            fillcolor=PALE,
            line={"width": 0},
            hoverinfo="skip",
            name="95 % interval",
        )
    )
    line = {"color": BLUE, "width": 2}
    figure.add_trace(go.Scatter(x=n, y=mean, mode="lines", line=line, name="mean"))
    styled(figure)
    figure.update_xaxes(title_text="paths")
    figure.update_yaxes(title_text=f"mean {title}", tickformat=",.4~r")
    return figure


def bands(table: pl.DataFrame, unit: str) -> go.Figure:
    """Draw bands of equity and the course that was observed.

    Parameters
    ----------
    table : polars.DataFrame
        ``step``, ``observed`` and quantiles ``q05`` to ``q95``.
    unit : str
        What a step is.
    """
    step = table["step"].to_numpy()
    figure = go.Figure()
    for low, high, name in (("q05", "q95", "5–95 %"), ("q25", "q75", "25–75 %")):
        edge = np.concatenate([table[high].to_numpy(), table[low].to_numpy()[::-1]])
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([step, step[::-1]]),
                y=edge,
                fill="toself",
                fillcolor=PALE,
                line={"width": 0},
                hoverinfo="skip",
                name=name,
            )
        )
    for name, title, colour in (("q50", "median", BLUE), ("observed", "observed", ORANGE)):
        line = {"color": colour, "width": 2}
        figure.add_trace(
            go.Scatter(x=step, y=table[name].to_numpy(), mode="lines", line=line, name=title)
        )
    styled(figure)
    figure.update_xaxes(title_text=f"{unit}s")
    figure.update_yaxes(title_text="equity", tickformat=",.0f")
    return figure


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

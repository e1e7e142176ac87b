"""Figures of a study: equity, profits, drawdowns, sensitivity, from plain frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from engine.plots.style import ABOVE_BELOW, BLUE, GREY, MIDDLE, PALE, RED, styled

__all__ = [
    "FAN_LEVELS",
    "drawdown_distribution",
    "equity_fan",
    "fan_quantiles",
    "parameter_sensitivity",
    "pnl_histogram",
]

FAN_LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)

# More names than this below an axis leave the chart no room.
_MOST_NAMES = 12


def fan_quantiles(equity: pl.DataFrame) -> pl.DataFrame:
    """Quantiles of equity over simulations at each sampled bar.

    Parameters
    ----------
    equity : polars.DataFrame
        One parameter set's sampled curves: columns ``bar`` and ``equity``.

    Returns
    -------
    polars.DataFrame
        ``bar`` and one column ``q05 … q95`` per level of `FAN_LEVELS`, sorted by bar.
    """
    levels = [
        pl.col("equity").quantile(level, interpolation="linear").alias(f"q{level * 100:02.0f}")
        for level in FAN_LEVELS
    ]
    return equity.group_by("bar").agg(levels).sort("bar")


def equity_fan(sets: Sequence[tuple[str, pl.DataFrame]]) -> go.Figure:
    """Equity quantiles through time, one parameter set at a time, chosen from a menu.

    Parameters
    ----------
    sets : sequence of (label, polars.DataFrame)
        Frames as `fan_quantiles` returns them; the first is shown at the start.
    """
    figure = go.Figure()
    for index, (_, fan) in enumerate(sets):
        bars = fan["bar"].to_numpy()
        around = np.concatenate([bars, bars[::-1]])
        for upper, lower, colour, name in (
            ("q95", "q05", PALE, "5–95 %"),
            ("q75", "q25", MIDDLE, "25–75 %"),
        ):
            figure.add_trace(
                go.Scatter(
                    x=around,
                    y=np.concatenate([fan[upper].to_numpy(), fan[lower].to_numpy()[::-1]]),
                    fill="toself",
                    fillcolor=colour,
                    line={"width": 0},
                    name=name,
                    hoverinfo="skip",
                    visible=index == 0,
                )
            )
        for column, name in (("q05", "5 %"), ("q25", "25 %"), ("q75", "75 %"), ("q95", "95 %")):
            figure.add_trace(
                go.Scatter(
                    x=bars,
                    y=fan[column].to_numpy(),
                    mode="lines",
                    line={"width": 0.8, "color": BLUE},
                    name=name,
                    showlegend=False,
                    visible=index == 0,
                )
            )
        figure.add_trace(
            go.Scatter(
                x=bars,
                y=fan["q50"].to_numpy(),
                mode="lines",
                line={"width": 2.4, "color": BLUE},
                name="median",
                visible=index == 0,
            )
        )
    _menu(figure, [label for label, _ in sets], traces_per_set=7)
    figure.update_layout(xaxis_title="bar", yaxis_title="equity", yaxis_tickformat=",.0f")
    return styled(figure)


def pnl_histogram(
    sets: Iterable[tuple[str, pl.Series]], value_at_risk: Sequence[float]
) -> go.Figure:
    """Distribution of net P&L over simulations, with the mean and the 95 % value at risk.

    Parameters
    ----------
    sets : iterable of (label, polars.Series)
        Net P&L of each simulation, one entry per parameter set; looked at one after the other.
    value_at_risk : sequence of float
        95 % value at risk of each parameter set, positive for a loss.
    """
    figure, labels = go.Figure(), []
    for index, (label, pnl) in enumerate(sets):
        labels.append(label)
        values = pnl.drop_nulls().to_numpy()
        heights, edges = np.histogram(values, bins=_bins(values))
        top = float(heights.max(initial=1))
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=heights,
                width=np.diff(edges) * 0.96,
                marker_color=BLUE,
                name="simulations",
                showlegend=False,
                visible=index == 0,
            )
        )
        mean = float(values.mean()) if len(values) else 0.0
        for x, name, colour in (
            (mean, "mean", GREY),
            (-value_at_risk[index], "95 % value at risk", RED),
        ):
            figure.add_trace(
                go.Scatter(
                    x=[x, x],
                    y=[0, top * 1.05],
                    mode="lines",
                    line={"color": colour, "width": 2, "dash": "dash"},
                    name=name,
                    visible=index == 0,
                )
            )
    _menu(figure, labels, traces_per_set=3)
    figure.update_layout(
        xaxis_title="net P&L", yaxis_title="simulations", xaxis_tickformat=",.4~r", bargap=0
    )
    return styled(figure)


def drawdown_distribution(sets: Iterable[tuple[str, pl.Series]]) -> go.Figure:
    """Maximum drawdown over simulations, one box per parameter set, one after the other."""
    figure = go.Figure()
    for label, drawdown in sets:
        values = drawdown.drop_nulls().to_numpy()
        low, first, middle, third, high = (
            np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]) if len(values) else [np.nan] * 5
        )
        figure.add_trace(
            go.Box(
                name=label,
                x=[label],
                q1=[first],
                median=[middle],
                q3=[third],
                lowerfence=[low],
                upperfence=[high],
                marker_color=BLUE,
                fillcolor=MIDDLE,
                showlegend=False,
            )
        )
    figure.update_layout(yaxis_title="maximum drawdown (whiskers: 5–95 %)", yaxis_tickformat=".0%")
    if len(figure.data) > _MOST_NAMES:
        figure.update_xaxes(showticklabels=False, title="parameter sets: point at one for its name")
    return styled(figure)


def parameter_sensitivity(
    table: pl.DataFrame, parameters: Sequence[str], title: str = "mean net P&L"
) -> go.Figure:
    """Mean of a statistic against the swept parameters, with its Monte Carlo interval.

    Parameters
    ----------
    table : polars.DataFrame
        One row per parameter set: the swept parameters, ``estimate``, ``ci_low`` and ``ci_high``,
        null where there is no interval.
    parameters : sequence of str
        Names of the parameters that take more than one value. One gives a line with intervals, two
        a heat map; with more, the first two are shown and the rest averaged, intervals included:
        they are then as wide as if all sets erred together, which sets on the same paths about do.
    title : str
        What the statistic is.
    """
    if len(parameters) >= 2:
        return _sensitivity_map(table, parameters[0], parameters[1], title)
    if parameters:
        ordered = table.sort(parameters[0])
        labels = ordered[parameters[0]].to_list()
    else:
        ordered, labels = table, ["all"]
    estimate = ordered["estimate"]
    known = ordered["ci_low"].null_count() < len(ordered)
    figure = go.Figure(
        go.Scatter(
            x=labels,
            y=estimate.to_list(),
            error_y={
                "type": "data",
                "array": (ordered["ci_high"] - estimate).to_list(),
                "arrayminus": (estimate - ordered["ci_low"]).to_list(),
            }
            if known
            else None,
            mode="lines+markers" if len(labels) > 1 else "markers",
            marker={"size": 9, "color": BLUE},
            line={"color": BLUE},
            showlegend=False,
        )
    )
    if not parameters:
        figure.update_xaxes(type="category")
    figure.update_layout(
        xaxis_title=parameters[0] if parameters else "",
        yaxis_title=f"{title} (bars: 95 % interval)" if known else f"{title} (no interval)",
        yaxis_tickformat=",.0f",
    )
    return styled(figure)


def _sensitivity_map(table: pl.DataFrame, across: str, down: str, title: str) -> go.Figure:
    cells = table.group_by([across, down]).agg(pl.col("estimate", "ci_low", "ci_high").mean())
    columns = sorted(cells[across].unique().to_list(), key=_order)
    rows = sorted(cells[down].unique().to_list(), key=_order)
    found = {(row[across], row[down]): row for row in cells.iter_rows(named=True)}
    grid = [[found[c, r]["estimate"] if (c, r) in found else None for c in columns] for r in rows]
    text = [[_cell_text(found[c, r]) if (c, r) in found else "" for c in columns] for r in rows]
    limit = max((abs(cell) for line in grid for cell in line if cell is not None), default=1.0)
    figure = go.Figure(
        go.Heatmap(
            x=_in_short(columns),
            y=_in_short(rows),
            z=grid,
            text=text,
            texttemplate="%{text}",
            colorscale=ABOVE_BELOW,
            zmin=-limit,
            zmax=limit,
            colorbar={"title": title.replace("mean ", "mean<br>"), "thickness": 12},
            hovertemplate=f"{across} %{{x}}, {down} %{{y}}<br>%{{z:,.4~r}}<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", title=across)
    figure.update_yaxes(type="category", title=down)
    return styled(figure)


def _in_short(values: list[Any]) -> list[str]:
    """Return labels of values: fractions with four digits, unless that makes two of them one."""
    named = ["none" if value is None else value for value in values]
    short = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in named]
    return short if len(set(short)) == len(values) else [str(value) for value in named]


def _cell_text(row: dict[str, Any]) -> str:
    value, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if value is None:
        return "–"
    between = "" if low is None or high is None else f"<br>{_short(low)} to {_short(high)}"
    return f"{_short(value)}{between}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _order(value: object) -> tuple[bool, float, str]:
    number = float(value) if isinstance(value, int | float) else 0.0
    return value is None, number, str(value)


def _bins(values: np.ndarray) -> int:
    """Freedman-Diaconis number of bins, at least 10 and at most 80."""
    if len(values) < 2 or values.min() == values.max():
        return 10
    low, high = np.quantile(values, [0.25, 0.75])
    if high == low:
        return 10
    width = 2 * (high - low) / len(values) ** (1 / 3)
    return int(np.clip(np.ceil((values.max() - values.min()) / width), 10, 80))


def _menu(figure: go.Figure, labels: Sequence[str], *, traces_per_set: int) -> None:
    """Let one parameter set be chosen; a single one needs no menu."""
    if len(labels) < 2:
        return
    buttons = [
        {
            "label": label,
            "method": "update",
            "args": [{"visible": [i // traces_per_set == index for i in range(len(figure.data))]}],
        }
        for index, label in enumerate(labels)
    ]
    figure.update_layout(
        updatemenus=[
            {"buttons": buttons, "x": 1.0, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
        ]
    )

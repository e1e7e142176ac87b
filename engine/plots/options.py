"""Figures of studies of options: tail loss against premium, and profit by greek."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from engine.plots.style import BLUE, GREEN, ORANGE, RED, styled

__all__ = ["profit_by_greek", "tail_against_premium"]

_COLOURS: Final = (BLUE, ORANGE, GREEN, "#8a5fd0", RED, "#1f9aa8")


def tail_against_premium(groups: Sequence[tuple[str, pl.DataFrame]]) -> go.Figure:
    """Draw the mean loss of the worst twentieth of the simulations against the premium received.

    Parameters
    ----------
    groups : sequence of (str, polars.DataFrame)
        What parameter sets have in common, and a row each: ``label``, ``premium``,
        ``premium_error``, ``loss``, ``loss_error``, in account currency.
    """
    figure = go.Figure()
    for (name, table), colour in zip(groups, _COLOURS * len(groups), strict=False):
        figure.add_trace(
            go.Scatter(
                x=table["premium"].to_list(),
                y=table["loss"].to_list(),
                error_x=_bars(table["premium_error"]),
                error_y=_bars(table["loss_error"]),
                mode="markers",
                marker={"size": 7, "color": colour, "opacity": 0.8},
                text=table["label"].to_list(),
                hovertemplate="%{text}<br>premium %{x:,.0f}, tail loss %{y:,.0f}<extra></extra>",
                name=name,
                showlegend=bool(name),
            )
        )
    styled(figure)
    figure.update_xaxes(title_text="mean premium received less paid", tickformat=",.0f")
    figure.update_yaxes(title_text="expected shortfall, 95 %", tickformat=",.0f")
    return figure


def profit_by_greek(labels: Sequence[str], parts: Mapping[str, pl.DataFrame]) -> go.Figure:
    """Draw what each greek has brought on the average, a group of bars per parameter set.

    Parameters
    ----------
    labels : sequence of str
        Names of the parameter sets.
    parts : mapping of str to polars.DataFrame
        By part of the profit ``estimate`` and ``std_error`` of each set.
    """
    figure = go.Figure()
    for (name, table), colour in zip(parts.items(), _COLOURS, strict=False):
        figure.add_trace(
            go.Bar(
                x=list(labels),
                y=table["estimate"].to_list(),
                error_y=_bars(table["std_error"]) | {"thickness": 1.5, "width": 3},
                marker={"color": colour, "line": {"width": 0}},
                name=name,
                hovertemplate=f"%{{x}}<br>{name} %{{y:,.0f}}<extra></extra>",
            )
        )
    styled(figure)
    figure.update_layout(barmode="group", yaxis_tickformat=",.0f")
    figure.update_yaxes(title_text="mean profit (bars: standard error)")
    figure.update_xaxes(type="category", showticklabels=len(labels) <= 8)
    return figure


def _bars(errors: pl.Series) -> dict[str, object]:
    known = errors.to_numpy().astype(np.float64)
    return {"type": "data", "array": np.nan_to_num(known), "thickness": 0.7, "width": 0}

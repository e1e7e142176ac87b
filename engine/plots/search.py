"""Figures of a search: how it went, where the good sets lie, what they came to on fresh paths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from engine.plots.style import BLUE, GREY, ORANGE, PALE, styled

__all__ = ["claim_and_fresh", "parameter_maps", "search_course"]

_MOST_POINTS: Final = 5_000
# Of the maps of all pairs together, so that a page of ten parameters stays one that opens.
_MOST_ON_MAPS: Final = 20_000


def search_course(trials: pl.DataFrame, statistic: str, *, maximise: bool) -> go.Figure:
    """Draw every trial's value in the order in which they ran, and the best so far.

    Parameters
    ----------
    trials : polars.DataFrame
        ``trial``, ``status`` and the column `statistic`.
    statistic : str
        What was wanted.
    maximise : bool
        Whether more is better.
    """
    shown = trials.filter(pl.col(statistic).is_not_null())
    counts = shown["status"] == "finished"
    figure = go.Figure()
    for flags, name, color in ((~counts, "does not count", GREY), (counts, "counts", BLUE)):
        part = shown.filter(flags)[-_MOST_POINTS:]
        figure.add_scattergl(
            x=part["trial"].to_list(),
            y=part[statistic].to_list(),
            mode="markers",
            marker={"size": 5, "color": color, "opacity": 0.6},
            name=name,
        )
    finished = shown.filter(counts)
    best = finished[statistic].cum_max() if maximise else finished[statistic].cum_min()
    changes = (best != best.shift(1)).fill_null(True)
    figure.add_scatter(
        x=[*finished["trial"].filter(changes), *trials["trial"].tail(1)],
        y=[*best.filter(changes), *best.tail(1)],
        mode="lines",
        line={"color": ORANGE, "width": 2, "shape": "hv"},
        name="best so far",
    )
    styled(figure)
    figure.update_xaxes(title_text="parameter set tried")
    figure.update_yaxes(title_text=statistic)
    return figure


def parameter_maps(
    trials: pl.DataFrame, parameters: Sequence[str], statistic: str, log: Sequence[str] = ()
) -> list[tuple[str, go.Figure]]:
    """Draw each pair of parameters as a map of the value, members of the best cluster ringed.

    Parameters
    ----------
    trials : polars.DataFrame
        Finished trials: a column per parameter, `statistic` and ``cluster``.
    parameters : sequence of str
        Those that moved.
    statistic : str
        What was wanted.
    log : sequence of str
        Parameters with a logarithmic axis.

    Returns
    -------
    list of (title, figure)
        One per pair; of one parameter its value.
    """
    figures: list[tuple[str, go.Figure]] = []
    pairs = list(itertools.combinations(parameters, 2)) or [(parameters[0], statistic)]
    # The best are drawn last, above the others.
    shown = trials.head(min(_MOST_POINTS, _MOST_ON_MAPS // len(pairs))).reverse()
    first = shown.filter(pl.col("cluster") == 1)
    for across, down in pairs:
        figure = go.Figure(
            go.Scattergl(
                x=shown[across].to_list(),
                y=shown[down].to_list(),
                mode="markers",
                marker={
                    "size": 8,
                    "color": shown[statistic].to_list(),
                    "colorscale": "Viridis",
                    "colorbar": {"title": {"text": statistic}, "thickness": 12},
                },
                showlegend=False,
                text=[f"{value:.4g}" for value in shown[statistic]],
                hovertemplate=f"{across} %{{x}}<br>{down} %{{y}}<br>{statistic} %{{text}}"
                "<extra></extra>",
            )
        )
        figure.add_scattergl(
            x=first[across].to_list(),
            y=first[down].to_list(),
            mode="markers",
            marker={"size": 13, "symbol": "circle-open", "color": ORANGE, "line": {"width": 2}},
            name="best cluster",
        )
        styled(figure)
        for axes, name in ((figure.update_xaxes, across), (figure.update_yaxes, down)):
            axes(title_text=name, type="log" if name in log else None)
        figures.append((f"{across} and {down}", figure))
    return figures


def claim_and_fresh(leaders: pl.DataFrame, statistic: str) -> go.Figure:
    """Draw what each leader claimed beside what it came to on paths that the search never used.

    Parameters
    ----------
    leaders : polars.DataFrame
        Columns of `engine.search.confirm.LEADERS`.
    statistic : str
        What was wanted.
    """
    names = [f"{row['rank']} ({row['role']})" for row in leaders.iter_rows(named=True)]
    figure = go.Figure()
    fresh = leaders["fresh"].cast(pl.Float64).to_numpy()
    figure.add_scatter(
        x=names,
        y=leaders["claim"].to_list(),
        mode="markers",
        marker={"size": 10, "symbol": "diamond-open", "color": GREY, "line": {"width": 2}},
        name="claimed by the search",
    )
    figure.add_scatter(
        x=names,
        y=leaders["fresh"].to_list(),
        error_y={
            "type": "data",
            "array": np.nan_to_num(leaders["fresh_high"].cast(pl.Float64).to_numpy() - fresh),
            "arrayminus": np.nan_to_num(fresh - leaders["fresh_low"].cast(pl.Float64).to_numpy()),
            "color": PALE,
            "thickness": 6,
        },
        mode="markers",
        marker={"size": 9, "color": BLUE},
        name="where the search did not look",
    )
    styled(figure)
    figure.update_xaxes(title_text="rank by the search")
    figure.update_yaxes(title_text=statistic)
    return figure

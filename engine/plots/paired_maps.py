"""Maps over two parameters: estimates, and beside each map its standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from engine.plots.style import ABOVE_BELOW, styled

__all__ = ["MOST_PAIRS", "paired_maps"]

#: Pairs of maps that one figure has room for.
MOST_PAIRS: Final = 12
_HEIGHT: Final = 400
_GAP: Final = 95
_LOW: Final = "rgba(125, 134, 148, 0.06)"
# Of estimates on one side of zero, by what they are closest to zero and furthest from it.
_ABOVE: Final = ((0.0, _LOW), (1.0, "rgba(58, 123, 208, 0.62)"))
_BELOW: Final = ((0.0, "rgba(208, 73, 58, 0.62)"), (1.0, _LOW))
_ERRORS: Final = ((0.0, "rgba(125, 134, 148, 0.08)"), (1.0, "rgba(217, 138, 31, 0.72)"))


def paired_maps(
    table: pl.DataFrame, across: str, down: str, within: Sequence[str] = (), title: str = "mean"
) -> go.Figure:
    """Draw a map of estimates, and one of their standard errors, per value of other parameters.

    Parameters
    ----------
    table : polars.DataFrame
        One row per parameter set: the parameters, ``estimate``, ``std_error``, null where there is
        none.
    across, down : str
        Parameters of the axes.
    within : sequence of str
        The other parameters that take more than one value; of their combinations the first
        `MOST_PAIRS` are shown.
    title : str
        What the estimates are.

    Notes
    -----
    All maps of estimates have one scale, and all of errors another, so that they can be compared.
    Where estimates lie on both sides of zero, zero is the middle of their scale.
    """
    groups: list[tuple[str, pl.DataFrame]] = [("", table)]
    if within:
        parts = table.partition_by(list(within), maintain_order=True, as_dict=True)
        ordered = sorted(parts, key=lambda values: [_order(value) for value in values])
        groups = [(_named(within, values), parts[values]) for values in ordered[:MOST_PAIRS]]
    titles = [
        f"{what}{', ' if name else ''}{name}"
        for name, _ in groups
        for what in (title, "standard error")
    ]
    figure = make_subplots(
        rows=len(groups),
        cols=2,
        subplot_titles=titles,
        horizontal_spacing=0.14,
        vertical_spacing=_GAP / (_HEIGHT * len(groups)),
    )
    for row, (_, part) in enumerate(groups, start=1):
        for column, name in enumerate(("estimate", "std_error"), start=1):
            figure.add_trace(_map(part, across, down, name), row=row, col=column)
    shown = pl.concat([part for _, part in groups])
    largest = max(shown["std_error"].drop_nulls(), default=1.0)
    figure.update_layout(
        coloraxis=_scale(shown["estimate"].drop_nulls())
        | {"colorbar": {"thickness": 12, "x": 0.43}},
        coloraxis2={
            **{"colorscale": _ERRORS, "cmin": 0.0, "cmax": largest},
            "colorbar": {"thickness": 12, "x": 1.0},
        },
    )
    figure.update_xaxes(type="category")
    figure.update_xaxes(title=across, row=len(groups))
    figure.update_yaxes(type="category")
    figure.update_yaxes(title=down, col=1)
    return styled(figure, 60 + _HEIGHT * len(groups))


def _scale(estimates: pl.Series) -> dict[str, Any]:
    low, high = min(estimates, default=-1.0), max(estimates, default=1.0)
    if low < 0.0 < high or low == high:
        limit = max(abs(low), abs(high)) or 1.0
        return {"colorscale": ABOVE_BELOW, "cmin": -limit, "cmax": limit}
    return {"colorscale": _ABOVE if low >= 0.0 else _BELOW, "cmin": low, "cmax": high}


def _map(table: pl.DataFrame, across: str, down: str, name: str) -> go.Heatmap:
    columns = sorted(table[across].unique().to_list(), key=_order)
    rows = sorted(table[down].unique().to_list(), key=_order)
    found = {(row[across], row[down]): row[name] for row in table.iter_rows(named=True)}
    digits = 3 if name == "estimate" else 2
    grid = [[found.get((column, row)) for column in columns] for row in rows]
    return go.Heatmap(
        x=[_word(column) for column in columns],
        y=[_word(row) for row in rows],
        z=grid,
        text=[["–" if cell is None else _short(cell, digits) for cell in line] for line in grid],
        texttemplate="%{text}",
        textfont={"size": 10},
        coloraxis="coloraxis" if name == "estimate" else "coloraxis2",
        hovertemplate=f"{across} %{{x}}, {down} %{{y}}<br>%{{z:,.4~r}}<extra></extra>",
    )


def _short(value: float, digits: int) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10.0 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.{digits}g}"


def _named(names: Sequence[str], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in zip(names, values, strict=True))


def _word(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _order(value: object) -> tuple[bool, float, str]:
    number = float(value) if isinstance(value, int | float) else 0.0
    return value is not None, number, str(value)

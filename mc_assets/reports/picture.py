"""A still picture of a study, small enough to live in an asset's metadata."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Literal

import matplotlib

matplotlib.use("Agg")

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["as_markdown", "outcomes_picture", "study_picture"]


def study_picture(
    title: str,
    fan: pl.DataFrame | None,
    pnl: pl.Series | None,
    value_at_risk: float,
    kind: Literal["png", "svg", "pdf"] = "png",
) -> bytes:
    """Equity fan and net P&L histogram of one parameter set, side by side.

    Parameters
    ----------
    title : str
        What the picture shows.
    fan : polars.DataFrame or None
        As `engine.plots.study.fan_quantiles` returns it; None where no equity was recorded.
    pnl : polars.Series or None
        Net P&L of each simulation; None where it is not kept.
    value_at_risk : float
        95 % value at risk, positive for a loss.
    kind : {"png", "svg", "pdf"}
        Format of the image.

    Returns
    -------
    bytes
        The image.
    """
    figure = Figure(figsize=(9.0 if fan is not None else 4.8, 3.2), layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(1, 1 if fan is None or pnl is None else 2, squeeze=False)[0]
    if fan is not None:
        _draw_fan(panels[0], fan)
    if pnl is not None:
        _draw_histogram(panels[-1], pnl, value_at_risk)
    elif fan is None:
        panels[0].text(0.5, 0.5, "neither equity nor net P&L is kept", ha="center", fontsize=8)
    for axes in panels:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=80)
    return buffer.getvalue()


def outcomes_picture(title: str, pnl: pl.Series) -> bytes:
    """Histogram of what simulations came to, as a PNG image.

    Parameters
    ----------
    title : str
        What the picture shows.
    pnl : polars.Series
        Net P&L of each simulation.
    """
    figure = Figure(figsize=(4.8, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(pnl.drop_nulls().to_numpy(), bins=40, color="#1f5fa8")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("net P&L", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def as_markdown(pictures: Sequence[tuple[str, bytes]]) -> str:
    """Markdown that carries the pictures inside itself."""
    return "\n\n".join(
        f"![{name}](data:image/png;base64,{base64.b64encode(image).decode()})"
        for name, image in pictures
    )


def _draw_fan(axes: Axes, fan: pl.DataFrame) -> None:
    bars = fan["bar"].to_numpy()
    axes.fill_between(bars, fan["q05"].to_numpy(), fan["q95"].to_numpy(), color="#d2dfee")
    axes.fill_between(bars, fan["q25"].to_numpy(), fan["q75"].to_numpy(), color="#a5bfdd")
    axes.plot(bars, fan["q50"].to_numpy(), color="#1f5fa8", linewidth=1.8)
    axes.set_xlabel("bar")
    axes.set_title("equity: 5, 25, 50, 75, 95 %", fontsize=9)
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _draw_histogram(axes: Axes, pnl: pl.Series, value_at_risk: float) -> None:
    axes.hist(pnl.drop_nulls().to_numpy(), bins=40, color="#1f5fa8")
    axes.axvline(-value_at_risk, color="#b3392c", linestyle="--", label="95 % value at risk")
    axes.set_xlabel("net P&L")
    axes.set_title("net P&L over simulations", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(axis="x", rotation=20)

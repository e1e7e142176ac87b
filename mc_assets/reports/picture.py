"""A still picture of a study, small enough to live in an asset's metadata."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import matplotlib

matplotlib.use("Agg")

import polars as pl
from matplotlib.figure import Figure

__all__ = ["as_markdown", "study_picture"]


def study_picture(title: str, fan: pl.DataFrame, pnl: pl.Series, value_at_risk: float) -> bytes:
    """Equity fan and net P&L histogram of one parameter set, side by side.

    Parameters
    ----------
    title : str
        What the picture shows.
    fan : polars.DataFrame
        As `mc_assets.reports.charts.fan_quantiles` returns it.
    pnl : polars.Series
        Net P&L of each simulation.
    value_at_risk : float
        95 % value at risk, positive for a loss.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2)
    bars = fan["bar"].to_numpy()
    left.fill_between(bars, fan["q05"].to_numpy(), fan["q95"].to_numpy(), color="#d2dfee")
    left.fill_between(bars, fan["q25"].to_numpy(), fan["q75"].to_numpy(), color="#a5bfdd")
    left.plot(bars, fan["q50"].to_numpy(), color="#1f5fa8", linewidth=1.8)
    left.set_xlabel("bar")
    left.set_title("equity: 5, 25, 50, 75, 95 %", fontsize=9)
    right.hist(pnl.drop_nulls().to_numpy(), bins=40, color="#1f5fa8")
    right.axvline(-value_at_risk, color="#b3392c", linestyle="--", label="95 % value at risk")
    right.set_xlabel("net P&L")
    right.set_title("net P&L over simulations", fontsize=9)
    right.legend(fontsize=8, frameon=False)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    left.yaxis.set_major_formatter("{x:,.0f}")
    right.xaxis.set_major_formatter("{x:,.0f}")
    right.tick_params(axis="x", rotation=20)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def as_markdown(pictures: Sequence[tuple[str, bytes]]) -> str:
    """Markdown that carries the pictures inside itself."""
    return "\n\n".join(
        f"![{name}](data:image/png;base64,{base64.b64encode(image).decode()})"
        for name, image in pictures
    )

"""A policy in an asset's metadata: its learning curves, and what it came to beside other rules."""

from __future__ import annotations

import io

import matplotlib

matplotlib.use("Agg")

import polars as pl
from matplotlib.figure import Figure

__all__ = ["curves_picture", "judgement_picture", "judgement_table"]


def curves_picture(curves: pl.DataFrame) -> bytes:
    """Draw the best and the mean fitness of each generation, a colour for each training.

    Parameters
    ----------
    curves : polars.DataFrame
        ``seed``, ``generation``, ``best``, ``mean``.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=(5.4, 3.0), layout="constrained")
    axes = figure.subplots()
    for place, (key, curve) in enumerate(curves.group_by("seed", maintain_order=True)):
        colour = f"C{place % 10}"
        axes.plot(curve["generation"], curve["best"], color=colour, label=f"seed {key[0]}")
        axes.plot(curve["generation"], curve["mean"], color=colour, linewidth=0.8, linestyle=":")
    axes.set_xlabel("generation", fontsize=8)
    axes.set_ylabel("fitness on training paths: best, mean dotted", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    return _png(figure)


def judgement_picture(table: pl.DataFrame) -> bytes:
    """Draw the interquartile mean of returns on unseen paths with its interval, row by row.

    Parameters
    ----------
    table : polars.DataFrame
        As `AgentReport.table`.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=(5.4, 0.5 * len(table) + 1.0), layout="constrained")
    axes = figure.subplots()
    places = range(len(table))[::-1]
    axes.hlines(places, 100.0 * table["ci_low"], 100.0 * table["ci_high"], color="#1f5fa8")
    axes.plot(100.0 * table["iqm"], places, "o", color="#1f5fa8")
    axes.axvline(0.0, color="#888888", linewidth=0.8)
    axes.set_yticks(places, table["name"].to_list())
    axes.set_xlabel("return on unseen paths, %: interquartile mean, 95 % interval", fontsize=8)
    return _png(figure)


def judgement_table(table: pl.DataFrame) -> str:
    """Return a judgement as a table of Markdown."""
    columns = ["name", "runs", "episodes", "iqm", "ci_low", "ci_high"]
    columns += ["advantage", "advantage_low", "advantage_high", "sharpe", "max_drawdown"]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in table.select(columns).iter_rows():
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _png(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()

"""A picture of one simulation: prices with its fills, and its equity."""

from __future__ import annotations

import io
import textwrap
from typing import Final

import matplotlib

matplotlib.use("Agg")

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.jobs.replay import Replay
from engine.plots.option_legs import legs_of

__all__ = ["replay_picture"]

_LINE: Final = 110  # letters of the title


def replay_picture(study: str, replay: Replay) -> bytes:
    """Draw prices, fills and equity of a simulation.

    Parameters
    ----------
    study : str
        Name of the study.
    replay : Replay
        The simulation, run again.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=(11, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    title = f"{study} · simulation {replay.simulation} · seed {replay.seed}"
    figure.suptitle("\n".join([title, *textwrap.wrap(replay.values, _LINE)]), fontsize=11)
    _draw_prices(upper, replay)
    lower.plot(range(len(replay.equity)), replay.equity, color="black", linewidth=1)
    lower.set_ylabel("equity")
    lower.set_xlabel("bar")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _draw_prices(axes: Axes, replay: Replay) -> None:
    for symbol in replay.bars["symbol"].unique(maintain_order=True):
        bars = replay.bars.filter(replay.bars["symbol"] == symbol)
        axes.plot(bars["bar"], bars["close"], linewidth=1, label=symbol, zorder=1)
        axes.fill_between(bars["bar"], bars["low"], bars["high"], alpha=0.2, zorder=0)
    first = replay.bars["bar"].item(0)
    if first < 0:
        axes.axvspan(first, -0.5, color="0.93", zorder=-1, label="warm-up")
    if replay.legs is not None:
        _draw_legs(axes, replay.legs)
        return
    # Fills, not closed trades: what is still open at the end was bought, too.
    fills = replay.orders.filter(pl.col("event") == "filled")
    for side, sign, mark, colour in (("bought", 1, "^", "tab:green"), ("sold", -1, "v", "tab:red")):
        own = fills.filter(pl.col("units").sign() == sign)
        label = f"{side}, {own.height:,}"
        axes.scatter(own["bar"], own["price"], marker=mark, c=colour, s=36, zorder=2, label=label)
    axes.set_ylabel("price")
    axes.legend(loc="best", framealpha=0.6)


def _draw_legs(axes: Axes, legs: pl.DataFrame) -> None:
    """Draw every leg at its strike, from its entry to its exit."""
    for name, colour, dash, rows in legs_of(legs):
        style = "-" if dash == "solid" else ":"
        ends = [
            np.stack([rows[first].to_numpy(), rows[second].to_numpy()])
            for first, second in (("entry_bar", "exit_bar"), ("begin", "end"))
        ]
        lines = axes.plot(*ends, color=colour, linestyle=style, linewidth=1.6)
        lines[0].set_label(f"{name}, {rows.height:,}")
    axes.set_ylabel("price")
    axes.legend(loc="best", framealpha=0.6)

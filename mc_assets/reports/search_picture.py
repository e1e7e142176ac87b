"""A search and a walk-forward in an asset's metadata: tables and a still map of the parameters."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any, Final

import matplotlib

matplotlib.use("Agg")

import polars as pl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from engine.search import SearchOutcome, WalkForward

__all__ = ["leaders_table", "search_picture", "windows_table"]

# A page of metadata has room for so many maps.
_MOST_MAPS: Final = 3
_MOST_POINTS: Final = 3_000


def leaders_table(found: SearchOutcome) -> str:
    """Return the leaders as a table of Markdown."""
    columns = ["role", *found.table.parameters, "claim", "fresh", "fresh_low", "fresh_high"]
    columns += ["tied", "plateau", "cluster"]
    return _table(found.leaders.select(columns))


def windows_table(found: WalkForward) -> str:
    """Return the windows of a walk-forward as a table of Markdown, all of them in the last row."""
    names = ("in_sample", "out_of_sample", "out_of_sample_std_error", "selection_loss")
    return _table(
        found.table.select(
            pl.col("window").cast(pl.String).fill_null("all"),
            *names,
            "efficiency",
            "chosen_most",
            "chosen_share",
        )
    )


def search_picture(found: SearchOutcome) -> bytes:
    """Draw maps of pairs of parameters, coloured by the value, the best cluster ringed.

    Parameters
    ----------
    found : SearchOutcome
        Of its parameters the first three pairs; of one parameter its value.

    Returns
    -------
    bytes
        A PNG image.
    """
    statistic = found.table.objectives[0].statistic
    names = found.table.parameters
    pairs = list(itertools.combinations(names, 2))[:_MOST_MAPS] or [(names[0], statistic)]
    # The best are drawn last, above the others.
    shown = found.robust.head(_MOST_POINTS).reverse()
    ringed = shown.filter(pl.col("cluster") == 1)
    figure = Figure(figsize=(3.6 * len(pairs) + 0.8, 3.2), layout="constrained")
    drawn: Any = None
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    log = {item.name for item in found.space.dimensions if item.values.kind.startswith("log_")}
    for axes, (across, down) in zip(panels, pairs, strict=True):
        if len(shown):
            drawn = axes.scatter(
                _drawable(shown, across), _drawable(shown, down), c=shown[statistic], s=14
            )
            axes.scatter(
                _drawable(ringed, across),
                _drawable(ringed, down),
                s=46,
                facecolors="none",
                edgecolors="#d9760b",
                linewidths=1.2,
            )
        if across in log:
            axes.set_xscale("log")
        if down in log:
            axes.set_yscale("log")
        axes.set_xlabel(across, fontsize=8)
        axes.set_ylabel(down, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    if drawn is not None:
        figure.colorbar(drawn, ax=panels.tolist()).set_label(statistic, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def _drawable(frame: pl.DataFrame, name: str) -> list[Any]:
    """Return a column as Matplotlib takes it: switches and words as words."""
    column = frame[name]
    numeric = column.dtype.is_numeric()
    return column.to_list() if numeric else column.cast(pl.String).to_list()


def _table(frame: pl.DataFrame) -> str:
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * frame.width]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in frame.iter_rows()]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)

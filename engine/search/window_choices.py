"""Choosing a set in each window on each path, and what the choices came to together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.search.equity_runs import Scored
from engine.search.window_scores import SCORES, SUMS, sums_of
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised

__all__ = ["Span", "score_windows", "window_choices", "window_table"]

Floats = NDArray[np.float64]
#: Where equity in sample and out of sample lies, the value before the first bar in front.
Span = tuple[slice, slice]


def score_windows(
    equity: Floats, spans: Sequence[Span], score: str, points_per_year: float
) -> Scored:
    """Score sets in every window.

    Parameters
    ----------
    equity : ndarray of float64, shape (sets, paths, 1 + points)
        The cash before the first bar in front.
    spans : sequence of (slice, slice)
        In sample and out of sample.
    score : str
        A name of `SCORES`.
    points_per_year : float
        Points of equity in a year.

    Returns
    -------
    dict of str to ndarray of float64, shape (windows, sets, paths)
        ``in_NAME`` and ``out_NAME`` of the `SUMS`, and ``net_pnl`` out of sample.
    """
    found: dict[str, list[Floats]] = {}
    for inside, outside in spans:
        for kind, span in (("in", inside), ("out", outside)):
            for name, values in sums_of(SCORES[score], equity[:, :, span], points_per_year).items():
                found.setdefault(f"{kind}_{name}", []).append(values)
        stretch = equity[:, :, outside]
        found.setdefault("net_pnl", []).append(stretch[..., -1] - stretch[..., 0])
    return {name: np.stack(values) for name, values in found.items()}


def window_choices(scored: Scored, windows: Sequence[int], first_path: int = 0) -> pl.DataFrame:
    """Choose on each path among all sets.

    Parameters
    ----------
    scored : dict
        As `score_windows` returns it.
    windows : sequence of int
        Numbers of its windows.
    first_path : int
        Number of its first path.

    Returns
    -------
    polars.DataFrame
        A row per window and path: ``window``, ``path``, ``parameter_set``, ``in_sample``,
        ``out_of_sample``, ``best_out_of_sample``, ``median_out_of_sample``, ``net_pnl``, and the
        sums of the chosen and the best set, with ``_`` in front of their names.
    """
    inside, outside = scored["in_value"], scored["out_value"]
    paths = np.arange(inside.shape[2])
    frames: list[pl.DataFrame] = []
    for row, number in enumerate(windows):
        # Of equals the first, as the study lists them.
        chosen = np.asarray(inside[row].argmax(axis=0))
        best = np.asarray(outside[row].argmax(axis=0))
        sums = {
            f"_{kind}_{name}": scored[f"{side}_{name}"][row, taken, paths]
            for kind, side, taken in (
                ("in", "in", chosen),
                ("out", "out", chosen),
                ("best", "out", best),
            )
            for name in SUMS
        }
        frames.append(
            pl.DataFrame(
                {
                    "window": np.full(len(paths), number, dtype=np.int64),
                    "path": first_path + paths,
                    "parameter_set": chosen.astype(np.int64),
                    "in_sample": inside[row, chosen, paths],
                    "out_of_sample": outside[row, chosen, paths],
                    "best_out_of_sample": outside[row, best, paths],
                    "median_out_of_sample": np.median(outside[row], axis=0),
                    "net_pnl": scored["net_pnl"][row, chosen, paths],
                    **sums,
                }
            )
        )
    return pl.concat(frames)


def window_table(choices: pl.DataFrame, score: str, paths_per_unit: int) -> pl.DataFrame:
    """Sum up choices: a row per window, and a last one over all (null).

    Parameters
    ----------
    choices : polars.DataFrame
        As `window_choices` returns them, of any windows.
    score : str
        A name of `SCORES`.
    paths_per_unit : int
        Paths that depend on each other.
    """
    rows = [
        _row(choices.filter(pl.col("window") == number), number, score, paths_per_unit)
        for number in choices["window"].unique(maintain_order=True)
    ]
    rows.append(_row(choices, None, score, paths_per_unit))
    return pl.DataFrame(rows, schema_overrides={"window": pl.Int64}).fill_nan(None)


def _row(
    choices: pl.DataFrame, window: int | None, score: str, paths_per_unit: int
) -> dict[str, Any]:
    """Sum up choices; errors are of independent units of paths, by their influences."""
    units = choices["path"].to_numpy() // paths_per_unit
    layout = Layout.of(np.zeros(len(choices)), units)
    found: dict[str, Linearised] = {}
    for kind in ("in", "out", "best"):
        sums = {name: layout.arrange(choices[f"_{kind}_{name}"].to_numpy()) for name in SUMS}
        sorted_rows = Layout(
            layout.keys, layout.units, layout.rows, layout.cells, None, layout.cell_rows
        )
        found[kind] = SCORES[score].of_choices(sums, sorted_rows)
    values = {kind: float(one.value[0]) for kind, one in found.items()}
    influences = {kind: one.influence for kind, one in found.items()}
    row: dict[str, Any] = {"window": window}
    row |= _with_errors("in_sample", values["in"], influences["in"])
    row |= _with_errors("out_of_sample", values["out"], influences["out"])
    efficiency, part = math.nan, np.full(2, np.nan)
    # What was not there in sample cannot be kept out of sample.
    certain = values["in"] > 2.0 * row["in_sample_std_error"] or len(layout.units) == 1
    if values["in"] > 0.0 and certain:
        efficiency = values["out"] / values["in"]
        part = (influences["out"] - efficiency * influences["in"]) / values["in"]
    row |= _with_errors("efficiency", efficiency, part)
    loss = influences["best"] - influences["out"]
    row |= _with_errors("selection_loss", values["best"] - values["out"], loss)
    most = choices["parameter_set"].value_counts()
    most = most.sort(["count", "parameter_set"], descending=[True, False])
    return row | {
        "chosen_most": int(most["parameter_set"][0]),
        "chosen_share": float(most["count"][0] / len(choices)),
        "paths": choices["path"].n_unique(),
    }


def _with_errors(name: str, value: float, influence: Floats) -> dict[str, float]:
    count = len(influence)
    error = math.sqrt((influence**2).mean() / (count - 1)) if count > 1 else math.nan
    return {name: value, f"{name}_std_error": error}

"""Plateaus rather than peaks: how a parameter set's neighbours do, and which good sets are kin."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.search.space import SearchSpace
from engine.search.trials import TrialTable

__all__ = ["ROBUSTNESS", "best_of_cluster", "robustness"]

Floats = NDArray[np.float64]

#: Columns that `robustness` adds to the finished trials.
ROBUSTNESS: Final = {
    "plateau": pl.Float64,
    "plateau_std_error": pl.Float64,
    "plateau_q10": pl.Float64,
    "neighbours": pl.Float64,
    "cluster": pl.Int64,
}

# Neighbours count by a Gaussian kernel of this width in the cube of each parameter's own scale.
# With more parameters the same share of trials lies farther apart: the width grows with them.
_WIDTH: Final = 0.08
# The best tenth of the trials, but not fewer, are sorted into clusters.
_GOOD_SHARE, _FEWEST_GOOD = 0.1, 10
# Good sets are kin if a chain of them leads from one to the other by steps of at most this.
_LINK: Final = 0.2
# So many pairs of trials at a time.
_BLOCK: Final = 4_000_000
# The best of more trials than this have a plateau; the rest will not be chosen. Of more trials
# than that, every second, third, ... counts as a neighbour.
_MOST: Final = 1_000
_MOST_NEIGHBOURS: Final = 10_000


def robustness(space: SearchSpace, table: TrialTable, trials: pl.DataFrame) -> pl.DataFrame:
    """Say how robust each finished trial is.

    Parameters
    ----------
    space : SearchSpace
        Gives every parameter its own scale: a logarithmic one is compared by ratios.
    table : TrialTable
        Ranks the trials.
    trials : polars.DataFrame
        All of them.

    Returns
    -------
    polars.DataFrame
        The finished trials, best first, with ``plateau``, the mean of the first objective over the
        set and its neighbours, weighted by a Gaussian kernel; ``plateau_std_error``;
        ``plateau_q10``, the value below which a tenth of that weight lies, or above which where
        less is better; ``neighbours``, as how many equally weighted trials the weights count
        (Kish, 1965, Survey Sampling); and ``cluster``, from 1, the cluster with the best plateau
        first, null outside the best tenth.

    Notes
    -----
    Trials share their paths, so that errors of neighbours largely move together: the error of the
    mean is the mean of their errors, which is what it would be if they moved as one, and an upper
    bound otherwise.
    """
    ranked = table.ranked(trials)
    objective = table.objectives[0]
    if ranked.is_empty():
        return ranked.with_columns(
            pl.Series(name, [], dtype=kind) for name, kind in ROBUSTNESS.items()
        )
    points = space.points(ranked.select(table.parameters).to_dicts())
    ordered = np.array([item.is_ordered for item in space.dimensions])
    value = ranked[objective.statistic].to_numpy().astype(np.float64)
    error = ranked[f"{objective.statistic}_std_error"].fill_null(np.nan).to_numpy()
    every = -(-len(ranked) // _MOST_NEIGHBOURS)
    near = np.flatnonzero(ranked["trial"].to_numpy() % every == 0) if every > 1 else None
    mean, mean_error, low, count = _smoothed(points, ordered, value, error, objective.sign, near)
    cluster = _clusters(points, ordered, objective.sign * mean)
    columns = (mean, mean_error, low, count)
    return ranked.with_columns(
        *(
            pl.Series(name, column).fill_nan(None)
            for name, column in zip(list(ROBUSTNESS)[:4], columns, strict=True)
        ),
        pl.Series("cluster", [one or None for one in cluster.tolist()], dtype=pl.Int64),
    )


def best_of_cluster(robust: pl.DataFrame, table: TrialTable) -> pl.DataFrame:
    """Return the row with the best plateau, from the middle of the best cluster.

    Parameters
    ----------
    robust : polars.DataFrame
        As `robustness` returns it.
    table : TrialTable
        Says whether more is better.

    Returns
    -------
    polars.DataFrame
        One row; none where no trial finished.
    """
    sign = table.objectives[0].sign
    first = robust.filter(pl.col("cluster") == 1)
    return first.sort([pl.col("plateau") * sign, pl.col("set_id")], descending=[True, False]).head(
        1
    )


def _smoothed(
    points: Floats,
    ordered: NDArray[np.bool_],
    value: Floats,
    error: Floats,
    sign: float,
    near: NDArray[np.int64] | None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Kernel mean, its error, the tenth of the weight that is worst, and the effective count."""
    width = _WIDTH * math.sqrt(points.shape[1])
    mean, mean_error, low, count = (np.full(len(points), np.nan) for _ in range(4))
    last = min(len(points), _MOST)
    for first in range(0, last, step := max(_BLOCK // len(points), 1)):
        block = np.arange(first, min(first + step, last))
        others = np.arange(len(points)) if near is None else np.union1d(near, block)
        others = others[np.argsort(sign * value[others], kind="stable")]
        weight = np.exp(-0.5 * (_distances(points[block], points[others], ordered) / width) ** 2)
        total = weight.sum(axis=1)
        mean[block] = weight @ value[others] / total
        mean_error[block] = weight @ error[others] / total
        count[block] = total**2 / (weight**2).sum(axis=1)
        below = np.cumsum(weight, axis=1) >= 0.1 * total[:, None]
        low[block] = value[others[below.argmax(axis=1)]]
    return mean, mean_error, low, count


def _clusters(points: Floats, ordered: NDArray[np.bool_], score: Floats) -> NDArray[np.int64]:
    """Return the cluster of each of the best tenth, by best plateau from 1; 0 outside."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    found = np.zeros(len(points), dtype=np.int64)
    wanted = min(max(round(_GOOD_SHARE * len(points)), _FEWEST_GOOD), _MOST, len(points))
    score = np.where(np.isnan(score), -np.inf, score)
    good = np.argsort(-score, kind="stable")[:wanted]
    if len(good) < 2:
        found[good] = 1
        return found
    distances = _distances(points[good], points[good], ordered)
    chain = linkage(squareform(distances, checks=False), method="single")
    labels = fcluster(chain, _LINK * math.sqrt(points.shape[1]), criterion="distance")
    # `good` is sorted by plateau: the first of a label is its best.
    _, first = np.unique(labels, return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    found[good] = rank[labels - 1]
    return found


def _distances(some: Floats, every: Floats, ordered: NDArray[np.bool_]) -> Floats:
    """Euclidean distances in the cube; different words are a whole side apart."""
    apart = np.zeros((len(some), len(every)))
    for column in range(every.shape[1]):
        difference = some[:, column, None] - every[None, :, column]
        apart += difference**2 if ordered[column] else (difference != 0.0).astype(np.float64)
    return np.asarray(np.sqrt(apart))

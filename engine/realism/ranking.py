"""Sources ranked by how real their paths look, and how sure the ranking is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.randomness import Stream, philox_reference
from engine.realism.compare import RealismReport
from engine.realism.statistics import STATISTICS, path_statistics

__all__ = ["far_from_paths", "rank_reports"]

Array = NDArray[np.float64]

# Standard deviations: what is further off says no more, so that no statistic decides alone.
_FURTHEST: Final = 5.0
# Blocks keep what clusters: several times the longest lag of a statistic.
_BLOCK: Final = 100
_RESAMPLED: Final = 200
_SEED: Final = 2_024


def rank_reports(reports: Sequence[RealismReport], *, resamples: int = _RESAMPLED) -> pl.DataFrame:
    r"""Rank sources by how far the history lies from their paths.

    Parameters
    ----------
    reports : sequence of RealismReport
        Of different models, compared with the same history.
    resamples : int
        Histories that are drawn from the history's own blocks, to see how sure the ranking is.

    Returns
    -------
    polars.DataFrame
        One row per model, the nearest first: ``model``; ``distance``, the mean over the
        `STATISTICS` of :math:`\min(|h - m| / s, 5)`, of the history's value and of mean and
        standard deviation over paths; ``std_error`` of it, over histories; ``first`` and ``last``,
        the share of resampled histories that lie nearest to it, or furthest from it; ``sure``, the
        share in which it is nearer than the next row's model, null in the last row.

    Raises
    ------
    Refusal
        If there is no report, or they are of different histories.

    Notes
    -----
    Histories are resampled by circular blocks of 100 bars (Politis and Romano, 1992), which are as
    long as the history has ten of them. The same ones serve every model, so shares are of paired
    differences. A resampled history has lost some of its clustering at the seams: it is a little
    nearer to noise than the history, so that the shares are careful.

    Examples
    --------
    >>> import numpy as np
    >>> import engine as mc
    >>> from engine.realism import compare_with_history, rank_reports
    >>> path = mc.GARCH(alpha=0.15, beta=0.8).paths(steps=800, seeds=[3]).values[0, 0]
    >>> bars = mc.Bars("X", np.arange(800) * 86_400_000_000, *path[:5].copy())
    >>> found = [mc.calibrate(name, bars) for name in ("gbm", "bootstrap")]
    >>> ranked = rank_reports([compare_with_history(c, bars, seeds=range(20)) for c in found])
    >>> ranked["model"].to_list()
    ['bootstrap', 'gbm']
    """
    histories = {report.history.tobytes() for report in reports}
    if len(histories) != 1:
        raise Refusal(
            "reports", f"{len(histories)} histories", "reports of one history, at least one"
        )
    first = reports[0]
    drawn = path_statistics(_resampled(first.history, resamples), first.bars_per_year)
    own = path_statistics(first.history, first.bars_per_year)
    distances = np.array([float(far_from_paths(own, each.paths_of)[0]) for each in reports])
    spread = np.array([far_from_paths(drawn, each.paths_of) for each in reports])
    order = np.argsort(distances, kind="stable")
    placed = np.argsort(np.argsort(spread, axis=0, kind="stable"), axis=0)
    sure = [float(np.mean(spread[a] < spread[b])) for a, b in pairwise(order)]
    return pl.DataFrame(
        {
            "model": [reports[place].model for place in order],
            "distance": distances[order],
            "std_error": spread.std(axis=1, ddof=1)[order],
            "first": (placed == 0).mean(axis=1)[order],
            "last": (placed == len(reports) - 1).mean(axis=1)[order],
            "sure": pl.Series([*sure, None], dtype=pl.Float64),
        }
    )


def far_from_paths(histories: dict[str, Array], paths: dict[str, Array]) -> Array:
    """Return how far histories lie from paths, in standard deviations of the latter.

    Parameters
    ----------
    histories, paths : dict of str to ndarray, shape (histories,), (paths,)
        The `STATISTICS` of each; what is NaN is left out.

    Returns
    -------
    ndarray of float64, shape (histories,)
        Mean over statistics; each counts for 5 at most.
    """
    far = []
    for name in STATISTICS:
        values = paths[name][np.isfinite(paths[name])]
        if len(values) < 2 or not values.std() > 0.0:
            continue
        far.append(np.abs(histories[name] - values.mean()) / values.std(ddof=1))
    return np.asarray(np.nanmean(np.minimum(far, _FURTHEST), axis=0))


def _resampled(history: Array, count: int) -> Array:
    length = max(min(_BLOCK, len(history) // 10), 1)
    blocks = -(-len(history) // length)
    starts = np.array(
        [
            [
                philox_reference([block, Stream.BLOCK, number, 0], [_SEED, 0])[0]
                for block in range(blocks)
            ]
            for number in range(count)
        ]
    ) % len(history)
    places = (starts[:, :, None] + np.arange(length)).reshape(count, -1)[:, : len(history)]
    return history[places % len(history)]

"""Error of a study's numbers by kind: Monte Carlo, history, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.resampled import ResampledHistory, ResampledPaths
from engine.jobs.summary import JobSummary
from engine.results.definitions import Statistic, find_statistic, statistics_of
from engine.results.outcomes import Outcomes, read_outcomes, steps_of_sets
from engine.results.rows import Rows
from engine.statistics.error_budget import (
    Component,
    ErrorBudget,
    Scale,
    error_budget,
    history_by_influence,
    outer_component,
)
from engine.statistics.estimates import Estimates
from engine.statistics.linearised import Linearised
from engine.statistics.nested import nested_variance

__all__ = ["SCHEMA", "Paths", "study_error_budget"]

Floats = NDArray[np.float64]
Kind = Literal["history", "bootstrap", "drawn", "calibrated", "given"]

#: Columns of the table.
SCHEMA: Final = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "statistic": pl.String(),
    "estimate": pl.Float64(),
    "monte_carlo": pl.Float64(),
    "history": pl.Float64(),
    "parameters": pl.Float64(),
    "total": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "method": pl.String(),
    "dominant": pl.String(),
    "what_to_run": pl.String(),
}

# The history's error is known to a tenth at best, whatever the number of paths.
_MOST_PATHS, _LEAST_PATHS, _MOST_BARS = 50_000, 2_000, 40_000_000
# Paths for each feature that explains outcomes.
_PATHS_PER_FEATURE = 10
# Elements of a matrix of influences that a step holds at once.
_BLOCK = 8_000_000


@dataclass(frozen=True)
class Paths:
    """How the paths of a study were made.

    Parameters
    ----------
    seeds : ndarray of uint64, shape (seeds,)
        In the study's order.
    history : ResampledHistory, optional
        What a bootstrap draws from.
    """

    seeds: NDArray[np.uint64]
    history: ResampledHistory | None = None

    def again(self, paths: NDArray[np.int64], summary: JobSummary) -> ResampledPaths | None:
        """Draw the bars of some paths of the study again; None where nothing tells them."""
        if self.history is None or self.history.blocks == 0 or not len(self.seeds):
            return None
        each = summary.paths_per_seed
        return self.history.paths(
            self.seeds[paths // each], (paths % each).astype(np.uint64), summary.steps
        )


def study_error_budget(
    rows: Rows,
    paths: Paths,
    *,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Say how large each kind of error is, and which one to shrink.

    Parameters
    ----------
    rows : Rows
        Of one study.
    paths : Paths
        How its paths were made.
    names : sequence of str, optional
        Statistics (`find_statistic`); by default all of `STATISTICS`.
    confidence : float
        Level of the intervals.

    Returns
    -------
    polars.DataFrame
        One row per parameter set and statistic: ``study``, ``world``, ``parameter_set``,
        ``set_id``, ``statistic``, ``estimate``; standard errors by kind, ``monte_carlo`` (more
        seeds shrink it), ``history`` (of the bars that a bootstrap draws from), ``parameters`` (of
        the calibration, where the study draws them), null where they are not told; ``total``, the
        root of the sum of their squares; ``ci_low`` and ``ci_high`` by all of them; ``method``;
        ``dominant``, the largest kind; ``what_to_run`` to shrink it, or to be told another.

    Raises
    ------
    Refusal
        If there is no such statistic.

    Notes
    -----
    The history's part needs no other simulation: which bars each path drew is a function of its
    seed, and the covariance of outcomes and draws is the influence of each stretch of history
    (`engine.statistics.error_budget.history_by_influence`). The parameters' part is the variance
    between the seeds' parameters, by one-way analysis of the paths of each seed
    (`engine.statistics.nested`). Parameters that the study states are taken as given.

    Examples
    --------
    >>> import engine as mc
    >>> block = mc.GBM(mu=0.08, sigma=0.2).paths(seeds=[4], steps=1000)
    >>> stamps = np.arange(1000) * 86_400_000_000
    >>> bars = mc.Bars("X", stamps, block.open[0], block.high[0], block.low[0], block.close[0],
    ...                block.volume[0])
    >>> source = mc.Bootstrap(bars, block_length=5)
    >>> results = mc.Study("held", source, "buy_and_hold", seeds=2000, steps=252).run()
    >>> row = results.error_budget(names=["mean_net_pnl"]).row(0, named=True)
    >>> row["dominant"], row["history"] > 10 * row["monte_carlo"]
    ('history', True)
    """
    if names is None:
        wanted = statistics_of(rows)
    else:
        wanted = {name: find_statistic(rows, name, "statistic") for name in names}
    keys = ["study", "world", "parameter_set", "set_id"]
    columns = len({column for entry in wanted.values() for column in entry.needs})
    steps = steps_of_sets(rows, keys, columns)
    return pl.concat(_of_sets(rows, paths, keys, wanted, confidence, sets) for sets in steps)


def _of_sets(
    rows: Rows,
    paths: Paths,
    keys: list[str],
    wanted: dict[str, Statistic],
    confidence: float,
    sets: range | None,
) -> pl.DataFrame:
    """Return the table of some parameter sets."""
    needed = sorted({column for entry in wanted.values() for column in entry.needs})
    outcomes = read_outcomes(rows, keys, needed, sets=sets)
    if outcomes is None or not wanted:
        return pl.DataFrame(schema=SCHEMA)
    kind = _kind(rows.summary)
    found = {name: entry.of(outcomes) for name, entry in wanted.items()}
    parts: dict[str, Component] = {}
    if kind == "bootstrap":
        parts = _by_history(found, paths, rows.summary)
    elif kind == "drawn" and rows.summary.paths_per_seed > 1:
        parts = _by_parameters(rows, keys, needed, wanted, sets)
    tables = []
    for name, entry in wanted.items():
        budget = error_budget(
            entry.estimates(found[name], confidence),
            confidence=confidence,
            scale=_scale(entry, found[name]),
            **{"history" if kind == "bootstrap" else "parameters": parts.get(name)},
        )
        tables.append(_table(outcomes, name, _bounded(budget, entry.bounds), kind, paths, rows))
    order = [*keys[2:3], "_place"]
    places = pl.Series("_place", np.repeat(np.arange(len(tables)), outcomes.layout.sets))
    return pl.concat(tables).with_columns(places).sort(order).drop("_place")


def _kind(summary: JobSummary) -> Kind:
    """Tell what a study's paths come from, as far as errors go."""
    if summary.source in ("historical", "bootstrap"):
        return "history" if summary.source == "historical" else "bootstrap"
    source = (summary.definition or {}).get("source", {})
    if source.get("parameters") == "draw":
        return "drawn"
    return "calibrated" if summary.lineage.calibration is not None else "given"


def _by_history(
    found: dict[str, Linearised], paths: Paths, summary: JobSummary
) -> dict[str, Component]:
    """Return the history's part of every statistic, from the draws of the first so many paths."""
    units = np.unique(next(iter(found.values())).layout.units)
    most = int(np.clip(_MOST_BARS // summary.steps, _LEAST_PATHS, _MOST_PATHS))
    units = units[:most]
    drawn = paths.again(units, summary)
    if drawn is None or len(units) < 2 * _PATHS_PER_FEATURE:
        return {}
    features = min(drawn.totals.shape[1], len(units) // _PATHS_PER_FEATURE)
    explained = {"totals": drawn.totals[:, :features], "by_block": drawn.by_block[:features]}
    return {
        name: _in_steps(statistic, units, drawn.starts, explained)
        for name, statistic in found.items()
    }


def _in_steps(
    statistic: Linearised, units: NDArray[np.int64], starts: Floats, explained: dict[str, Floats]
) -> Component:
    """Take as many parameter sets at once as fit."""
    sets, step = statistic.layout.sets, max(1, _BLOCK // len(units))
    parts = []
    for first in range(0, sets, step):
        some = statistic.take(np.arange(first, min(first + step, sets)))
        parts.append(history_by_influence(_matrix(some, units), starts, **explained))
    return Component(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("error", "square_error", "below", "above")
        )
    )


def _matrix(statistic: Linearised, units: NDArray[np.int64]) -> Floats:
    """Return influences of shape (sets, units); one that a set lacks contributes nothing."""
    layout = statistic.layout
    held = np.zeros((layout.sets, len(units)))
    of_set = np.repeat(np.arange(layout.sets), layout.cells)
    place = np.searchsorted(units, layout.units)
    known = (place < len(units)) & (units[np.minimum(place, len(units) - 1)] == layout.units)
    # The estimate is a mean over the paths that the set has.
    weight = len(units) / np.maximum(np.bincount(of_set[known], minlength=layout.sets), 1.0)
    held[of_set[known], place[known]] = statistic.influence[known]
    found: Floats = held * weight[:, None]
    return found


def _by_parameters(
    rows: Rows,
    keys: list[str],
    needed: list[str],
    wanted: dict[str, Statistic],
    sets: range | None,
) -> dict[str, Component]:
    """Return the parameters' part of every statistic, from the spread between seeds."""
    each = rows.summary.paths_per_seed
    path = pl.col("simulation") // rows.summary.parameter_sets
    outcomes = read_outcomes(rows, keys, needed, path, sets)
    assert outcomes is not None
    units = np.unique(outcomes.layout.units)
    whole = np.isin(units // each, _complete(units // each, each))
    units = units[whole]
    if len(units) < 2 * each:
        return {}
    found = {}
    for name, entry in wanted.items():
        matrix = _matrix(entry.of(outcomes), units)
        shaped = matrix.reshape(len(matrix), len(units) // each, each)
        found[name] = outer_component(nested_variance(shaped))
    return found


def _complete(seeds: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    values, counts = np.unique(seeds, return_counts=True)
    return np.asarray(values[counts == each], dtype=np.int64)


def _scale(entry: Statistic, found: Linearised) -> Scale:
    if entry.bounds == (0.0, 1.0):
        return "share"
    return "logarithm" if found.shape in ("logarithm", "skewed logarithm") else "plain"


def _bounded(budget: ErrorBudget, bounds: tuple[float, float]) -> ErrorBudget:
    """Keep the ends of shares and counts where they can be."""
    estimates = budget.estimates
    low, high = np.maximum(estimates.low, bounds[0]), np.minimum(estimates.high, bounds[1])
    return replace(budget, estimates=replace(estimates, low=low, high=high))


def _table(
    outcomes: Outcomes, name: str, budget: ErrorBudget, kind: Kind, paths: Paths, rows: Rows
) -> pl.DataFrame:
    estimates: Estimates = budget.estimates
    columns = {
        "estimate": estimates.value,
        "monte_carlo": budget.monte_carlo,
        "history": budget.history,
        "parameters": budget.parameters,
        "total": budget.total,
        "ci_low": estimates.low,
        "ci_high": estimates.high,
    }
    words = [
        _what_to_run(str(each), bool(told), kind, paths, rows.summary)
        for each, told in zip(budget.dominant, ~np.isnan(budget.history), strict=True)
    ]
    return outcomes.groups.with_columns(
        pl.lit(name).alias("statistic"),
        *(pl.Series(key, values, nan_to_null=True) for key, values in columns.items()),
        pl.Series("method", estimates.method.tolist(), dtype=pl.String),
        pl.Series("dominant", budget.dominant.tolist(), dtype=pl.String),
        pl.Series("what_to_run", words, dtype=pl.String),
    ).select(pl.col(key).cast(dtype) for key, dtype in SCHEMA.items())


def _what_to_run(dominant: str, told: bool, kind: Kind, paths: Paths, summary: JobSummary) -> str:
    """Say what narrows the largest part, or tells one that is not told."""
    if kind == "history":
        return "`source.model: bootstrap` tells one, a single history none"
    if kind == "bootstrap" and not told:
        return _to_be_told(paths, summary)
    if kind == "calibrated":
        return (
            "`source.parameters: draw` with `paths_per_seed: 4` counts the calibration's error in"
        )
    if kind == "drawn" and summary.paths_per_seed == 1:
        return "`paths_per_seed: 4` tells the parameters' part from Monte Carlo"
    if dominant == "history":
        return "a longer history narrows it, more seeds hardly do"
    if dominant == "parameters":
        return "a longer calibration window narrows it, more seeds hardly do"
    return "more seeds narrow it"


def _to_be_told(paths: Paths, summary: JobSummary) -> str:
    """Say what lets the history's part of a bootstrap be told."""
    if paths.history is None:
        if any(name.endswith("block_length") for name in summary.parameters):
            return "a single `block_length` lets the history's part be told"
        return f"`mc run {summary.study}` writes down what is resampled, so that its part is told"
    if paths.history.blocks == 0:
        return "a history ten times as long as its blocks depend on one another tells its part"
    return "more seeds narrow it, and let the history's part stand out of the noise"

"""Error of a study's numbers by kind: Monte Carlo, history, parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.summary import JobSummary
from engine.results.definitions import Statistic, find_statistic, statistics_of
from engine.results.outcomes import Outcomes
from engine.results.read_outcomes import read_outcomes
from engine.results.rows import Rows
from engine.results.statistics import (
    Estimated,
    statistics_table,
    study_statistics,
    with_precision,
)
from engine.results.steps import Step, read_steps
from engine.results.what_to_run import Kind, Paths, what_to_run
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
from engine.statistics.variance_reduction import saved_variance

__all__ = ["SCHEMA", "Paths", "study_error_budget", "study_tables"]

Floats = NDArray[np.float64]

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
    "variance_saved": pl.Float64(),
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
        root of the sum of their squares; ``variance_saved``, the share of the Monte Carlo variance
        of as many independent paths that antithetic, moment-matched or quasi-random ones saved
        (below 0 where they cost some), null of independent paths; ``ci_low`` and ``ci_high`` by all
        of them; ``method``; ``dominant``, the largest kind; ``what_to_run`` to shrink it, or to be
        told another.

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
    return study_tables(rows, paths, names=names, confidence=confidence)[1]


def study_tables(
    rows: Rows,
    paths: Paths,
    *,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Estimate statistics and their errors by kind in one go over the rows.

    Parameters
    ----------
    rows, paths, names, confidence
        As of `study_error_budget`.

    Returns
    -------
    statistics : polars.DataFrame
        As `engine.results.statistics.study_statistics` returns.
    budget : polars.DataFrame
        As `study_error_budget` returns.

    Raises
    ------
    Refusal
        If there is no such statistic.
    """
    if names is None:
        wanted = statistics_of(rows)
    else:
        wanted = {name: find_statistic(rows, name, "statistic") for name in names}
    keys = ["study", "world", "parameter_set", "set_id", *rows.parameters]
    statistics, budgets = [], []
    kind = _kind(rows.summary)
    nested = kind == "drawn" and rows.summary.paths_per_seed > 1
    # The spread between seeds is that of all paths, which it holds at once.
    for step in read_steps(rows, keys, wanted, parted=not nested):
        told = _Told.of(rows, paths, step, wanted, confidence)
        found = step.each(wanted, told.estimate)
        statistics.append(statistics_table(step, found))
        budgets.append(_budget_table(told, found))
        del step, told, found  # before the next is read
    if not statistics:
        return study_statistics(rows, names=names), pl.DataFrame(schema=SCHEMA)
    return with_precision(pl.concat(statistics), rows), pl.concat(budgets)


@dataclass(frozen=True)
class _Budgeted(Estimated):
    """A statistic of some parameter sets with its errors by kind."""

    budget: ErrorBudget
    saved: Floats


@dataclass(frozen=True)
class _Told:
    """What the errors of some parameter sets follow from.

    Parameters
    ----------
    rows : Rows
        Of the study.
    paths : Paths
        How its paths were made.
    groups : polars.DataFrame
        The keys of each parameter set.
    confidence : float
        Level of the intervals.
    kind : str
        What paths come from.
    component : callable, optional
        The part of the history or of the parameters of a statistic; None where neither is told.
    """

    rows: Rows
    paths: Paths
    groups: pl.DataFrame
    confidence: float
    kind: Kind
    component: Callable[[Statistic, Linearised], Component] | None

    @classmethod
    def of(
        cls,
        rows: Rows,
        paths: Paths,
        step: Step,
        wanted: dict[str, Statistic],
        confidence: float,
    ) -> _Told:
        kind, component = _kind(rows.summary), None
        if kind == "bootstrap":
            component = _by_history(step, paths, rows.summary)
        elif kind == "drawn" and rows.summary.paths_per_seed > 1:
            component = _by_parameters(rows, step.groups, wanted)
        return cls(rows, paths, step.groups, confidence, kind, component)

    def estimate(self, outcomes: Outcomes, entry: Statistic) -> _Budgeted:
        found, component = entry.of(outcomes), self.component
        estimates = entry.estimates(found, self.confidence)
        part = None
        if component is not None:
            # Influences follow from sums over all parts, so every part makes them.
            assert len(found.influence)
            part = outcomes.layout.of_first_part(lambda: component(entry, found))
        budget = error_budget(
            estimates,
            confidence=self.confidence,
            scale=_scale(entry, found),
            **{"history" if self.kind == "bootstrap" else "parameters": part},
        )
        if self.kind == "history":
            # Chance of fills and delays is all that differs between paths: it is never the largest.
            budget = replace(budget, dominant=np.full_like(budget.dominant, "none"))
        saved = np.full(len(estimates), np.nan)
        if self.rows.paths_per_unit > 1 and self.kind != "drawn":
            alone = replace(outcomes, layout=outcomes.layout.alone())
            plain = entry.estimates(entry.of(alone), self.confidence).std_error
            saved = saved_variance(estimates.std_error**2, plain**2)
        return _Budgeted(estimates, found.supported(), _bounded(budget, entry.bounds), saved)


def _kind(summary: JobSummary) -> Kind:
    """Tell what a study's paths come from, as far as errors go."""
    if summary.source in ("historical", "bootstrap"):
        return "history" if summary.source == "historical" else "bootstrap"
    source = (summary.definition or {}).get("source", {})
    if source.get("parameters") == "draw":
        return "drawn"
    return "calibrated" if summary.lineage.calibration is not None else "given"


def _by_history(
    step: Step, paths: Paths, summary: JobSummary
) -> Callable[[Statistic, Linearised], Component] | None:
    """Return the history's part of a statistic, from the draws of the first so many paths."""
    most = int(np.clip(_MOST_BARS // summary.steps, _LEAST_PATHS, _MOST_PATHS))
    units = step.units[:most]
    drawn = paths.again(units, summary)
    if drawn is None or len(units) < 2 * _PATHS_PER_FEATURE:
        return None
    features = min(drawn.totals.shape[1], len(units) // _PATHS_PER_FEATURE)
    explained = {"totals": drawn.totals[:, :features], "by_block": drawn.by_block[:features]}
    return lambda entry, found: _in_steps(found, units, drawn.starts, explained)


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
    rows: Rows, groups: pl.DataFrame, wanted: dict[str, Statistic]
) -> Callable[[Statistic, Linearised], Component] | None:
    """Return the parameters' part of a statistic, from the spread between seeds."""
    each = rows.summary.paths_per_seed
    sets = groups["parameter_set"]
    some = range(int(sets[0]), int(sets[-1]) + 1)
    needed = sorted({column for entry in wanted.values() for column in entry.needs})
    by_path = read_outcomes(rows, ["parameter_set"], needed, 1, some)
    assert by_path is not None
    units = np.unique(by_path.layout.units)
    whole = np.isin(units // each, _complete(units // each, each))
    units = units[whole]
    if len(units) < 2 * each:
        return None

    def component(entry: Statistic, _: Linearised) -> Component:
        matrix = _matrix(entry.of(by_path), units)
        shaped = matrix.reshape(len(matrix), len(units) // each, each)
        return outer_component(nested_variance(shaped))

    return component


def _complete(seeds: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    values, counts = np.unique(seeds, return_counts=True)
    return np.asarray(values[counts == each], dtype=np.int64)


def _scale(entry: Statistic, found: Linearised) -> Scale:
    if entry.bounds == (0.0, 1.0) and found.own is not None:
        return "share"
    return "logarithm" if found.shape in ("logarithm", "skewed logarithm") else "plain"


def _bounded(budget: ErrorBudget, bounds: tuple[float, float]) -> ErrorBudget:
    """Keep the ends of shares and counts where they can be."""
    estimates = budget.estimates
    low, high = np.maximum(estimates.low, bounds[0]), np.minimum(estimates.high, bounds[1])
    return replace(budget, estimates=replace(estimates, low=low, high=high))


def _budget_table(told: _Told, found: dict[str, _Budgeted]) -> pl.DataFrame:
    """Return a row per parameter set and statistic, all statistics of a set together."""
    tables = [_table(told, name, each) for name, each in found.items()]
    places = pl.Series("_place", np.repeat(np.arange(len(tables)), len(told.groups)))
    return pl.concat(tables).with_columns(places).sort("parameter_set", "_place").drop("_place")


def _table(told: _Told, name: str, each: _Budgeted) -> pl.DataFrame:
    budget = each.budget
    estimates: Estimates = budget.estimates
    columns = {
        "estimate": estimates.value,
        "monte_carlo": budget.monte_carlo,
        "history": budget.history,
        "parameters": budget.parameters,
        "total": budget.total,
        "variance_saved": each.saved,
        "ci_low": estimates.low,
        "ci_high": estimates.high,
    }
    known = ~np.isnan(budget.history)
    words: dict[tuple[str, bool], str] = {
        (dominant, is_told): what_to_run(
            dominant, is_told, told.kind, told.paths, told.rows.summary
        )
        for dominant in np.unique(budget.dominant).tolist()
        for is_told in (False, True)
    }
    asked = zip(budget.dominant.tolist(), known.tolist(), strict=True)
    advice = [words[pair] for pair in asked]
    return told.groups.with_columns(
        pl.lit(name).alias("statistic"),
        *(pl.Series(key, values, nan_to_null=True) for key, values in columns.items()),
        pl.Series("method", estimates.method.tolist(), dtype=pl.String),
        pl.Series("dominant", budget.dominant.tolist(), dtype=pl.String),
        pl.Series("what_to_run", advice, dtype=pl.String),
    ).select(pl.col(key).cast(dtype) for key, dtype in SCHEMA.items())

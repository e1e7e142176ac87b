"""Comparing two studies, or two slices of one, on all of their paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.results.definitions import Statistic, find_statistic
from engine.results.outcomes import Outcomes
from engine.results.read_outcomes import read_outcomes
from engine.results.rows import Rows
from engine.statistics.comparison import Differences
from engine.statistics.comparison import compare as compare_linearised
from engine.statistics.estimates import Method
from engine.statistics.linearised import Linearised
from engine.statistics.multiplicity import holm

__all__ = ["Comparison", "compare"]

_Parameters = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Comparison:
    """Differences of a statistic between results and a baseline.

    Parameters
    ----------
    statistic : str
        What is compared.
    name, baseline : str
        The two studies.
    paired : bool
        Whether both ran on some of the same paths: with common random numbers most of the Monte
        Carlo noise of the difference cancels.
    parameters : tuple of str
        Columns of the table that hold parameters: their names, as ``parameter.NAME`` where the
        table has a column of that name itself.
    table : polars.DataFrame
        Per parameter set of the results: ``parameter_set``, the parameters, ``baseline_set``,
        ``estimate`` and ``baseline``, ``difference``, ``std_error``, ``ci_low``, ``ci_high``,
        ``percent`` (of the size of the baseline's) with ``percent_low`` and ``percent_high``, null
        where the baseline's is not told from 0, ``p_value`` (two-sided, of no difference),
        ``p_holm`` (adjusted for all sets compared), ``verdict``, ``correlation`` of the pairs,
        ``variance_saved`` by pairing (a share), ``n`` (independent paths behind the difference),
        ``paired`` (those of them that both ran on), ``idle_share`` and ``baseline_idle_share``,
        ``method`` (of the interval, or why there is none).

    Notes
    -----
    ``verdict`` is ``higher`` or ``lower`` where ``p_holm`` is at most 1 less the confidence, and
    ``tied`` where it is above: then these paths do not tell the two apart. It is null where no
    p-value is to be had, as of one path.
    """

    statistic: str
    name: str
    baseline: str
    paired: bool
    parameters: tuple[str, ...]
    table: pl.DataFrame


def compare(
    results: Rows, baseline: Rows, statistic: str = "mean_net_pnl", *, confidence: float = 0.95
) -> Comparison:
    """Compare every parameter set of `results` with one of `baseline`, on all of their paths.

    No path is left out for how it came out: an idle one earned nothing, and ratios are pooled. What
    both ran on is paired, and what one side has for itself counts as well
    (`engine.statistics.comparison.compare`).

    Parameters
    ----------
    results, baseline : Rows
        The baseline's set is the one with the same parameters; where the baseline has a single
        parameter set, that one is everybody's.
    statistic : str
        As `engine.results.definitions.find_statistic` takes it.
    confidence : float
        Level of the intervals, and of the verdicts over all sets.

    Raises
    ------
    Refusal
        If there is no such statistic, a metric of it is undefined on some paths, or it is unclear
        which set to compare with.

    Examples
    --------
    >>> import engine as mc
    >>> def study(weight):
    ...     parameters = {"weight": weight}
    ...     return mc.Study("w", mc.GBM(), "buy_and_hold", parameters, seeds=50, steps=100)
    >>> found = study(1.0).run().compare(study([0.5, 1.0]).run().filter("weight = 0.5"), "sharpe")
    >>> found.paired, found.table["verdict"].to_list()
    (True, ['tied'])
    """
    entries = [find_statistic(side, statistic, "statistic") for side in (results, baseline)]
    units = _common_units(results, baseline)
    ours, theirs = (
        _outcomes(side, entry, unit)
        for side, entry, unit in zip((results, baseline), entries, units, strict=True)
    )
    match = _matching(results, baseline, ours.groups, theirs.groups)
    of, other = entries[0].of(ours), entries[1].of(theirs)
    _check_defined(results, statistic, of)
    _check_defined(baseline, statistic, other)
    everybodys = len(theirs.groups) == 1
    found = compare_linearised(of, other if everybodys else other.take(match), confidence)
    columns = [
        theirs.groups["parameter_set"].gather(match).alias("baseline_set"),
        pl.Series("estimate", of.value),
        pl.Series("baseline", other.value[match]),
        *_differences(found, confidence),
        pl.Series("idle_share", ours.idle_share),
        pl.Series("baseline_idle_share", theirs.idle_share[match]),
        pl.Series("method", found.difference.method.tolist(), dtype=pl.String),
    ]
    own = {column.name for column in columns}
    named = {name: f"parameter.{name}" if name in own else name for name in results.parameters}
    table = ours.groups.rename(named).with_columns(columns)
    numbers = [name for name, kind in table.schema.items() if kind == pl.Float64]
    return Comparison(
        statistic,
        results.name,
        baseline.name,
        bool(found.paired.any()),
        tuple(named.values()),
        table.with_columns(pl.col(numbers).fill_nan(None)),
    )


def _differences(found: Differences, confidence: float) -> list[pl.Series]:
    difference = found.difference
    # Equal outcomes on every path, as of a set and itself, test nothing.
    same = (difference.method == Method.NO_VARIANCE.value) & (difference.value == 0.0)
    adjusted = np.where(same, 1.0, holm(np.where(same, np.nan, found.p_value)))
    verdict = [
        None if np.isnan(p) else "tied" if p > 1.0 - confidence else "higher" if d > 0 else "lower"
        for p, d in zip(adjusted.tolist(), difference.value.tolist(), strict=True)
    ]
    return [
        pl.Series("difference", difference.value),
        pl.Series("std_error", difference.std_error),
        pl.Series("ci_low", difference.low),
        pl.Series("ci_high", difference.high),
        pl.Series("percent", found.percent.value),
        pl.Series("percent_low", found.percent.low),
        pl.Series("percent_high", found.percent.high),
        pl.Series("p_value", found.p_value),
        pl.Series("p_holm", adjusted),
        pl.Series("verdict", verdict, dtype=pl.String),
        pl.Series("correlation", found.correlation),
        pl.Series("variance_saved", found.variance_saved),
        pl.Series("n", difference.n),
        pl.Series("paired", found.paired),
    ]


def _outcomes(rows: Rows, entry: Statistic, unit: pl.Expr) -> Outcomes:
    found = read_outcomes(rows, ["parameter_set", *rows.parameters], [*entry.needs], unit)
    if found is None:
        raise Refusal(
            "results",
            f"no simulation of {rows.name} succeeded",
            hint=f"`mc show {rows.name} --failures` says why",
        )
    return found


def _common_units(results: Rows, baseline: Rows) -> list[pl.Expr]:
    """Give a number to each independent unit, the same number in both where it is the same paths.

    A unit is some paths in a row of one seed: as many as the side needs that needs more.
    """
    sides = (results, baseline)
    seeds = pl.concat([side.lazy.select("seed") for side in sides]).unique().collect()["seed"]
    size = max(side.summary.paths_per_unit for side in sides)
    per_seed = max(-(-side.summary.paths_per_seed // size) for side in sides)
    numbers = np.arange(len(seeds), dtype=np.int64)
    seed = pl.col("seed").replace_strict(seeds.sort(), numbers, return_dtype=pl.Int64)
    return [seed * per_seed + pl.col("path") // size] * 2


def _check_defined(rows: Rows, statistic: str, found: Linearised) -> None:
    total, defined = int(found.layout.rows.sum()), int(found.n.sum())
    if defined < total:
        raise Refusal(
            "statistic",
            f"{statistic!r}, undefined on {total - defined:,} of {total:,} simulations of "
            f"{rows.name}, so that the rest would be chosen by how they came out",
            "a statistic of all paths",
            hint="`results.with_metric` gives those a value",
        )


def _matching(
    results: Rows, baseline: Rows, ours: pl.DataFrame, theirs: pl.DataFrame
) -> NDArray[np.int64]:
    """Position among the baseline's sets of the one that each set is compared with."""
    if len(theirs) == 1:
        return np.zeros(len(ours), dtype=np.int64)
    known = {
        _parameters(baseline, row): place for place, row in enumerate(theirs.iter_rows(named=True))
    }
    match = []
    for row in ours.iter_rows(named=True):
        own = _parameters(results, row)
        if own not in known:
            raise Refusal(
                "baseline",
                f"no parameter set {dict(own)} among its {len(theirs)}",
                "the same parameter sets, or a single one: baseline.filter(...), --baseline-where",
            )
        match.append(known[own])
    return np.array(match, dtype=np.int64)


def _parameters(rows: Rows, row: dict[str, object]) -> _Parameters:
    return tuple(sorted((name, row[name]) for name in rows.parameters))

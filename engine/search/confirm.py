"""The leaders of a search once more, on paths that it never used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.search.evaluator import Evaluator
from engine.search.history_errors import history_errors
from engine.search.robustness import ROBUSTNESS, best_of_cluster
from engine.search.trials import TrialTable
from engine.search.worlds import SearchWorlds
from engine.statistics.estimates import Estimate
from engine.statistics.selection import subset_with_best
from engine.statistics.winner import winner
from engine.studies import SearchDefinition

__all__ = ["ADAPTIVE", "LEADERS", "confirm"]

#: Methods whose later sets depend on how earlier ones came out: no formula corrects their best.
ADAPTIVE: Final = ("genetic", "nsga2", "tpe", "cma_es")

#: Columns of the leaders, beside their parameters.
LEADERS: Final = {
    "role": pl.String,
    "rank": pl.Int64,
    "trial": pl.Int64,
    "set_id": pl.String,
    "claim": pl.Float64,
    "claim_std_error": pl.Float64,
    "corrected": pl.Float64,
    "corrected_low": pl.Float64,
    "corrected_high": pl.Float64,
    "tied": pl.Boolean,
    "fresh": pl.Float64,
    "fresh_std_error": pl.Float64,
    "fresh_low": pl.Float64,
    "fresh_high": pl.Float64,
    "fresh_paths": pl.Int64,
    "plateau": pl.Float64,
    "plateau_std_error": pl.Float64,
    "plateau_q10": pl.Float64,
    "cluster": pl.Int64,
}

# The 97.5 % quantile of the normal law.
_Z: Final = 1.959963984540054
# The best is compared with as many others: those farther behind explain nothing of its lead.
_COMPARED = 32


def confirm(
    settings: SearchDefinition,
    worlds: SearchWorlds,
    table: TrialTable,
    robust: pl.DataFrame,
    evaluator: Evaluator,
    workers: str | int | None,
) -> pl.DataFrame:
    """Run the leaders again, and the best of the best cluster among them.

    Parameters
    ----------
    settings : SearchDefinition
        How many there are.
    worlds : SearchWorlds
        What the search saw, and what it did not.
    table : TrialTable
        Ranks the trials.
    robust : polars.DataFrame
        The finished trials with their plateaus, best first (`engine.search.robustness`).
    evaluator : Evaluator
        The world that was searched.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    polars.DataFrame
        The leaders, best first, with the columns of `LEADERS` and their parameters. ``role`` is
        ``best``, ``leader``, or ``robust`` for the set with the best plateau of the best cluster,
        which stands last unless it is among the others (``best, robust``). ``claim`` is the value
        that the search chose by, ``corrected`` that of the best corrected for its having
        been chosen (`engine.statistics.winner`; null where later sets depend on earlier outcomes),
        ``fresh`` the value on paths that the search did not use, on history with the error that its
        length leaves (`engine.search.history_errors`); ``tied`` says that the set cannot
        be told from the best with 95 % confidence. Empty where no trial finished.
    """
    schema = _schema(table, robust)
    if robust.is_empty():
        return pl.DataFrame(schema=schema)
    ranked = robust.with_row_index("rank", offset=1).with_columns(pl.col("rank").cast(pl.Int64))
    middle = best_of_cluster(ranked, table)
    leaders = pl.concat([ranked.head(settings.leaders), middle]).unique("rank", maintain_order=True)
    statistic = table.objectives[0].statistic
    rows = [
        {
            "role": _role(row["rank"], middle["rank"].to_list()),
            **{name: row[name] for name in ("rank", "trial", "set_id", *table.parameters)},
            "claim": row[statistic],
            "claim_std_error": row[f"{statistic}_std_error"],
            **{name: row[name] for name in ROBUSTNESS if name in LEADERS},
        }
        for row in leaders.iter_rows(named=True)
    ]
    _compare(rows, _sets(worlds, table, _compared(ranked, leaders)), settings, table, evaluator)
    unseen = worlds.unseen(settings.hold_out)
    if unseen is not None:
        sets = _sets(worlds, table, leaders)
        with Evaluator(
            unseen.prepare(workers=workers), table.statistics, table.objectives
        ) as fresh:
            _add_fresh(rows, sets, table, fresh, unseen.seeds)
        if evaluator.has_history:
            errors = history_errors(unseen, sets, statistic, workers=workers)
            _add_history_errors(rows, errors)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _role(rank: int, robust: list[int]) -> str:
    role = "best" if rank == 1 else "leader"
    if rank not in robust:
        return role
    return "best, robust" if rank == 1 else "robust"


def _compared(ranked: pl.DataFrame, leaders: pl.DataFrame) -> pl.DataFrame:
    """Return the leaders and, after them, the best of the rest."""
    rest = ranked.join(leaders, on="rank", how="anti", maintain_order="left")
    return pl.concat([leaders, rest.head(max(_COMPARED - len(leaders), 0))])


def _compare(
    rows: list[dict[str, Any]],
    sets: Sequence[dict[str, Any]],
    settings: SearchDefinition,
    table: TrialTable,
    evaluator: Evaluator,
) -> None:
    """Add what is known of the best because it was chosen, and which leaders it is tied with."""
    objective = table.objectives[0]
    if evaluator.has_history or len(sets) < 2:
        return
    found = evaluator.evaluation(sets, evaluator.seeds).found[objective.statistic]
    try:
        subset = subset_with_best(found, maximise=objective.maximise)
        best = winner(found, maximise=objective.maximise)
    except Refusal:
        return  # too few paths to compare
    for position, row in enumerate(rows):
        row["tied"] = bool(subset[position])
    if settings.method not in ADAPTIVE:
        rows[0] |= _columns("corrected", best.corrected)
        rows[0].pop("corrected_std_error")


def _add_fresh(
    rows: list[dict[str, Any]],
    sets: Sequence[dict[str, Any]],
    table: TrialTable,
    fresh: Evaluator,
    seeds: np.ndarray[Any, np.dtype[np.uint64]],
) -> None:
    evaluation = fresh.evaluation(sets, seeds)
    statistic = table.objectives[0].statistic
    if not len(evaluation.succeeded):
        return
    estimates = evaluation.estimates(statistic)
    for index, position in enumerate(evaluation.succeeded.tolist()):
        one = estimates[index]
        rows[position] |= {**_columns("fresh", one), "fresh_paths": one.n}


def _add_history_errors(rows: list[dict[str, Any]], errors: Sequence[float] | None) -> None:
    """Add the errors that one history has by its own length."""
    if errors is None:
        return
    for row, error in zip(rows, errors, strict=True):
        if row.get("fresh") is not None and math.isfinite(error):
            half = _Z * error
            row |= {
                "fresh_std_error": error,
                "fresh_low": row["fresh"] - half,
                "fresh_high": row["fresh"] + half,
            }


def _columns(name: str, estimate: Estimate) -> dict[str, float | None]:
    values = {
        name: estimate.value,
        f"{name}_std_error": estimate.std_error,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }
    return {key: None if np.isnan(value) else value for key, value in values.items()}


def _sets(worlds: SearchWorlds, table: TrialTable, rows: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {**worlds.space.fixed, **values}
        for values in rows.select(table.parameters).iter_rows(named=True)
    ]


def _schema(table: TrialTable, robust: pl.DataFrame) -> dict[str, Any]:
    own = {name: robust.schema[name] for name in table.parameters}
    (*first,) = LEADERS.items()
    return dict([*first[:4], *own.items(), *first[4:]])

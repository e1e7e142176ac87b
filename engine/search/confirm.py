"""The leaders of a search once more, on paths that it never used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.search.evaluator import Evaluator
from engine.search.settings import SearchSettings
from engine.search.trials import TrialTable
from engine.search.worlds import SearchWorlds
from engine.statistics.estimates import Estimate
from engine.statistics.selection import subset_with_best
from engine.statistics.winner import winner

__all__ = ["ADAPTIVE", "LEADERS", "confirm"]

#: Methods whose later sets depend on how earlier ones came out: no formula corrects their best.
ADAPTIVE: Final = ("genetic", "nsga2", "tpe", "cma_es")

#: Columns of the leaders, beside their parameters.
LEADERS: Final = {
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
}

# The best is compared with as many others: those farther behind explain nothing of its lead.
_COMPARED = 32


def confirm(
    settings: SearchSettings,
    worlds: SearchWorlds,
    table: TrialTable,
    trials: pl.DataFrame,
    evaluator: Evaluator,
    workers: str | int | None,
) -> pl.DataFrame:
    """Run the leaders again.

    Parameters
    ----------
    settings : SearchSettings
        How many there are.
    worlds : SearchWorlds
        What the search saw, and what it did not.
    table : TrialTable
        Ranks the trials.
    trials : polars.DataFrame
        Every trial.
    evaluator : Evaluator
        The world that was searched.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    polars.DataFrame
        The leaders, best first, with the columns of `LEADERS` and their parameters. ``claim`` is
        the value that the search chose by, ``corrected`` that of the best corrected for its having
        been chosen (`engine.statistics.winner`; null where later sets depend on earlier outcomes),
        ``fresh`` the value on paths that the search did not use; ``tied`` says that the set cannot
        be told from the best with 95 % confidence. Empty where no trial finished.
    """
    ranked = table.ranked(trials)
    leaders = ranked.head(settings.leaders)
    schema = _schema(table, trials)
    if leaders.is_empty():
        return pl.DataFrame(schema=schema)
    rows = [
        {
            "rank": rank + 1,
            **{name: row[name] for name in ("trial", "set_id", *table.parameters)},
            "claim": row[table.objectives[0].statistic],
            "claim_std_error": row[f"{table.objectives[0].statistic}_std_error"],
        }
        for rank, row in enumerate(leaders.iter_rows(named=True))
    ]
    compared = ranked.head(max(_COMPARED, settings.leaders))
    _compare(rows, _sets(worlds, table, compared), settings, table, evaluator)
    unseen = worlds.unseen(settings.hold_out, workers=workers)
    if unseen is not None:
        prepared, seeds = unseen
        with Evaluator(prepared, table.statistics) as fresh:
            _add_fresh(rows, _sets(worlds, table, leaders), table, fresh, seeds)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _compare(
    rows: list[dict[str, Any]],
    sets: Sequence[dict[str, Any]],
    settings: SearchSettings,
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


def _schema(table: TrialTable, trials: pl.DataFrame) -> dict[str, Any]:
    own = {name: trials.schema[name] for name in table.parameters}
    (*first,) = LEADERS.items()
    return dict([*first[:3], *own.items(), *first[3:]])

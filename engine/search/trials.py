"""The table of a search's trials: a row per parameter set that was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.space import Scalar
from engine.search.objective import Objective, Requirement

__all__ = ["Status", "TrialTable", "pareto_front"]

Floats = NDArray[np.float64]


class Status(StrEnum):
    """What became of a trial."""

    FINISHED = "finished"
    """It has a value and meets every requirement."""
    UNMET = "requirement not met"
    """It ran, and is not what was required."""
    UNDEFINED = "objective undefined"
    """It ran, and the objective has no value, such as a profit factor without a trade."""
    BEHIND = "behind"
    """It left the race: clearly worse than the best on the seeds it ran on."""
    REFUSED = "refused"
    """The world cannot judge it; `reason` says why."""
    FAILED = "failed"
    """A simulation failed; `reason` says why."""


@dataclass(frozen=True)
class TrialTable:
    """How trials become rows, and rows the scores that a sampler is told.

    Parameters
    ----------
    parameters : tuple of str
        Names of the parameters that move.
    objectives : tuple of Objective
        The first ranks the trials.
    requirements : tuple of Requirement
        What a trial must meet.
    """

    parameters: tuple[str, ...]
    objectives: tuple[Objective, ...]
    requirements: tuple[Requirement, ...]

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of all statistics that are estimated, each once."""
        names = [one.statistic for one in self.objectives]
        return tuple(dict.fromkeys([*names, *(one.statistic for one in self.requirements)]))

    def rows(
        self,
        first: int,
        generation: int,
        ids: Sequence[str],
        sets: Sequence[Mapping[str, Scalar]],
        came_to: Sequence[Mapping[str, Any]],
    ) -> pl.DataFrame:
        """Make the rows of a generation.

        Parameters
        ----------
        first : int
            Number of the first trial.
        generation : int
            Number of the generation.
        ids : sequence of str
            Set ids.
        sets : sequence of mapping
            Values by parameter.
        came_to : sequence of mapping
            ``paths``, ``reason``, and ``STATISTIC`` and ``STATISTIC_std_error`` by name; a trial
            with a ``status`` keeps it.
        """
        columns: dict[str, Any] = {
            "trial": np.arange(first, first + len(sets), dtype=np.int64),
            "generation": np.full(len(sets), generation, dtype=np.int32),
            "set_id": list(ids),
        }
        for name in self.parameters:
            columns[name] = [values[name] for values in sets]
        columns["paths"] = pl.Series([row["paths"] for row in came_to], dtype=pl.Int64)
        for name in self.statistics:
            for column in (name, f"{name}_std_error"):
                values = np.array([row.get(column, np.nan) for row in came_to], dtype=np.float64)
                columns[column] = pl.Series(values, nan_to_null=True)
        columns["status"] = pl.Series(
            [str(row.get("status") or self._status(row)) for row in came_to], dtype=pl.String
        )
        columns["reason"] = pl.Series([row.get("reason") for row in came_to], dtype=pl.String)
        return pl.DataFrame(columns)

    def is_of(self, rows: pl.DataFrame, sets: Sequence[Mapping[str, Scalar]]) -> bool:
        """Whether rows are those of parameter sets, in their order."""
        wanted = [{name: values[name] for name in self.parameters} for values in sets]
        return rows.select(self.parameters).to_dicts() == wanted

    def scores(self, rows: pl.DataFrame) -> Floats:
        """Return what a sampler is told: shape (trials, objectives), more is better, NaN unmet."""
        found = np.column_stack(
            [one.sign * _numbers(rows[one.statistic]) for one in self.objectives]
        )
        unmet = np.array([status != Status.FINISHED for status in rows["status"].to_list()])
        found[unmet] = np.nan
        return found

    def ranked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the finished trials, best first by the first objective, ties by set id."""
        best = self.objectives[0]
        return rows.filter(pl.col("status") == Status.FINISHED).sort(
            [pl.col(best.statistic) * best.sign, pl.col("set_id")], descending=[True, False]
        )

    def _status(self, row: Mapping[str, Any]) -> Status:
        if any(np.isnan(row.get(one.statistic, np.nan)) for one in self.objectives):
            return Status.UNDEFINED
        for one in self.requirements:
            if not one.holds(np.array([row.get(one.statistic, np.nan)]))[0]:
                return Status.UNMET
        return Status.FINISHED


def _numbers(column: pl.Series) -> Floats:
    """Return numbers, NaN where there is none; a query costs more than that on few rows."""
    found = column if column.dtype == pl.Float64 else column.cast(pl.Float64)
    return found.to_numpy()


def pareto_front(scores: Floats) -> NDArray[np.int64]:
    """Return the rows that no other row betters in one objective and matches in the rest.

    Parameters
    ----------
    scores : ndarray of float64, shape (trials, objectives)
        More is better; a row with NaN is in no front.

    Returns
    -------
    ndarray of int64
        Positions, ascending. Of rows that are equal all are in it.

    Examples
    --------
    >>> pareto_front(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [3.0, np.nan]])).tolist()
    [0, 1]
    """
    alive = np.flatnonzero(~np.isnan(scores).any(axis=1))
    # From the largest first objective down a row can be bettered by earlier ones alone.
    order = alive[np.lexsort(-scores[alive].T[::-1])]
    front: list[int] = []
    for row in order.tolist():
        kept = scores[front]
        worse = (kept >= scores[row]).all(axis=1) & (kept > scores[row]).any(axis=1)
        if not worse.any():
            front.append(row)
    return np.array(sorted(front), dtype=np.int64)

"""What a study's results say: statistics, ranks, groups, failures, rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from mc_assets.answers.studies import study_name
from mc_assets.headlines import headline_names, with_all_errors
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.results import Results

__all__ = [
    "StudyTable",
    "best_sets",
    "failures",
    "group_statistics",
    "headlines",
    "open_results",
    "simulations",
    "statistics",
    "warnings",
]


@dataclass(frozen=True)
class StudyTable:
    """A table about a study's latest results.

    Parameters
    ----------
    study, fingerprint : str
        Names of the study and of its results.
    missing : int
        Simulations that have not run yet.
    stopped : str or None
        Why a study with ``until`` stopped adding seeds.
    table : polars.DataFrame
        The rows.
    """

    study: str
    fingerprint: str
    missing: int
    stopped: str | None
    table: pl.DataFrame

    def to_json(self) -> pl.DataFrame:
        """Return the rows alone."""
        return self.table


def statistics(
    project: Project,
    study: str,
    *,
    names: Sequence[str] | None = None,
    where: str | None = None,
) -> StudyTable:
    """Estimate statistics of every parameter set, each with its Monte Carlo error.

    Parameters
    ----------
    project : Project
        Where the results lie.
    study : str
        Name of a study that has run, or its file.
    names : sequence of str, optional
        Statistics, or metrics, which stand for their means; by default every statistic.
    where : str, optional
        SQL condition on the simulations that count, such as ``fast = 5``.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such statistic or column.
    """
    results = open_results(project, study, where)
    return _table(results, results.statistics(names=names))


def headlines(project: Project, study: str, *, where: str | None = None) -> StudyTable:
    """Estimate the headline statistics, each with the interval of all errors that are told.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such column.
    """
    from engine.results.error_budget import Paths, study_tables

    results = open_results(project, study, where)
    names = headline_names(results)
    paths = Paths(results.seeds, results.resampled)
    return _table(results, with_all_errors(*study_tables(results, paths, names=names)))


def best_sets(
    project: Project, study: str, statistic: str, n: int = 10, *, where: str | None = None
) -> StudyTable:
    """Rank parameter sets by a statistic, the largest first, with intervals of all errors.

    Parameters are those of `statistics`; `n` is how many sets are ranked.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such statistic or column.
    """
    results = open_results(project, study, where)
    budget = results.error_budget(names=[statistic])
    return _table(results, with_all_errors(results.best(statistic, n), budget))


def group_statistics(
    project: Project, study: str, by: Sequence[str], *, where: str | None = None
) -> StudyTable:
    """Estimate every statistic for every combination of the columns `by`.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such column.
    """
    results = open_results(project, study, where)
    return _table(results, results.group_by(*by).statistics())


def warnings(project: Project, study: str, *, where: str | None = None) -> StudyTable:
    """List what should be known before a study's numbers are believed.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such column.
    """
    results = open_results(project, study, where)
    return _table(results, results.warnings())


def rare_events(project: Project, study: str) -> pl.DataFrame:
    """Return the probabilities of a study's rare events; no rows where it asks for none.

    Raises
    ------
    Refusal
        If the study has no results.
    """
    import polars as pl

    from engine.jobs.rare_events import SCHEMA

    found = open_results(project, study, None).rare
    return pl.DataFrame(schema=SCHEMA) if found is None else found


def failures(project: Project, study: str, *, where: str | None = None) -> StudyTable:
    """List failed simulations with their errors.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such column.
    """
    results = open_results(project, study, where)
    return _table(results, results.failures)


def simulations(project: Project, study: str, *, where: str | None = None) -> StudyTable:
    """List simulations, a row each (`engine.jobs.columns`).

    Raises
    ------
    Refusal
        If the study has no results, or they have no such column.
    """
    results = open_results(project, study, where)
    return _table(results, results.frame)


def open_results(project: Project, study: str, where: str | None = None) -> Results:
    """Open the latest results of a study, or those of its simulations that meet a condition.

    Raises
    ------
    Refusal
        If there are none, or the condition cannot be read.
    """
    from engine.results import read_results

    results = read_results(project.results_root, study_name(project, study))
    return results if where is None else results.filter(where)


def _table(results: Results, table: pl.DataFrame) -> StudyTable:
    return StudyTable(results.name, results.fingerprint, results.missing, results.stopped, table)

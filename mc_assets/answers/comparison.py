"""How two studies differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from mc_assets.answers.results import open_results
from mc_assets.project import Project

__all__ = ["StudyComparison", "compare_studies"]


@dataclass(frozen=True)
class StudyComparison:
    """Differences of a statistic between two studies.

    Parameters
    ----------
    study, baseline : str
        The two studies.
    statistic : str
        What is compared.
    paired : bool
        Whether both ran on some of the same paths.
    parameters : tuple of str
        Columns of `table` that hold the study's parameters.
    table : polars.DataFrame
        One row per parameter set of the study, with its difference (`engine.results.compare`).
    """

    study: str
    baseline: str
    statistic: str
    paired: bool
    parameters: tuple[str, ...]
    table: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return the comparison without what its rows say already."""
        return {
            **{"study": self.study, "baseline": self.baseline},
            **{"statistic": self.statistic, "paired": self.paired, "rows": self.table},
        }


def compare_studies(
    project: Project,
    study: str,
    baseline: str,
    *,
    statistic: str = "mean_net_pnl",
    where: str | None = None,
    baseline_where: str | None = None,
) -> StudyComparison:
    """Compare two studies that have run: differences with their errors.

    Parameters
    ----------
    project : Project
        Where the results lie.
    study, baseline : str
        Names or files of the two studies.
    statistic : str
        A statistic, or a metric: its mean, of a ratio the pooled one.
    where, baseline_where : str, optional
        SQL conditions on the simulations of each that count.

    Raises
    ------
    Refusal
        If one has no results or no such statistic, or it is unclear which sets to compare.
    """
    ours = open_results(project, study, where)
    theirs = open_results(project, baseline, baseline_where)
    found = ours.compare(theirs, statistic)
    return StudyComparison(
        ours.name, theirs.name, statistic, found.paired, found.parameters, found.table
    )

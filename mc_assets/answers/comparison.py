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
    """Differences of a metric between two studies.

    Parameters
    ----------
    study, baseline : str
        The two studies.
    metric : str
        The metric whose means are compared.
    paired : bool
        Whether differences are taken path by path, on shared seeds.
    parameters : tuple of str
        Columns of `table` that hold the study's parameters.
    table : polars.DataFrame
        One row per parameter set of the study, with its difference (`engine.results.compare`).
    """

    study: str
    baseline: str
    metric: str
    paired: bool
    parameters: tuple[str, ...]
    table: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return the comparison without what its rows say already."""
        return {
            **{"study": self.study, "baseline": self.baseline},
            **{"metric": self.metric, "paired": self.paired, "rows": self.table},
        }


def compare_studies(
    project: Project,
    study: str,
    baseline: str,
    *,
    metric: str = "net_pnl",
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
    metric : str
        Metric whose means are compared.
    where, baseline_where : str, optional
        SQL conditions on the simulations of each that count.

    Raises
    ------
    Refusal
        If one has no results or no such metric, or it is unclear which sets to compare.
    """
    ours = open_results(project, study, where)
    theirs = open_results(project, baseline, baseline_where)
    found = ours.compare(theirs, metric)
    return StudyComparison(
        ours.name, theirs.name, metric, found.paired, tuple(ours.parameters), found.table
    )

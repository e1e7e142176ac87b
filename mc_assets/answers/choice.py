"""What the best parameter set of a study is worth, given how many were tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import Refusal
from mc_assets.answers.results import open_results
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.results import Results

__all__ = ["BestSet", "best_set", "best_set_of"]

_MOST_SETS = 20


@dataclass(frozen=True)
class BestSet:
    """The best parameter set, and what the search for it explains.

    Parameters
    ----------
    sentence : str
        What chance alone would show of as many sets, and what the best shows.
    verdict : str
        Which sets are not told from it.
    """

    sentence: str
    verdict: str


def best_set(
    project: Project, study: str, statistic: str, *, where: str | None = None
) -> BestSet | None:
    """Say what the best parameter set is worth, given how many were tried.

    Parameters
    ----------
    project : Project
        Where the results lie.
    study : str
        Name of a study that has run, or its file.
    statistic : str
        What they are ranked by: a statistic or a metric.
    where : str, optional
        SQL condition on the simulations that count.

    Returns
    -------
    BestSet or None
        None where there is one set, or nothing to rank by.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such statistic or column.
    """
    return best_set_of(open_results(project, study, where), statistic)


def best_set_of(results: Results, statistic: str) -> BestSet | None:
    """Say what `best_set` does of results that are open."""
    from engine.results.definitions import find_statistic

    find_statistic(results, statistic, "statistic")
    try:
        found = results.choose(statistic)
    except Refusal:
        return None
    if not found.tied:
        return BestSet(found.sentence, f"{found.name} is the best with 95 % confidence")
    shown = ", ".join(map(str, found.subset[:_MOST_SETS]))
    more = ", …" if len(found.subset) > _MOST_SETS else ""
    return BestSet(
        found.sentence,
        f"tied: {len(found.subset):,} of {found.tried:,} sets are not told from the best "
        f"(sets {shown}{more})",
    )

"""What the best parameter set of a study is worth, given how many were tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Refusal
from mc_assets.answers.results import open_results
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.results import Results
    from engine.results.choice import Choice

__all__ = ["BestSet", "best_set", "best_set_of"]

_MOST_SETS = 20


@dataclass(frozen=True)
class BestSet:
    """The best parameter set, and what the search for it explains.

    Parameters
    ----------
    sentence : str
        What chance alone would show of as many sets, and what the best shows.
    ledger : str
        The same by everything that was ever tried on the data; empty where `sentence` says it, or
        nothing was counted.
    verdict : str
        Which sets are not told from it; empty of a single set.
    choice : Choice or None
        What they were made from; None where there was nothing to choose.
    """

    sentence: str
    ledger: str
    verdict: str
    choice: Choice | None = None

    @property
    def sentences(self) -> list[str]:
        """All of it, in the order in which it is read."""
        return [text for text in (self.sentence, self.ledger, self.verdict) if text]


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
        None where one set was ever tried, or there is nothing to rank by.

    Raises
    ------
    Refusal
        If the study has no results, or they have no such statistic or column.
    """
    results = open_results(project, study, where)
    return best_set_of(results, statistic, project.results_root if where is None else None)


def best_set_of(results: Results, statistic: str, data: Path | str | None) -> BestSet | None:
    """Say what `best_set` does of results that are open; without a data root, of them alone."""
    from engine.results.choice import choose
    from engine.results.definitions import find_statistic

    find_statistic(results, statistic, "statistic")
    counted = [] if data is None else results.overfitting(data, statistic=statistic).to_dicts()
    row = next((row for row in counted if row["trials_in_ledger"]), None)
    ledger = row["sentence"] if row else ""
    try:
        found = choose(results, statistic)
    except Refusal:
        several = row is not None and row["trials_in_ledger"] > 1
        return BestSet(ledger, "", "") if several else None
    verdict = f"{found.name} is the best with 95 % confidence"
    if found.tied:
        shown = ", ".join(map(str, found.subset[:_MOST_SETS]))
        more = ", …" if len(found.subset) > _MOST_SETS else ""
        verdict = (
            f"tied: {len(found.subset):,} of {found.tried:,} sets are not told from the best "
            f"(sets {shown}{more})"
        )
    if row is not None and row["excess_sharpe"] is not None:
        # On history the ledger alone knows how alike the sets are.
        return BestSet(ledger, "", verdict, found)
    return BestSet(found.sentence, ledger, verdict, found)

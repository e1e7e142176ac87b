"""What was ever tried: the trial ledger."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mc_assets.project import Project

if TYPE_CHECKING:
    import polars as pl

    from engine.jobs.ledger import Archive

__all__ = ["ArchivedTrials", "Trials", "archive_trials", "list_trials"]


@dataclass(frozen=True)
class Trials:
    """Trials that count, and what was taken out of the count.

    Parameters
    ----------
    families : polars.DataFrame
        A row per strategy and series: ``family``, ``series``, ``trials``, ``seeds`` (most of any),
        ``studies``, ``first_tried``, ``last_tried``, ``best_mean_net_pnl``.
    trials : polars.DataFrame
        A row per trial (`engine.jobs.ledger.read_trials`), without outcome vectors.
    archived : int
        Trials that no longer count.
    archives : tuple of Archive
        What was archived and why.
    """

    families: pl.DataFrame
    trials: pl.DataFrame
    archived: int
    archives: tuple[Archive, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "families": self.families,
            "trials": self.trials,
            "archived": self.archived,
            "archives": [
                {"family": a.family, "until": a.until, "reason": a.reason} for a in self.archives
            ],
        }


@dataclass(frozen=True)
class ArchivedTrials:
    """What an archive took out of the count.

    Parameters
    ----------
    family : str
        The strategy.
    trials : int
        How many.
    at : datetime.datetime
        When.
    """

    family: str
    trials: int
    at: datetime.datetime


def list_trials(project: Project, family: str | None = None, *, archived: bool = False) -> Trials:
    """Return the trials of a project, or of one strategy.

    Raises
    ------
    Refusal
        If no trial is of that strategy.
    """
    import polars as pl

    from engine.errors import Refusal
    from engine.jobs.ledger import read_archives, read_trials

    other = read_trials(project.data, archived=not archived)
    trials = read_trials(project.data, archived=archived)
    if family is not None:
        if family not in set(trials["family"]):
            known = ", ".join(sorted(set(trials["family"])))
            raise Refusal("family", repr(family), known or "none: nothing was tried yet")
        trials, other = (rows.filter(pl.col("family") == family) for rows in (trials, other))
    families = (
        trials.group_by("family", "series")
        .agg(
            pl.len().alias("trials"),
            pl.col("seeds").max(),
            pl.col("studies").explode().unique().sort(),
            pl.col("tried_at").min().alias("first_tried"),
            pl.col("tried_at").max().alias("last_tried"),
            pl.col("mean_net_pnl").max().alias("best_mean_net_pnl"),
        )
        .sort("family", "series")
    )
    return Trials(
        families,
        trials.drop("block", "outcome", "block_paths", "blocks_of", "market"),
        len(trials) if archived else len(other),
        tuple(read_archives(project.data)),
    )


def archive_trials(project: Project, family: str | None, reason: str) -> ArchivedTrials:
    """Take the trials of a strategy out of the count, and write down why.

    Raises
    ------
    Refusal
        If no strategy is named, none of its trials counts, or the reason is empty.
    """
    from engine.errors import Refusal
    from engine.jobs import ledger

    if family is None:
        raise Refusal(
            "family", "is missing", hint='`mc trials STRATEGY --archive --reason "why"` names it'
        )
    count = ledger.archive_trials(project.data, family, reason)
    return ArchivedTrials(family, count, datetime.datetime.now(datetime.UTC))

"""What stored results no study needs, and removing it."""

from __future__ import annotations

from dataclasses import dataclass

from mc_assets.project import Project

__all__ = ["Pruned", "prune"]

# A century: a number of days that dates can be counted back by.
_MOST_DAYS = 36_500


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Parameters
    ----------
    removed : bool
        Whether it was.
    study : str or None
        The study that was removed with it.
    parts, simulations : int
        Stored parts of which no study names a cell, and their rows.
    requests : int
        Earlier requests of studies.
    bytes : int
        Size of the files.
    raw_rows : int
        Rows that providers sent, and replaced long ago.
    damaged : int
        Damaged years of raw bars that were fetched anew long ago.
    runs : int
        Old runs of Dagster's history, with their logs, that made nothing that is shown now.
    """

    removed: bool
    study: str | None
    parts: int
    simulations: int
    requests: int
    bytes: int
    raw_rows: int
    damaged: int
    runs: int


def prune(
    project: Project,
    study: str | None = None,
    *,
    older_than: int | None = None,
    raw_older_than: int | None = None,
    remove: bool = False,
) -> Pruned:
    """Find stored parts that no study names, and remove them if asked; the ledger stays.

    Parameters
    ----------
    project : Project
        Its data folder.
    study : str, optional
        A study to remove first, with its statistics and report; its file stays.
    older_than : int, optional
        Finished runs of more days ago are forgotten, too; by default none is.
    raw_older_than : int, optional
        Raw rows that providers have replaced are forgotten where their year was written more days
        ago, and damaged years that were set aside; by default none is.
    remove : bool
        Whether to delete; otherwise nothing changes.

    Raises
    ------
    Refusal
        If there is no such study, or what another study asks for cannot be read; if runs are to be
        forgotten while `mc ui` or a command is at work.
    """
    from engine.errors import Refusal
    from engine.files import as_files
    from engine.results import find_unused, remove_study, remove_unused, stored_studies
    from mc_assets.answers.study_names import files_of_study, remove_file
    from mc_assets.market_data.old_raw_rows import (
        OldRawRows,
        find_old_raw_rows,
        forget_old_raw_rows,
    )

    for name, days in (("older_than", older_than), ("raw_older_than", raw_older_than)):
        if days is not None and not 0 <= days <= _MOST_DAYS:
            raise Refusal(name, f"{days:,} days", f"0 to {_MOST_DAYS:,}")
    known = stored_studies(as_files(project.data))
    if study is not None and study not in known:
        raise Refusal("study", f"no results of {study!r}", ", ".join(known) or "none are stored")
    unused = find_unused(project.data, without=study)
    runs = 0 if older_than is None else _runs(project, older_than, remove=remove)
    raw = OldRawRows(0, (), ())
    if raw_older_than is not None:
        raw = find_old_raw_rows(project.data, raw_older_than)
    if remove:
        forget_old_raw_rows(project.data, raw)
        remove_unused(project.data, unused)
        if study is not None:
            # Its results last: a removal that is killed is asked for again by the same name.
            for path in files_of_study(project, study):
                if path.parent.name != "results":
                    remove_file(path)
            remove_study(project.data, study)
    return Pruned(
        removed=remove,
        study=study,
        parts=len(unused.parts),
        simulations=sum(part.rows for part in unused.parts),
        requests=len(unused.requests),
        bytes=unused.bytes,
        raw_rows=raw.rows,
        damaged=len(raw.damaged),
        runs=runs,
    )


def _runs(project: Project, days: int, *, remove: bool) -> int:
    """Count the runs of so many days ago, and forget them if asked."""
    from engine.errors import Refusal
    from mc_assets.history_retention import forget_runs, old_runs
    from mc_assets.home_lock import is_in_use
    from mc_assets.instance import open_instance

    if not project.dagster_home.is_dir():
        return 0
    if remove and is_in_use(project.dagster_home):
        raise Refusal(
            "older_than", "a Dagster home at work", "one that is not", hint="stop `mc ui` first"
        )
    with open_instance(project) as instance:
        old = old_runs(instance, days)
        return forget_runs(instance, old) if remove else len(old)

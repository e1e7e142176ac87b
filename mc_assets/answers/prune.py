"""What stored results no study needs, and removing it."""

from __future__ import annotations

from dataclasses import dataclass

from mc_assets.project import Project

__all__ = ["Pruned", "prune"]


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
    """

    removed: bool
    study: str | None
    parts: int
    simulations: int
    requests: int
    bytes: int


def prune(project: Project, study: str | None = None, *, remove: bool = False) -> Pruned:
    """Find stored parts that no study names, and remove them if asked; the ledger stays.

    Parameters
    ----------
    project : Project
        Its data folder.
    study : str, optional
        A study to remove first.
    remove : bool
        Whether to delete; otherwise nothing changes.

    Raises
    ------
    Refusal
        If there is no such study, or what another study asks for cannot be read.
    """
    from engine.errors import Refusal
    from engine.files import as_files
    from engine.results import find_unused, remove_study, remove_unused, stored_studies

    known = stored_studies(as_files(project.data))
    if study is not None and study not in known:
        raise Refusal("study", f"no results of {study!r}", ", ".join(known) or "none are stored")
    unused = find_unused(project.data, without=study)
    if remove:
        remove_unused(project.data, unused)
        if study is not None:
            remove_study(project.data, study)
    return Pruned(
        removed=remove,
        study=study,
        parts=len(unused.parts),
        simulations=sum(part.rows for part in unused.parts),
        requests=len(unused.requests),
        bytes=unused.bytes,
    )

"""What choosing in sample comes to out of sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.search import WalkForward

__all__ = ["walk_study_forward"]


def walk_study_forward(
    project: Project,
    study: str,
    *,
    settings: Sequence[str] = (),
    seeds: str | None = None,
    workers: str | None = None,
    **windows: Any,
) -> WalkForward:
    """Walk a study forward.

    Parameters
    ----------
    project : Project
        Where series and calibrations are looked up; its trial ledger counts the sets.
    study : str
        Name of a study, or a study file.
    settings : sequence of str
        Changes such as ``strategy.fast=5,10``.
    seeds, workers : str, optional
        Instead of the study's own.
    windows
        ``score``, ``in_sample``, ``out_of_sample``, ``count``, ``anchored`` and ``purge``, as of
        `engine.search.walk_forward`.

    Raises
    ------
    Refusal
        If the study, or a change of it, cannot be used, or no window fits.
    """
    from engine.files import as_files
    from engine.search import walk_forward
    from engine.studies import Study, load_definition
    from engine.studies.overrides import override
    from mc_assets.stored_market_data import StoredMarketData

    path = project.study_file(study)
    definition = override(load_definition(path), list(settings), seeds=seeds, workers=workers)
    return walk_forward(
        Study.from_definition(definition, path),
        ledger=as_files(project.data),
        market_data=StoredMarketData(project),
        workers=definition.workers,
        **windows,
    )

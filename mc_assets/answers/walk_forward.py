"""What choosing on some bars comes to on others: walk-forward and cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mc_assets.project import Project

if TYPE_CHECKING:
    import polars as pl

    from engine.search import CrossValidation, WalkForward
    from engine.studies import Study

__all__ = [
    "compare_frequencies",
    "cross_validate_study",
    "walk_forward_of",
    "walk_study_forward",
]

# What says where windows lie, beside a count of them.
_LENGTHS: Final = ("in_sample", "out_of_sample", "dates")


def walk_study_forward(
    project: Project,
    study: str,
    *,
    settings: Sequence[str] = (),
    seeds: str | None = None,
    workers: str | None = None,
    only: Sequence[int] | None = None,
    folder: Path | None = None,
    replace: bool = False,
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
    only, folder, replace
        As of `engine.search.walk_forward`.
    windows
        ``score``, ``in_sample``, ``out_of_sample``, ``count``, ``dates``, ``anchored``, ``purge``,
        ``at_seam`` and ``model``, as of `engine.search.walk_forward`; what is None is as the
        study's ``walk_forward`` says.

    Raises
    ------
    Refusal
        If the study, or a change of it, cannot be used, or no window fits.
    """
    asked, _ = _asked(project, study, settings, seeds, workers)
    return walk_forward_of(project, asked, only=only, folder=folder, replace=replace, **windows)


def walk_forward_of(
    project: Project,
    asked: Study,
    *,
    only: Sequence[int] | None = None,
    folder: Path | None = None,
    replace: bool = False,
    **windows: Any,
) -> WalkForward:
    """Walk a study forward that is at hand; the other arguments are those of `walk_study_forward`.

    Raises
    ------
    Refusal
        As of `walk_study_forward`.
    """
    from engine.search import walk_forward

    common = _common(project, asked)
    stated = asked.definition.walk_forward
    if stated is not None:
        own = stated.model_dump()
        count = own.pop("windows")
        own |= {} if any(own[name] for name in _LENGTHS) else {"count": count}
        # Other windows that are asked for are whole: nothing of the study's is mixed in.
        if any(windows.get(name) for name in ("count", *_LENGTHS)):
            own = {name: value for name, value in own.items() if name not in ("count", *_LENGTHS)}
        windows = own | _given(windows)
    kept: dict[str, Any] = {"only": only, "folder": folder, "replace": replace}
    return walk_forward(asked, **kept, **common, **_given(windows))


def compare_frequencies(
    project: Project,
    study: str,
    *,
    in_sample: int,
    every: Sequence[int],
    settings: Sequence[str] = (),
    seeds: str | None = None,
    workers: str | None = None,
    **windows: Any,
) -> pl.DataFrame:
    """Compare how often a study's set is chosen anew; see `engine.search.reoptimisation_sweep`.

    Raises
    ------
    Refusal
        As of `walk_study_forward`.
    """
    from engine.search import reoptimisation_sweep

    asked, common = _asked(project, study, settings, seeds, workers)
    given = _given(windows)
    return reoptimisation_sweep(asked, in_sample=in_sample, every=every, **common, **given)


def cross_validate_study(
    project: Project,
    study: str,
    *,
    seeds: str | None = None,
    workers: str | None = None,
    **folds: Any,
) -> CrossValidation:
    """Cross-validate the choice among a study's sets; see `engine.search.cross_validate`.

    Raises
    ------
    Refusal
        If the study cannot be used, or the folds do not fit.
    """
    from engine.search import cross_validate

    asked, common = _asked(project, study, (), seeds, workers)
    return cross_validate(asked, **common, **folds)


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _asked(
    project: Project,
    study: str,
    settings: Sequence[str],
    seeds: str | None,
    workers: str | None,
) -> tuple[Study, dict[str, Any]]:
    """Return the study with its changes, and what every run of it takes."""
    from engine.studies import Study, load_definition
    from engine.studies.overrides import override

    path = project.study_file(study)
    definition = override(load_definition(path), list(settings), seeds=seeds, workers=workers)
    asked = Study.from_definition(definition, path)
    return asked, _common(project, asked)


def _common(project: Project, asked: Study) -> dict[str, Any]:
    from engine.files import as_files
    from mc_assets.stored_market_data import StoredMarketData

    return {
        "ledger": as_files(project.data),
        "market_data": StoredMarketData(project),
        "workers": asked.definition.workers,
    }

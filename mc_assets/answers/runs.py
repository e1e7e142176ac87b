"""Running one study, or saying what a run would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from engine.jobs.errors import StudyInterrupted
from engine.jobs.progress import Progress, ProgressCallback
from mc_assets.answers.executors import executor_named
from mc_assets.headlines import headline_names
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData

if TYPE_CHECKING:
    from engine.jobs.dry_run import Estimate
    from engine.results import Results
    from engine.studies import Study, StudyDefinition

__all__ = ["RunStopped", "StudyRun", "estimate_study", "run_study"]


class RunStopped(StudyInterrupted):
    """A run that was stopped from the keyboard.

    Attributes
    ----------
    kept : bool
        Whether finished parts are kept, so that running the study again goes on from them.
    """

    def __init__(self, text: str, *, kept: bool) -> None:
        super().__init__(text)
        self.kept = kept


@dataclass(frozen=True)
class StudyRun:
    """What a run of a study came to.

    Parameters
    ----------
    study, fingerprint : str
        Names of the study and of its results.
    parameter_sets, dropped_sets, repeated_sets : int
        Parameter sets that ran, that the constraint dropped, and that the search drew again.
    seeds, simulations : int
        Seeds, and rows of the results.
    reused, failed : int
        Simulations found finished, and those that failed.
    seconds : float
        Wall-clock time of the run.
    stopped : str or None
        Why a study with ``until`` stopped adding seeds.
    outputs : dict of str to PurePath
        Files or folders written, by kind.
    statistics : polars.DataFrame
        One row per parameter set and statistic (`engine.results.study_statistics`).
    error_budget : polars.DataFrame
        The errors of the same by kind (`engine.results.study_error_budget`).
    warnings : polars.DataFrame
        What should be known before they are believed (`engine.results.study_warnings`).
    """

    study: str
    fingerprint: str
    parameter_sets: int
    dropped_sets: int
    repeated_sets: int
    seeds: int
    simulations: int
    reused: int
    failed: int
    seconds: float
    stopped: str | None
    outputs: dict[str, PurePath]
    statistics: pl.DataFrame
    error_budget: pl.DataFrame
    warnings: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return what a script reads of a run."""
        return {
            "study": self.study,
            "fingerprint": self.fingerprint,
            "simulations": self.simulations,
            "failed": self.failed,
            "stopped": self.stopped,
            "outputs": self.outputs,
            "statistics": self.statistics.drop("study", "world"),
            "error_budget": self.error_budget.drop("study", "world"),
            "warnings": self.warnings.drop("study", "world"),
        }


def run_study(
    project: Project,
    study: str,
    *,
    settings: Sequence[str] = (),
    seeds: str | None = None,
    storage: str | None = None,
    workers: str | None = None,
    executor: str = "threads",
    fresh: bool = False,
    statistics: Sequence[str] | Literal["headlines"] | None = None,
    progress: ProgressCallback | None = None,
) -> StudyRun:
    """Run a study, or what is missing of it.

    Parameters
    ----------
    project : Project
        Where everything lies.
    study : str
        Name of a study, or a study file.
    settings : sequence of str
        Changes such as ``strategy.fast=5,10``.
    seeds, storage, workers : str, optional
        Instead of the study's own.
    executor : str
        ``threads``, ``processes``, or ``dask://host:port`` of a scheduler.
    fresh : bool
        Compute finished parts again, too.
    statistics : sequence of str or "headlines", optional
        Statistics to estimate; by default all.
    progress : callable, optional
        Called with a `Progress` about ten times a second, and at the end.

    Raises
    ------
    Refusal
        If the study, or a change of it, cannot be used.
    StudyFailed
        If more simulations fail than the study allows; what succeeded is kept.
    RunStopped
        On Ctrl-C.
    """
    made, definition = _made(project, study, settings, seeds, storage, workers)
    root = None if definition.storage == "memory" else project.results_root
    last: list[Progress] = []

    def report(now: Progress) -> None:
        last[:] = [now]
        if progress is not None:
            progress(now)

    try:
        results = made.run(
            root=root,
            market_data=StoredMarketData(project),
            executor=executor_named(executor),
            through="mc run",
            progress=report,
            fresh=fresh,
        )
        outputs = _export(results, definition.storage, project)
    except KeyboardInterrupt as stop:
        raise _stopped(stop, kept=root is not None) from None
    summary = results.summary
    names = headline_names(results) if statistics == "headlines" else statistics
    return StudyRun(
        study=results.name,
        fingerprint=results.fingerprint,
        parameter_sets=summary.parameter_sets,
        dropped_sets=summary.dropped_sets,
        repeated_sets=summary.repeated_sets,
        seeds=summary.seeds,
        simulations=last[0].total,
        reused=last[0].reused,
        failed=last[0].failed,
        seconds=last[0].seconds,
        stopped=results.stopped,
        outputs=outputs,
        statistics=results.statistics(names=names),
        error_budget=results.error_budget(names=names),
        warnings=results.warnings(),
    )


def estimate_study(
    project: Project,
    study: str,
    *,
    settings: Sequence[str] = (),
    seeds: str | None = None,
    storage: str | None = None,
    workers: str | None = None,
) -> Estimate:
    """Say what a run would take, from a few of its seeds; nothing is kept.

    The arguments are those of `run_study`.

    Raises
    ------
    Refusal
        If the study, or a change of it, cannot be used.
    """
    from engine.jobs.dry_run import estimate

    made, definition = _made(project, study, settings, seeds, storage, workers)
    return estimate(made.resolve(StoredMarketData(project)), workers=definition.workers)


def _made(
    project: Project,
    study: str,
    settings: Sequence[str],
    seeds: str | None,
    storage: str | None,
    workers: str | None,
) -> tuple[Study, StudyDefinition]:
    from engine.studies import Study, load_definition
    from engine.studies.overrides import override

    path = project.study_file(study)
    definition = override(
        load_definition(path), list(settings), seeds=seeds, storage=storage, workers=workers
    )
    return Study.from_definition(definition, path), definition


def _stopped(stop: KeyboardInterrupt, *, kept: bool) -> RunStopped:
    if not kept:
        return RunStopped("stopped; nothing is kept in memory", kept=False)
    if isinstance(stop, StudyInterrupted):
        return RunStopped(str(stop), kept=True)
    # Before the first simulation: while code compiles or finished parts are checked.
    text = "stopped; finished parts are kept, run the study again to go on from them"
    return RunStopped(text, kept=True)


def _export(results: Results, storage: str, project: Project) -> dict[str, PurePath]:
    folder = project.data / "results" / results.name
    if storage == "sqlite":
        return {"sqlite": results.to_sqlite(folder / f"{results.fingerprint}.sqlite")}
    if storage == "csv":
        return {"csv": results.to_csv(folder / f"{results.fingerprint}.csv")}
    if storage == "parquet":
        from engine.files import as_files
        from engine.files.documents import path_of

        files = as_files(project.results_root)
        return {"parquet": path_of(files, f"simulations/{results.summary.world}")}
    return {}

"""Work that goes through Dagster: a run per step, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mc_assets.pipeline import run_pipeline
from mc_assets.project import Project
from mc_assets.receipts import Receipts
from mc_assets.step_progress import Count, counting
from mc_assets.steps import Step, all_steps

__all__ = ["StepCallback", "StepProgress", "run_everything", "run_steps"]


@dataclass(frozen=True)
class StepProgress:
    """A step that begins, goes on, or has ended.

    Parameters
    ----------
    step : Step
        The step.
    numbers : dict or None
        What it made; None before it has ended.
    seconds : float
        What it took.
    count : Count or None
        How far it is, where it goes on and says so.
    """

    step: Step
    numbers: dict[str, float] | None = None
    seconds: float = 0.0
    count: Count | None = None


StepCallback = Callable[[StepProgress], None]


def run_steps(
    project: Project,
    to_run: Iterable[Step],
    progress: StepCallback | None = None,
    receipts: Receipts | None = None,
) -> dict[str, dict[str, float]]:
    """Run steps in order; the first that fails ends the run.

    Parameters
    ----------
    project : Project
        Where everything lies.
    to_run : iterable of Step
        From `mc_assets.steps`.
    progress : callable, optional
        Called with a `StepProgress` before and after each step, and as it goes on.
    receipts : Receipts, optional
        Where steps that end well are written down.

    Returns
    -------
    dict
        Numbers of each step by its title.

    Raises
    ------
    PipelineError
        If a step fails; what others made is kept.
    """
    made: dict[str, dict[str, float]] = {}
    current: list[Step] = []

    def before(step: Step) -> None:
        current[:] = [step]
        if progress is not None:
            progress(StepProgress(step))

    def counted(count: Count) -> None:
        if progress is not None:
            progress(StepProgress(current[0], count=count))

    def after(step: Step, numbers: dict[str, float], seconds: float) -> None:
        made[step.title] = numbers
        if progress is not None:
            progress(StepProgress(step, numbers, seconds))

    with counting(counted):
        run_pipeline(project, to_run, receipts, before=before, after=after)
    return made


def run_everything(
    project: Project, progress: StepCallback | None = None, *, fresh: bool = False
) -> dict[str, dict[str, float]]:
    """Materialise every asset: bars, calibrations, studies, statistics, reports, warehouse.

    Parameters
    ----------
    project : Project
        Where everything lies.
    progress : callable, optional
        Called with a `StepProgress` before and after each step, and as it goes on.
    fresh : bool
        Run steps again, too, whose receipts show them done.

    Returns
    -------
    dict
        Numbers of each step by its title.

    Raises
    ------
    PipelineError
        If a step fails; what others made is kept.
    Refusal
        If a study file has a mistake.
    """
    from mc_assets.warm import Warming

    receipts = Receipts(project.data, forget=fresh)
    if all(step.current for step in all_steps(project, receipts)):
        return run_steps(project, all_steps(project, receipts), progress, receipts)
    compiling = Warming()
    try:
        steps = all_steps(project, receipts, kernels=compiling.wait)
        return run_steps(project, steps, progress, receipts)
    finally:
        compiling.kill()

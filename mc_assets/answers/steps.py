"""Work that goes through Dagster: a run per step, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mc_assets.pipeline import Step, all_steps, run_pipeline
from mc_assets.project import Project

__all__ = ["StepCallback", "StepProgress", "run_everything", "run_steps"]


@dataclass(frozen=True)
class StepProgress:
    """A step that begins, or has ended.

    Parameters
    ----------
    step : Step
        The step.
    numbers : dict or None
        What it made; None when it begins.
    seconds : float
        What it took.
    """

    step: Step
    numbers: dict[str, float] | None = None
    seconds: float = 0.0


StepCallback = Callable[[StepProgress], None]


def run_steps(
    project: Project, steps: Iterable[Step], progress: StepCallback | None = None
) -> dict[str, dict[str, float]]:
    """Run steps in order; the first that fails ends the run.

    Parameters
    ----------
    project : Project
        Where everything lies.
    steps : iterable of Step
        From `mc_assets.pipeline`.
    progress : callable, optional
        Called with a `StepProgress` before and after each step.

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

    def before(step: Step) -> None:
        if progress is not None:
            progress(StepProgress(step))

    def after(step: Step, numbers: dict[str, float], seconds: float) -> None:
        made[step.title] = numbers
        if progress is not None:
            progress(StepProgress(step, numbers, seconds))

    run_pipeline(project, steps, before=before, after=after)
    return made


def run_everything(
    project: Project, progress: StepCallback | None = None
) -> dict[str, dict[str, float]]:
    """Materialise every asset: bars, calibrations, studies, statistics, reports, warehouse.

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

    compiling = Warming()
    try:
        return run_steps(project, all_steps(project, kernels=compiling.wait), progress)
    finally:
        compiling.kill()

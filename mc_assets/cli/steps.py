"""Pipeline steps in the terminal: one line each, with a spinner while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mc_assets.pipeline import Step
    from mc_assets.project import Project

__all__ = ["run_steps"]


def run_steps(
    project: Project, steps: Iterable[Step], *, quiet: bool = False
) -> dict[str, dict[str, float]]:
    """Run steps and say how each went.

    Parameters
    ----------
    project : Project
        Where everything lies.
    steps : iterable of Step
        Run in order; the first that fails ends the run.
    quiet : bool
        Print nothing: standard output belongs to the JSON.

    Returns
    -------
    dict
        Numbers of each step by its title.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from mc_assets.pipeline import run_pipeline

    console = Console(quiet=quiet)
    made: dict[str, dict[str, float]] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("opening Dagster")

        def before(step: Step) -> None:
            progress.update(task, description=step.title)

        def after(step: Step, numbers: dict[str, float], seconds: float) -> None:
            made[step.title] = numbers
            console.print(
                f"[green]✓[/] {step.title} [dim]{step.summary(numbers)}{seconds:.1f} s[/]"
            )

        run_pipeline(project, steps, before=before, after=after)
    return made

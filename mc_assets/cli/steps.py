"""Steps of a pipeline in the terminal: one line each, with a spinner while it runs."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mc_assets.answers.steps import StepProgress

__all__ = ["StepLines"]


class StepLines:
    """A callback that prints each step when it has ended.

    Parameters
    ----------
    quiet : bool
        Print nothing: standard output belongs to the JSON.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = Console(quiet=quiet)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._spinner = Progress(*columns, console=self._console, transient=True)
        self._task = self._spinner.add_task("opening Dagster")

    def __enter__(self) -> StepLines:
        self._spinner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spinner.stop()

    def __call__(self, progress: StepProgress) -> None:
        """Show what the step is, or print what it came to."""
        step = progress.step
        if progress.numbers is None:
            self._spinner.update(self._task, description=step.title)
            return
        made = step.summary(progress.numbers)
        self._console.print(f"[green]✓[/] {step.title} [dim]{made}{progress.seconds:.1f} s[/]")

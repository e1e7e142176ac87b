"""Steps of a pipeline in the terminal: one line each, with a bar and counts while it runs."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from mc_assets.cli.terminal import own_console

if TYPE_CHECKING:
    from mc_assets.answers.steps import StepProgress

__all__ = ["StepLines"]


class StepLines:
    """A callback that shows how far each step is, and prints it when it has ended.

    Parameters
    ----------
    quiet : bool
        Print nothing: standard output belongs to the JSON.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._opened = ExitStack()
        self._console = own_console(self._opened, quiet=quiet)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
        )
        # What a step prints belongs to its log, not to the terminal.
        self._live = Progress(
            *columns, console=self._console, transient=True, redirect_stdout=False
        )
        self._task = self._live.add_task("opening Dagster", total=None, counts="")

    def __enter__(self) -> StepLines:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        self._opened.close()

    def __call__(self, progress: StepProgress) -> None:
        """Show what the step is and how far, or print what it came to."""
        step = progress.step
        if progress.numbers is not None:
            made = step.summary(progress.numbers)
            self._console.print(f"[green]✓[/] {step.title} [dim]{made}{progress.seconds:.1f} s[/]")
        elif progress.count is None:
            self._live.reset(self._task, description=step.title, total=None, counts="")
        elif progress.count.total > 1:
            text = str(progress.count)
            if text != self._live.tasks[0].fields["counts"]:
                self._live.update(
                    self._task,
                    completed=progress.count.done,
                    total=progress.count.total,
                    counts=text,
                    refresh=True,
                )
            else:
                self._live.update(self._task, completed=progress.count.done)

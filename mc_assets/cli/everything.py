"""``mc run`` without a study: from the bars of every series to the report of every study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    import polars as pl

    from mc_assets.project import Project

__all__ = ["run_everything_command"]


def run_everything_command(*, fresh: bool, as_json: bool) -> None:
    """Materialise every asset through Dagster and print the studies' statistics."""
    from mc_assets.answers.steps import run_everything
    from mc_assets.cli.steps import StepLines
    from mc_assets.project import Project

    project = Project.from_environment()
    with StepLines(quiet=as_json) as lines:
        made = run_everything(project, lines, fresh=fresh)
    if as_json:
        print_json(made)
    else:
        _print_summary(project)


def _print_summary(project: Project) -> None:
    """Print a table per study, where tables and reports lie, and what to type next."""
    from rich.console import Console

    from mc_assets.answers.tables import parameter_sets, study_warnings
    from mc_assets.cli.as_typed import as_typed
    from mc_assets.cli.summary import LEGEND, MOST_SETS, VIEWS, print_warnings, print_what_to_run
    from mc_assets.cli.tables import print_frame

    console = Console()
    table, warnings = parameter_sets(project), study_warnings(project)
    studies = list(project.study_files)
    for study in studies:
        rows = table.filter(table["study"] == study)
        if not rows.is_empty():
            print_frame(
                *(_view(rows, *view) for view in VIEWS),
                title=f"{study}  {LEGEND}",
                limit=MOST_SETS,
                shown_by=f"{as_typed()} show {study} --limit {rows.height}",
            )
            print_what_to_run(rows)
            own = warnings.filter(warnings["study"] == study)
            print_warnings(own)
            console.print()
    console.print(f"tables   {_from_here(project.warehouse)}", soft_wrap=True)
    for study in studies:
        page = project.reports / f"{study}.html"
        if not page.is_file():  # a search leaves a folder
            page = project.reports / study / "report.html"
        console.print(f"report   {_from_here(page)}", soft_wrap=True)
    console.print(
        f"\nNext: [bold]{as_typed()} ui[/] opens these assets in Dagster; "
        f'[bold]{as_typed()} sql "SELECT * FROM parameter_sets"[/] asks the tables.',
        soft_wrap=True,
    )


def _view(rows: pl.DataFrame, shown: Sequence[str], with_interval: Sequence[str]) -> pl.DataFrame:
    """Headline statistics of a study's parameter sets as text."""
    from mc_assets.cli.summary import headline_columns

    named = rows["parameters"].map_elements(_parameters, rows["parameters"].dtype)
    return rows.select(named.alias("parameter set"), *headline_columns(rows, shown, with_interval))


def _from_here(path: Path) -> Path:
    """Return the path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _parameters(text: str) -> str:
    import json

    # Six digits, as sentences about sets have them: a range of ten steps is full of long fractions.
    values = {
        name: f"{value:.6g}" if isinstance(value, float) else "none" if value is None else value
        for name, value in json.loads(text).items()
    }
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "defaults"

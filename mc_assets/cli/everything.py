"""``mc run`` without a study: from the bars of every series to the report of every study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mc_assets.cli.json_output import print_json
from mc_assets.estimate_text import estimate_text
from mc_assets.headlines import HEADLINES

if TYPE_CHECKING:
    from mc_assets.project import Project

__all__ = ["run_everything_command"]


def run_everything_command(*, as_json: bool) -> None:
    """Materialise every asset through Dagster and print the studies' statistics."""
    from mc_assets.answers.steps import run_everything
    from mc_assets.cli.steps import StepLines
    from mc_assets.project import Project

    project = Project.from_environment()
    with StepLines(quiet=as_json) as lines:
        made = run_everything(project, lines)
    if as_json:
        print_json(made)
    else:
        _print_summary(project)


def _print_summary(project: Project) -> None:
    """Print a table per study, where tables and reports lie, and what to type next."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from mc_assets.answers.tables import parameter_sets

    console = Console()
    # On a narrow terminal only the P&L keeps its error.
    wide = not console.is_terminal or console.width >= 104
    if not console.is_terminal:
        console = Console(width=160)
    table = parameter_sets(project)
    studies = list(project.study_files)
    for study in studies:
        rows = table.filter(table["study"] == study)
        if rows.is_empty():
            continue
        seeds = rows["n"].to_list()[0]
        console.print(f"\n[bold]{study}[/]  [dim]{seeds} seeds, ± Monte Carlo standard error[/]")
        view = Table(box=SIMPLE_HEAD, pad_edge=False)
        view.add_column("parameter set", no_wrap=True)
        for headline in HEADLINES:
            view.add_column(headline.title, justify="right", no_wrap=True)
        for row in rows.iter_rows(named=True):
            cells = [
                estimate_text(
                    row[headline.statistic],
                    row[f"{headline.statistic}_std_error"],
                    headline.unit,
                    show_error=wide or headline is HEADLINES[0],
                )
                for headline in HEADLINES
            ]
            view.add_row(_parameters(row["parameters"]), *cells)
        console.print(view)
    console.print(f"tables   {_from_here(project.warehouse)}", soft_wrap=True)
    for study in studies:
        console.print(f"report   {_from_here(project.reports / f'{study}.html')}", soft_wrap=True)
    console.print(
        "\nNext: [bold]make ui[/] opens these assets in Dagster; "
        '[bold].venv/bin/mc sql "SELECT * FROM parameter_sets"[/] asks the tables.',
        soft_wrap=True,
    )


def _from_here(path: Path) -> Path:
    """Return the path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _parameters(text: str) -> str:
    import json

    values = json.loads(text)
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "defaults"

"""``mc run`` without a study: from the bars of every series to the report of every study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mc_assets.project import Project

__all__ = ["print_summary", "run_everything"]


def run_everything(project: Project, *, quiet: bool = False) -> dict[str, dict[str, float]]:
    """Materialise every asset through Dagster and print the studies' statistics.

    Parameters
    ----------
    project : Project
        Where everything lies.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        Numbers of each step by its title.
    """
    from mc_assets.cli.steps import run_steps
    from mc_assets.pipeline import all_steps
    from mc_assets.warm import Warming

    compiling = Warming()
    try:
        made = run_steps(project, all_steps(project, kernels=compiling.wait), quiet=quiet)
    finally:
        compiling.kill()
    if not quiet:
        print_summary(project, list(project.study_files))
    return made


def print_summary(project: Project, studies: list[str]) -> None:
    """Print a table per study, where tables and reports lie, and what to type next."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from mc_assets.cli.summary import HEADLINES, with_error
    from mc_assets.warehouse import query_warehouse

    console = Console()
    # Where a line is too short for every error, the one of the P&L stays.
    wide = not console.is_terminal or console.width >= 104
    if not console.is_terminal:
        console = Console(width=160)
    table = query_warehouse(project, "SELECT * FROM parameter_sets ORDER BY study, parameter_set")
    for study in studies:
        rows = table.filter(table["study"] == study)
        if rows.is_empty():
            continue
        seeds = rows["n"].to_list()[0]
        console.print(f"\n[bold]{study}[/]  [dim]{seeds} seeds, ± Monte Carlo standard error[/]")
        view = Table(box=SIMPLE_HEAD, pad_edge=False)
        view.add_column("parameter set", no_wrap=True)
        for heading, _, _ in HEADLINES:
            view.add_column(heading, justify="right", no_wrap=True)
        for row in rows.iter_rows(named=True):
            cells = [
                with_error(
                    row[name],
                    row[f"{name}_std_error"] if wide or name == "mean_net_pnl" else None,
                    form,
                )
                for _, name, form in HEADLINES
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

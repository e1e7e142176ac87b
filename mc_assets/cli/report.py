"""``mc report``: one self-contained HTML page per study."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def report(
    study: str = typer.Argument(..., help="Name of a study, or its YAML file."),
    output: str = typer.Option("", help="File to write; default data/reports/STUDY.html."),
    as_json: bool = typer.Option(False, "--json", help="Print the path as JSON."),
) -> None:
    """Bring a study's statistics, tables and report up to date with its results."""
    from pathlib import Path

    from mc_assets.answers.reports import make_report
    from mc_assets.project import Project

    answer = make_report(Project.from_environment(), study, output=Path(output) if output else None)
    if as_json:
        print_json(answer)
    else:
        typer.echo(str(answer.report))

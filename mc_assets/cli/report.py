"""``mc report``: one self-contained page per study, or a still picture of it."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def report(
    study: str = typer.Argument(
        ..., help="Name of a study, or its YAML file.", autocompletion=study_names
    ),
    output: str = typer.Option("", help="File to write; default data/reports/STUDY.html."),
    kind: str = typer.Option(
        "html", "--format", help="html, or png, svg, pdf: a still picture of the best set."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the path as JSON."),
) -> None:
    """Bring a study's statistics, tables and report up to date with its results."""
    from pathlib import Path

    from mc_assets.answers.reports import make_report
    from mc_assets.project import Project

    path = Path(output) if output else None
    answer = make_report(Project.from_environment(), study, output=path, kind=kind)
    if as_json:
        print_json(answer)
    else:
        typer.echo(str(answer.report))

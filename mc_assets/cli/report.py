"""``mc report``: one self-contained HTML page per study."""

from __future__ import annotations

import typer


def report(
    study: str = typer.Argument(..., help="Name of a study, or its YAML file."),
    output: str = typer.Option("", help="File to write; default data/reports/STUDY.html."),
    as_json: bool = typer.Option(False, "--json", help="Print the path as JSON."),
) -> None:
    """Write the report of a study that has results and print where it lies."""
    import json
    from pathlib import Path

    from mc_assets.project import Project
    from mc_assets.reports import write_report

    project = Project.from_environment()
    path = write_report(project, study, output=Path(output) if output else None)
    typer.echo(json.dumps({"report": str(path)}) if as_json else str(path))

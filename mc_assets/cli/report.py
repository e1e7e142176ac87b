"""``mc report``: one self-contained HTML page per study."""

from __future__ import annotations

import typer


def report(
    study: str = typer.Argument(..., help="Name of a study, or its YAML file."),
    output: str = typer.Option("", help="File to write; default data/reports/STUDY.html."),
    as_json: bool = typer.Option(False, "--json", help="Print the path as JSON."),
) -> None:
    """Bring a study's statistics, tables and report up to date with its results."""
    import json
    from pathlib import Path

    from mc_assets.project import Project
    from mc_assets.reports import write_report
    from mc_assets.study_tables import write_statistics
    from mc_assets.warehouse import publish_warehouse

    project = Project.from_environment()
    name = Path(study).stem if study.endswith((".yaml", ".yml")) else study
    write_statistics(project.data, name)
    publish_warehouse(project)
    path = write_report(project, name, output=Path(output) if output else None)
    typer.echo(json.dumps({"report": str(path)}) if as_json else str(path))

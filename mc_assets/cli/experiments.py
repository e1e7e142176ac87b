"""``mc experiments``: the searches that finished."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.json_output import print_json


def experiments(
    folder: Path = typer.Option(None, "--folder", help="Folder of experiments; else the reports."),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the experiments that finished."""
    from mc_assets.answers import experiments as answers
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = answers.experiments(Project.from_environment(), folder)
    if as_json:
        print_json(found.to_dicts())
    elif found.is_empty():
        typer.echo("no experiments yet: `mc optimise run EXPERIMENT.yaml` runs one")
    else:
        print_frame(found, found.select("experiment", "strategy", "series", "tried"))

"""``mc policies``: what is learned in this project, and what it is worth."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def policies(
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the policies of the project, and what was said when each was last judged."""
    import polars as pl

    from mc_assets.answers.policies import list_policies
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = list_policies(Project.from_environment())
    if as_json:
        print_json(found.to_dicts())
    elif found.is_empty():
        typer.echo("no policies yet: `mc new policy NAME` begins one")
    else:
        said = found.with_columns(pl.coalesce("problem", "verdict").alias("verdict"))
        columns = ("policy", "source", "judged", "trainings")
        print_frame(said.select(*columns, "verdict"), said.select(*columns, "learned"))

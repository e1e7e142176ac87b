"""``mc rm``: remove a study."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def rm(
    study: str = typer.Argument(..., help="Name of a study.", autocompletion=study_names),
    yes: bool = typer.Option(False, "--yes", help="Remove; without it nothing changes."),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Remove a study's file, statistics and report; its simulations stay until `mc prune`."""
    from mc_assets.answers.study_names import remove_study
    from mc_assets.project import Project

    done = remove_study(Project.from_environment(), study, remove=yes)
    if as_json:
        print_json(done)
        return
    for path in done.files:
        typer.echo(f"{'removed' if yes else 'would remove'}  {path}")
    after = "`mc prune` lists the simulations that no study names now"
    typer.echo(after if yes else f"`mc rm {study} --yes` removes them")

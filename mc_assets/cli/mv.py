"""``mc mv``: rename a study."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def mv(
    study: str = typer.Argument(..., help="Name of a study.", autocompletion=study_names),
    name: str = typer.Argument(..., help="Its new name."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as JSON."),
) -> None:
    """Rename a study and its file; simulations have no name, so they are found again."""
    from mc_assets.answers.study_names import rename_study
    from mc_assets.project import Project

    done = rename_study(Project.from_environment(), study, name)
    if as_json:
        print_json(done)
        return
    typer.echo(f"{done.before} -> {done.path}")
    typer.echo(f"next: mc run {name}   which finds its simulations finished")

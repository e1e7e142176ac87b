"""``mc prune``: remove stored results that no study names."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def prune(
    study: str = typer.Argument(
        None, help="A study whose results are removed first.", autocompletion=study_names
    ),
    yes: bool = typer.Option(False, "--yes", help="Remove; without it nothing changes."),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Remove stored simulations that no study names; the trial ledger stays."""
    from mc_assets.answers.prune import prune as answer
    from mc_assets.project import Project

    done = answer(Project.from_environment(), study, remove=yes)
    if as_json:
        print_json(done)
        return
    if study is not None:
        typer.echo(f"results of {study} {'removed' if yes else 'would be removed'}")
    typer.echo(
        f"{done.simulations:,} simulations in {done.parts:,} parts and {done.requests:,} earlier "
        f"requests, {done.bytes / 1e6:,.1f} MB, {'removed' if yes else 'are named by no study'}"
    )
    if not yes and (study or done.parts or done.requests or done.bytes):
        typer.echo(f"`mc prune {study + ' ' if study else ''}--yes` removes them")

"""``mc prune``: remove stored results that no study names."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def prune(
    study: str = typer.Argument(
        None, help="A study whose results are removed first.", autocompletion=study_names
    ),
    older_than: int = typer.Option(
        None,
        "--older-than",
        min=0,
        help="Also forget finished runs, with their logs, of more than so many days ago.",
    ),
    raw_older_than: int = typer.Option(
        None,
        "--raw-older-than",
        min=0,
        help="Also forget raw rows that a provider replaced, in years of bars that were written "
        "more than so many days ago.",
    ),
    yes: bool = typer.Option(
        False, "--yes", help="Remove; by default it is only said what would be."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Remove nothing, which is the default; never beside --yes."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Remove stored simulations that no study names; the trial ledger stays."""
    from mc_assets.answers.prune import prune as answer
    from mc_assets.project import Project

    if yes and dry_run:
        raise typer.BadParameter("found --yes beside --dry-run, allowed one of the two")
    done = answer(
        Project.from_environment(),
        study,
        older_than=older_than,
        raw_older_than=raw_older_than,
        remove=yes,
    )
    if as_json:
        print_json(done)
        return
    if study is not None:
        typer.echo(f"results of {study} {'removed' if yes else 'would be removed'}")
    typer.echo(
        f"{done.simulations:,} simulations in {done.parts:,} parts and {done.requests:,} earlier "
        f"requests, {done.bytes / 1e6:,.1f} MB, {'removed' if yes else 'are named by no study'}"
    )
    if older_than is not None:
        end = "forgotten" if yes else "made nothing that is shown now"
        typer.echo(f"{done.runs:,} runs of more than {older_than:,} days ago {end}")
    if raw_older_than is not None:
        end = "forgotten" if yes else "are what nothing is made of any more"
        typer.echo(f"{done.raw_rows:,} replaced raw rows and {done.damaged:,} damaged years {end}")
    found = done.parts or done.requests or done.bytes or done.runs or done.raw_rows or done.damaged
    if not yes and (study or found):
        asked = [study] if study else []
        asked += [] if older_than is None else ["--older-than", str(older_than)]
        asked += [] if raw_older_than is None else ["--raw-older-than", str(raw_older_than)]
        typer.echo(f"`mc prune {' '.join([*asked, '--yes'])}` removes them")

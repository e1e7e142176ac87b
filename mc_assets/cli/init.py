"""``mc init``: a project to begin with."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.json_output import print_json


def init(
    folder: Path = typer.Argument(Path(), help="Where to write it; by default here."),
    as_json: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Write a project to begin with: a series, a study, a strategy, a Makefile, a CI file."""
    from mc_assets.answers.starter import start_project
    from mc_assets.cli.as_typed import as_typed

    begun = start_project(folder)
    if as_json:
        print_json(begun)
        return
    for place in begun.written:
        typer.echo(f"wrote  {place}")
    for place in begun.kept:
        typer.echo(f"kept   {place}, which was there")
    first = "" if begun.folder == Path.cwd() else f"cd {begun.folder} && "
    typer.echo(f"\nnext: {first}{as_typed()} run   bars, calibrations, the study, its report")

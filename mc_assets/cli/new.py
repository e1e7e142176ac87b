"""``mc new``: a file to begin with."""

from __future__ import annotations

import typer

from engine.errors import Refusal
from mc_assets.cli.json_output import print_json


def new(
    kind: str = typer.Argument(..., help="strategy, study, policy, model or series."),
    name: str = typer.Argument(..., help="Its name."),
    as_json: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Begin a strategy, study, policy, price model or series: `mc new strategy my_idea`."""
    from mc_assets.answers.new_files import KINDS, new_file
    from mc_assets.project import Project

    if kind not in KINDS:
        raise Refusal("kind", repr(kind), ", ".join(KINDS))
    made = new_file(Project.from_environment(), kind, name)
    if as_json:
        print_json(made)
        return
    typer.echo(f"wrote {made.path}")
    typer.echo(f"next: {made.then}")

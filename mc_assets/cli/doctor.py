"""``mc doctor``: what of this machine and project could stand in the way."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Look at versions, folders, disk, clock, caches and providers' keys, and say what to mend.

    Exit code 1 when something keeps commands from working. No key is ever printed.
    """
    from mc_assets.answers.doctor import examine
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = examine(Project.from_environment())
    if as_json:
        print_json(found)
    else:
        print_frame(found.select("what", "found", "state"), limit=1000)
        for row in found.filter(found["state"] != "ok").iter_rows(named=True):
            typer.echo(f"{row['what']}: {row['found']}; {row['advice']}")
    if (found["state"] == "wrong").any():
        raise typer.Exit(1)

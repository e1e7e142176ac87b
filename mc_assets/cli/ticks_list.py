"""``mc ticks list``: which days of ticks are stored."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def ticks_list(
    as_json: bool = typer.Option(False, "--json", help="Print the days as JSON."),
) -> None:
    """List the days of ticks that are stored: symbol, exchange, events, first and last."""
    from mc_assets.answers.ticks import list_ticks
    from mc_assets.project import Project

    found = list_ticks(Project.from_environment())
    if as_json:
        print_json(found)
        return
    if found.is_empty():
        typer.echo("no ticks; `mc ticks import FILE --symbol NAME` stores some")
        return
    from mc_assets.cli.tables import print_frame

    narrow = found.select("symbol", "exchange", "day", "events")
    print_frame(narrow.hstack(found.select("first", "last")), narrow)

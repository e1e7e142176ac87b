"""``mc seeds``: list seed sets, or draw a new one."""

from __future__ import annotations

import typer

from engine.errors import Refusal
from mc_assets.cli.json_output import print_json


def seeds(
    name: str = typer.Argument(None, help="Name of a new seed set."),
    count: int = typer.Argument(None, min=1, help="How many seeds it holds."),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the seed sets, or draw a new one: `mc seeds my_set 500`. None is ever overwritten."""
    from mc_assets.answers.seeds import draw_seed_set, list_seed_sets

    if name is not None:
        if count is None:
            raise Refusal("count", "is missing", hint=f"`mc seeds {name} 500` draws 500 seeds")
        drawn = draw_seed_set(name, count)
        if as_json:
            print_json(drawn)
        else:
            typer.echo(f"wrote {drawn.path}")
        return
    sets = list_seed_sets()
    if as_json:
        print_json(sets)
        return
    for known, entry in sets.items():
        typer.echo(f"{known:<16} {entry.seeds:>8,} seeds  {entry.path}")

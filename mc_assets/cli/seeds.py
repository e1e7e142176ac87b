"""``mc seeds``: list seed sets, or draw a new one."""

from __future__ import annotations

import typer


def seeds(
    name: str = typer.Argument(None, help="Name of a new seed set."),
    count: int = typer.Argument(None, min=1, help="How many seeds it holds."),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the seed sets, or draw a new one: `mc seeds my_set 500`. None is ever overwritten."""
    import json

    from engine.studies import list_seed_sets, load_seeds
    from engine.studies.seeds import write_seed_set
    from mc_assets.project import Project

    folder = Project.from_environment().seeds
    if name is not None:
        if count is None:
            raise ValueError("count: found nothing, allowed how many seeds to draw")
        path = write_seed_set(name, count, folder=folder)
        typer.echo(json.dumps({"name": name, "path": str(path)}) if as_json else f"wrote {path}")
        return
    sets = {
        name: {"seeds": len(load_seeds(path)), "path": str(path)}
        for name, path in list_seed_sets(folder).items()
    }
    if as_json:
        typer.echo(json.dumps(sets))
        return
    for name, entry in sets.items():
        typer.echo(f"{name:<16} {entry['seeds']:>8,} seeds  {entry['path']}")

"""``mc keys``: who may ask `mc serve`, and for what."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def keys_add(
    name: str = typer.Argument(help="What logs and job records call whoever has it."),
    role: str = typer.Option("read", help="read, run or admin."),
    as_json: bool = typer.Option(False, "--json", help="Print the key as JSON."),
) -> None:
    """Make a key for `mc serve`, and print it this once: only its hash is kept."""
    from mc_assets.answers.api_keys import add_key
    from mc_assets.project import Project

    made = add_key(Project.from_environment(), name, role)
    if as_json:
        print_json(made)
    else:
        typer.echo(made.key)


def keys_list(
    as_json: bool = typer.Option(False, "--json", help="Print them as JSON."),
) -> None:
    """List the keys of `mc serve` by name: their roles, and when they were made."""
    from mc_assets.answers.api_keys import list_keys
    from mc_assets.project import Project

    keys = list_keys(Project.from_environment())
    if as_json:
        print_json(keys)
        return
    for key in keys:
        typer.echo(f"{key.name}  {key.role}  {key.created}")
    if not keys:
        typer.echo("no keys: `mc keys add NAME` makes one")


def keys_remove(name: str = typer.Argument(help="Name of the key.")) -> None:
    """Forget a key of `mc serve`: it is refused from the next request on."""
    from mc_assets.answers.api_keys import remove_key
    from mc_assets.project import Project

    removed = remove_key(Project.from_environment(), name)
    typer.echo(f"{removed.name} may ask no more")

"""``mc strategies``: what a study may name, with parameters."""

from __future__ import annotations

import typer

from mc_assets.cli.catalogue import print_catalogues


def strategies(as_json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the strategies that studies may name: built-in, and in files that studies name."""
    from mc_assets.answers.catalogue import list_strategies
    from mc_assets.project import Project

    print_catalogues([list_strategies(Project.from_environment())], as_json=as_json)

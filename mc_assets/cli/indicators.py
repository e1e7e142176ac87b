"""``mc indicators``: what a strategy may declare."""

from __future__ import annotations

import typer

from mc_assets.cli.catalogue import print_catalogues


def indicators(as_json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the indicators that a strategy may declare, with their parameters and rows."""
    from mc_assets.answers.catalogue import list_indicators

    print_catalogues([list_indicators()], as_json=as_json)

"""Strategies, price sources and indicators in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json
from mc_assets.cli.problems import print_problems

if TYPE_CHECKING:
    from mc_assets.answers.catalogue import Catalogue

__all__ = ["print_catalogues"]


def print_catalogues(found: Sequence[Catalogue], *, as_json: bool) -> None:
    """Print entries with their parameters and options; problems on standard error."""
    print_problems(problem for catalogue in found for problem in catalogue.problems)
    entries = [entry for catalogue in found for entry in catalogue.entries]
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        typer.echo(f"{entry.name}  {entry.kind}")
        if entry.description:
            typer.echo(f"    {entry.description}")
        for setting in (*entry.parameters, *entry.options):
            typer.echo(f"    {setting}")

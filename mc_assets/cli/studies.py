"""``mc studies``: what can be run, and what has been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json
from mc_assets.cli.problems import print_problems

if TYPE_CHECKING:
    from mc_assets.answers.catalogue import CatalogueEntry


def studies(
    strategies: bool = typer.Option(False, "--strategies", help="List strategies instead."),
    price_sources: bool = typer.Option(False, "--sources", help="List price sources instead."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List the study files with their state, or the strategies and price sources they may name."""
    from mc_assets.answers.catalogue import list_sources, list_strategies
    from mc_assets.answers.studies import list_studies
    from mc_assets.project import Project

    project = Project.from_environment()
    if strategies or price_sources:
        found = [list_strategies(project)] if strategies else []
        found += [list_sources(project)] if price_sources else []
        print_problems(problem for catalogue in found for problem in catalogue.problems)
        entries = [entry for catalogue in found for entry in catalogue.entries]
        if as_json:
            print_json(entries)
        else:
            _print_catalogue(entries)
        return
    listed = list_studies(project)
    if as_json:
        print_json(listed)
        return
    if not listed:
        typer.echo(f"{project.studies} holds no study file; `mc schema` prints what one may say")
    for study in listed:
        typer.echo(f"{study.name}  {study.state}")
        if study.description:
            typer.echo(f"    {study.description}")


def _print_catalogue(entries: list[CatalogueEntry]) -> None:
    for entry in entries:
        typer.echo(f"{entry.name}  {entry.kind}")
        if entry.description:
            typer.echo(f"    {entry.description}")
        for parameter in entry.parameters:
            typer.echo(f"    {parameter}")

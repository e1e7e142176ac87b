"""``mc studies``: what can be run, and what has been."""

from __future__ import annotations

import typer

from mc_assets.cli.catalogue import print_catalogues
from mc_assets.cli.json_output import print_json


def studies(
    strategies: bool = typer.Option(False, "--strategies", help="List strategies instead."),
    price_sources: bool = typer.Option(False, "--sources", help="List price sources instead."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List the study files with their state, or the strategies and price sources they may name."""
    from mc_assets.answers.catalogue import list_sources, list_strategies
    from mc_assets.answers.studies import list_studies
    from mc_assets.bucket_project import open_project

    with open_project(market_data=False) as project:
        if strategies or price_sources:
            found = [list_strategies(project)] if strategies else []
            found += [list_sources(project)] if price_sources else []
            print_catalogues(found, as_json=as_json)
            return
        listed = list_studies(project)
    if as_json:
        print_json(listed)
        return
    if not listed:
        typer.echo(f"{project.studies} holds no study file: `mc new study NAME` writes one")
    for study in listed:
        elsewhere = "" if study.path.stem == study.name else f"  in {study.path.name}"
        typer.echo(f"{study.name}  {study.state}{elsewhere}")
        if study.description:
            typer.echo(f"    {study.description}")

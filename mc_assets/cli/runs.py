"""``mc runs``: what runs, and what ran."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def runs(
    study: str = typer.Argument(
        None, help="Only the runs of this study.", autocompletion=study_names
    ),
    limit: int = typer.Option(20, min=1, help="How many runs are listed."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """List runs of studies, whoever began them: running, finished, failed, stopped or killed."""
    from mc_assets.answers.records import list_runs
    from mc_assets.bucket_project import open_project

    with open_project(market_data=False) as project:
        found = list_runs(project, study)
    if as_json:
        print_json(found)
        return
    if found.is_empty():
        typer.echo("no runs")
        return
    import polars as pl

    from mc_assets.cli.tables import print_frame

    rows = found.with_columns(pl.col("started").dt.strftime("%Y-%m-%d %H:%M:%S"))
    names = ["started", "study", "kind", "state", "done", "of", "seconds", "who"]
    print_frame(
        rows.select(*names, "failed", "error"),
        rows.select(*names),
        rows.select("started", "study", "state", "done", "of"),
        limit=limit,
    )

"""``mc status``: last runs, what is stale or failed, the next ticks, and disk use."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def status(
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Say how the project is doing: last runs, stale and failed parts, next ticks, disk use."""
    import polars as pl

    from mc_assets.answers.status import project_status
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    found = project_status(project)
    if as_json:
        print_json(found)
        return
    if found.runs.is_empty():
        typer.echo("no study has run")
    else:
        runs = found.runs.with_columns(pl.col("started").dt.strftime("%Y-%m-%d %H:%M"))
        print_frame(
            runs.select("started", "study", "state", "done", "of", "who"),
            runs.select("started", "study", "state"),
            title="last runs",
        )
    if found.problem:
        typer.echo(f"what is stale cannot be told: {found.problem}")
    elif found.stale.is_empty():
        typer.echo("everything is current: `mc run` has nothing to do")
    else:
        print_frame(
            found.stale, title="not known to be current: `mc run` brings it up to date", limit=12
        )
    if found.failed.is_empty():
        typer.echo("no partition is failed")
    else:
        print_frame(found.failed, title="failed: run them again from their asset in `mc ui`")
    ticks = found.automation.with_columns(
        pl.when("on").then(pl.lit("on")).otherwise(pl.lit("off")).alias("on"),
        pl.col("next_tick").dt.strftime("%Y-%m-%d %H:%M UTC").fill_null(""),
    )
    print_frame(ticks, title="what runs by itself: it ticks while `mc ui` runs")
    print_frame(found.disk, title=f"disk use of {project.data}")
    if found.is_open:
        typer.echo("a command or `mc ui` is at work here")

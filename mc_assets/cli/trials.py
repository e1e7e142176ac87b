"""``mc trials``: everything that was ever tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    import polars as pl

    from mc_assets.answers.trials import Trials


def trials(
    family: str = typer.Argument(None, help="Strategy whose trials are listed one by one."),
    archive: bool = typer.Option(
        False, "--archive", help="Take the strategy's trials out of the count; needs --reason."
    ),
    reason: str = typer.Option("", "--reason", help="Why they do not count."),
    archived: bool = typer.Option(False, "--archived", help="List archived trials instead."),
    limit: int = typer.Option(20, min=1, help="How many trials are listed."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """List every parameter set that was ever run: what a search cost in tries."""
    from mc_assets.answers.trials import archive_trials, list_trials
    from mc_assets.project import Project

    project = Project.from_environment()
    if archive:
        done = archive_trials(project, family, reason)
        if as_json:
            print_json(done)
        else:
            typer.echo(f"{done.trials:,} trials of {done.family} no longer count: {reason}")
        return
    found = list_trials(project, family, archived=archived)
    if as_json:
        print_json(found)
        return
    _print(found, one_by_one=family is not None, limit=limit)


def _print(found: Trials, *, one_by_one: bool, limit: int) -> None:
    import polars as pl

    from mc_assets.cli.tables import print_frame

    if found.trials.is_empty():
        typer.echo("no trials")
    elif one_by_one:
        rows = found.trials.with_columns(_day("tried_at"))
        names = ["parameters", "series", "studies", "seeds", "mean_net_pnl", "std_net_pnl"]
        print_frame(
            rows.select("tried_at", *names, "status"),
            rows.select("tried_at", "parameters", "seeds", "mean_net_pnl"),
            limit=limit,
        )
    else:
        rows = found.families.with_columns(_day("first_tried"), _day("last_tried"))
        rows = rows.with_columns(pl.col("series").replace("", "no data"))
        print_frame(rows, rows.select("family", "series", "trials", "last_tried"), limit=limit)
    if found.archived:
        typer.echo(f"{found.archived:,} archived trials do not count:")
        for entry in found.archives:
            typer.echo(f"  {entry.family}, until {entry.until:%Y-%m-%d %H:%M}Z: {entry.reason}")


def _day(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).dt.strftime("%Y-%m-%d")

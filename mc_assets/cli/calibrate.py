"""``mc calibrate``: estimate every model's parameters as of a date."""

from __future__ import annotations

import typer

from engine.errors import Refusal
from mc_assets.cli.json_output import print_json


def calibrate(
    series: list[str] = typer.Argument(None, help="Series such as SP500@1d; all by default."),
    as_of: str = typer.Option("", help="Date, YYYY-MM-DD; default: the series' newest bar."),
    outdated: bool = typer.Option(
        False, "--outdated", help="Every stored date whose estimators have another version by now."
    ),
    compare: bool = typer.Option(
        False, "--compare", help="Print the models of each series in one table, best first."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
) -> None:
    """Calibrate through Dagster and print the estimates with their standard errors."""
    import datetime

    from mc_assets.answers.calibrations import (
        calibrate_series,
        compared_models,
        recalibrate_outdated,
    )
    from mc_assets.bucket_project import open_project
    from mc_assets.cli.steps import StepLines
    from mc_assets.cli.tables import print_frame

    try:
        day = datetime.date.fromisoformat(as_of) if as_of else None
    except ValueError:
        raise Refusal("--as-of", repr(as_of), "a date YYYY-MM-DD") from None
    if outdated and day:
        raise Refusal("--outdated", f"with --as-of {day}", "without: it has its dates")
    with open_project() as project, StepLines(quiet=as_json) as lines:
        if outdated:
            table = recalibrate_outdated(project, series or (), progress=lines)
        else:
            table = calibrate_series(project, series or (), as_of=day, progress=lines)
        if compare:
            table = compared_models(project, series or (), as_of=day)
    if as_json:
        print_json(table)
        return
    if compare:
        print_frame(table.drop("timeframe", "status", "aic", "nested"), limit=1000)
        return
    columns = ["symbol", "as_of", "model", "parameter", "estimate", "std_error", "n", "status"]
    print_frame(table.select(columns), limit=1000)
    for row in (
        table.filter(table["reason"] != "")
        .unique(["symbol", "as_of", "model"], maintain_order=True)
        .iter_rows(named=True)
    ):
        typer.echo(f"{row['symbol']} {row['model']}: {row['reason']}")

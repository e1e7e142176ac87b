"""``mc calibrate``: estimate every model's parameters as of a date."""

from __future__ import annotations

import typer


def calibrate(
    series: list[str] = typer.Argument(None, help="Series such as SP500@1d; all by default."),
    as_of: str = typer.Option("", help="Date, YYYY-MM-DD; default: the series' newest bar."),
    outdated: bool = typer.Option(
        False, "--outdated", help="Every stored date whose estimators have another version by now."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the calibrations as JSON."),
) -> None:
    """Calibrate through Dagster and print the estimates with their standard errors."""
    import datetime
    from functools import partial

    import polars as pl

    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.cli.steps import run_steps
    from mc_assets.cli.tables import print_frame
    from mc_assets.market_data import load_series
    from mc_assets.pipeline import calibration_steps, outdated_steps
    from mc_assets.project import Project

    project = Project.from_environment()
    config = load_series(project.series)
    keys = [entry.key for name in series or config.keys for entry in config.find(name)]
    try:
        day = datetime.date.fromisoformat(as_of) if as_of else None
    except ValueError:
        raise ValueError(f"--as-of: found {as_of!r}, allowed a date YYYY-MM-DD") from None
    if outdated and day:
        raise ValueError(f"--outdated: found with --as-of {day}, allowed without: it has its dates")
    steps = outdated_steps if outdated else partial(calibration_steps, as_of=day)
    run_steps(project, steps(project, keys), quiet=as_json)
    store = CalibrationStore(project.data)
    frames = []
    for key in keys:
        symbol, _, timeframe = key.rpartition("@")
        table = store.read(symbol, timeframe)
        wanted = pl.lit(day) if day else pl.col("as_of").max()
        frames.append(table.filter(pl.col("as_of") == wanted))
    table = pl.concat(frames)
    if as_json:
        typer.echo(table.write_json())
        return
    columns = ["symbol", "as_of", "model", "parameter", "estimate", "std_error", "n", "status"]
    print_frame(table.select(columns), limit=1000)
    for reason in table.filter(pl.col("status") == "failed").iter_rows(named=True):
        typer.echo(f"{reason['symbol']} {reason['model']}: {reason['reason']}")

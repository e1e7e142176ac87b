"""The command line ``mc``: one file per command, nothing heavy imported until a command runs."""

from __future__ import annotations

import sys

import typer

from mc_assets.cli.audit import audit
from mc_assets.cli.calibrate import calibrate
from mc_assets.cli.compare import compare
from mc_assets.cli.ingest import ingest
from mc_assets.cli.quality import quality
from mc_assets.cli.replay import replay
from mc_assets.cli.report import report
from mc_assets.cli.run import run
from mc_assets.cli.schema import schema
from mc_assets.cli.seeds import seeds
from mc_assets.cli.show import show
from mc_assets.cli.sql import sql
from mc_assets.cli.studies import studies
from mc_assets.cli.ui import ui

__all__ = ["app", "main"]

app = typer.Typer(
    name="mc",
    help="Monte Carlo laboratory for trading strategies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(run, studies, show, compare, replay, report, sql, ui),
    *(ingest, quality, calibrate, audit, seeds, schema),
):
    app.command()(command)


def main() -> None:
    """Run the command line.

    A `ValueError` or `OSError` is what the library says to its user: it becomes one line on
    standard error and exit code 2. Anything else is a fault of ours and keeps its traceback.
    """
    try:
        app()
    except (ValueError, OSError) as error:
        typer.secho(f"mc: {error}", fg="red", err=True)
        sys.exit(2)

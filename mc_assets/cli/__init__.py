"""The command line ``mc``: one file per command, nothing heavy imported until a command runs."""

from __future__ import annotations

import sys

import typer

from mc_assets.cli.report import report
from mc_assets.cli.sql import sql
from mc_assets.cli.ui import ui

__all__ = ["app", "main"]

app = typer.Typer(
    name="mc",
    help="Monte Carlo laboratory for trading strategies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(sql)
app.command()(report)
app.command()(ui)


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

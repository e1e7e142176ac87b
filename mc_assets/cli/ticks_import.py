"""``mc ticks import``: bring files of quotes and trades in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    from mc_assets.answers.ticks import ImportedTicks


def ticks_import(
    files: list[Path] = typer.Argument(
        ..., help="CSV (also compressed), Parquet, or folders of them, of one instrument."
    ),
    symbol: str = typer.Option(None, "--symbol", help="Name, such as BTCUSDT."),
    exchange: str = typer.Option(None, "--exchange", help="Where it is traded, such as binance."),
    clock: str = typer.Option(None, "--clock", help="Whose stamps order them: exchange or local."),
    negative_prices: bool = typer.Option(
        False, "--negative-prices", help="Prices below zero are prices."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print what was stored as JSON."),
) -> None:
    """Normalise files of quotes and trades, and store their ticks by day.

    Which file holds quotes, which trades, follows from the columns. Rows that are no events go to
    the quarantine with the reason. A day that was stored before is replaced. Without any event
    nothing is stored, and the exit code is 1.
    """
    from mc_assets.answers.ticks import import_ticks
    from mc_assets.project import Project

    made = import_ticks(
        Project.from_environment(),
        files,
        symbol=symbol,
        exchange=exchange,
        clock=clock,
        negative_prices=negative_prices,
    )
    if as_json:
        print_json(made)
    else:
        _tell(made)
    if not made.report.events:
        raise typer.Exit(1)


def _tell(made: ImportedTicks) -> None:
    report = made.report
    typer.echo(
        f"{report.symbol} of {report.exchange}: {report.events:,} events "
        f"({report.total('trades'):,} trades), days stored: {len(made.days):,}, "
        f"{report.quarantined:,} rows in quarantine"
    )
    for reason, count in report.reasons.items():
        typer.echo(f"  {count:,} {reason}")
    if made.quarantine is not None:
        typer.echo(f"  they are in {made.quarantine}")
    for note in report.notes:
        typer.echo(f"note: {note}")

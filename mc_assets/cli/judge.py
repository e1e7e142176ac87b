"""``mc judge``: does a strategy have an edge, and how would one know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.history_options import (
    BarsFile,
    Commission,
    Constraint,
    Exchange,
    Slippage,
    StrategyOrFile,
    Symbol,
    Timeframe,
)
from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    from mc_assets.answers.judge import Judgement


def judge(
    strategy: StrategyOrFile,
    bars_file: BarsFile = None,
    symbol: Symbol = None,
    timeframe: Timeframe = "1d",
    exchange: Exchange = "XNYS",
    constraint: Constraint = None,
    commission: Commission = 0.0,
    slippage: Slippage = 0.0,
    tries: int = typer.Option(256, "--tries", min=1, help="Parameter sets to search."),
    paths: int = typer.Option(2_000, "--paths", min=10, help="Paths of each simulated world."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of search, resampling and paths."),
    page: Path = typer.Option(None, "--page", help="HTML file to write the verdict to."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Say whether a strategy has an edge, after a search that is paid for in the verdict."""
    from mc_assets.answers.judge import judge_strategy
    from mc_assets.project import Project

    found = judge_strategy(
        Project.from_environment(),
        strategy,
        bars_file=bars_file,
        symbol=symbol,
        timeframe=timeframe,
        exchange=exchange,
        constraint=tuple(constraint or ()),
        commission=commission,
        slippage=slippage,
        tries=tries,
        paths=paths,
        seed=seed,
        page=page,
    )
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
        if page is not None:
            typer.echo(f"page: {page}")


def _print(found: Judgement) -> None:
    import polars as pl

    from mc_assets.cli.tables import format_value, print_frame

    typer.secho(found.sentence, bold=True)
    chosen = ", ".join(f"{name} {format_value(value)}" for name, value in found.parameters.items())
    typer.echo(f"\nbest of the search   {chosen or 'no parameters'}")
    typer.echo(f"history              {found.first} to {found.last}")
    for name in ("total_return", "sharpe", "max_drawdown", "trades"):
        typer.echo(f"{name.replace('_', ' '):<21}{format_value(found.history[name])}")
    percent = [
        ((pl.col(name) * 100.0).round(1) + 0.0).alias(heading)  # no minus zero
        for name, heading in (
            ("mean_return", "mean year, %"),
            ("ci_low", "from"),
            ("ci_high", "to"),
            ("profit_probability", "in profit, %"),
            ("drawdown_q05", "drawdown of 1 in 20, %"),
        )
    ]
    rows = found.worlds.select("world", "paths", *percent, "status")
    typer.echo("")
    print_frame(
        rows,
        rows.select("world", "mean year, %", "from", "to", "in profit, %"),
        title="The same set over a year in simulated worlds (95 % Monte Carlo intervals)",
    )
    worst = found.worst_world
    if worst is not None:
        typer.echo(f"worst world: {worst['world']}")
    for caution in found.cautions:
        typer.secho(f"caution: {caution}", fg="yellow")

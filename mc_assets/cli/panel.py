"""``mc panel``: what of a strategy depends on the model of the world."""

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
    from mc_assets.answers.panel import Panel


def panel(
    strategy: StrategyOrFile,
    bars_file: BarsFile = None,
    symbol: Symbol = None,
    timeframe: Timeframe = "1d",
    exchange: Exchange = "XNYS",
    values: list[str] = typer.Option([], "--set", help="Values, such as fast=5,10,20."),
    constraint: Constraint = None,
    commission: Commission = 0.0,
    slippage: Slippage = 0.0,
    statistic: str = typer.Option("sharpe", "--statistic", help="What sets are ranked by."),
    tries: int = typer.Option(32, "--tries", help="Parameter sets, where they are searched."),
    paths: int = typer.Option(500, "--paths", help="Paths of each simulated world."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of the search and the first path."),
    picture: Path = typer.Option(None, "--picture", help="HTML, PNG, SVG or PDF of map."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Run one grid of parameter sets in every world: best sets, regret, the worst world."""
    from mc_assets.answers.panel import make_panel
    from mc_assets.project import Project

    found = make_panel(
        Project.from_environment(),
        strategy,
        bars_file=bars_file,
        symbol=symbol,
        timeframe=timeframe,
        exchange=exchange,
        values=values,
        constraint=tuple(constraint or ()),
        commission=commission,
        slippage=slippage,
        statistic=statistic,
        tries=tries,
        paths=paths,
        seed=seed,
    )
    if picture is not None:
        found.plot().save(picture)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
        if picture is not None:
            typer.echo(f"picture: {picture}")


def _print(found: Panel) -> None:
    import json

    import polars as pl

    from mc_assets.cli.tables import format_value, print_frame

    typer.secho(found.sentence, bold=True)
    worlds = found.worlds

    def values(text: str) -> str:
        named = json.loads(text).items()
        return ", ".join(f"{name} {format_value(value)}" for name, value in named)

    rows = worlds.select(
        "world",
        (100.0 * pl.col("realism")).round(0).alias("realism, %"),
        pl.col("best_parameters").map_elements(values, pl.String).alias("best set"),
        pl.col("best_estimate").round(2).alias("its best"),
        pl.col("estimate").round(2).alias("chosen"),
        pl.col("ci_low").round(2).alias("from"),
        pl.col("ci_high").round(2).alias("to"),
        (pl.col("regret").round(2) + 0.0).alias("regret"),
        "status",
    )
    print_frame(
        rows,
        rows.select("world", "realism, %", "its best", "chosen", "regret"),
        title=f"{found.table['statistic'].item(0)} of each world's best set and of the one chosen",
    )

"""``mc resample``: what else one backtest could have come to."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.history_options import (
    BarsFile,
    Commission,
    Exchange,
    Slippage,
    StrategyOrFile,
    Symbol,
    Timeframe,
)
from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    from mc_assets.answers.resample import ResampledBacktest


def resample(
    strategy: StrategyOrFile,
    bars_file: BarsFile = None,
    symbol: Symbol = None,
    timeframe: Timeframe = "1d",
    exchange: Exchange = "XNYS",
    values: list[str] = typer.Option([], "--set", help="A parameter, such as fast=5."),
    commission: Commission = 0.0,
    slippage: Slippage = 0.0,
    method: str = typer.Option(
        "trades", "--method", help="trades, returns, shuffle, parametric, skip or delay."
    ),
    draws: int = typer.Option(10_000, "--draws", help="Courses to draw."),
    seed: int = typer.Option(0, "--seed", help="Of the courses."),
    compound: bool = typer.Option(
        True, "--compound/--fixed", help="Trades earn shares of the equity, or the same money."
    ),
    block_length: float = typer.Option(None, "--block-length", help="Mean, in trades or bars."),
    skip: float = typer.Option(None, "--skip", help="Probability of missing a trade."),
    delay: int = typer.Option(None, "--delay", help="Most bars by which entries are late."),
    loss: float = typer.Option(0.5, "--loss", help="Share of the equity whose loss is ruin."),
    bound: float = typer.Option(0.01, "--bound", help="Probability to keep ruin under."),
    picture: Path = typer.Option(None, "--picture", help="HTML, PNG, SVG or PDF of bands."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Resample the trades of one backtest: bands, drawdowns, streaks, risk of ruin by size."""
    from mc_assets.answers.resample import resample_backtest
    from mc_assets.project import Project

    found = resample_backtest(
        Project.from_environment(),
        strategy,
        bars_file=bars_file,
        symbol=symbol,
        timeframe=timeframe,
        exchange=exchange,
        values=values,
        commission=commission,
        slippage=slippage,
        method=method,
        draws=draws,
        seed=seed,
        compound=compound,
        block_length=block_length,
        skip=skip,
        delay=delay,
        loss=loss,
        bound=bound,
    )
    if picture is not None:
        found.resampled.plot().save(picture)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
        if picture is not None:
            typer.echo(f"picture: {picture}")


def _print(found: ResampledBacktest) -> None:
    import polars as pl

    from mc_assets.cli.tables import print_frame

    resampled = found.resampled
    courses = resampled.courses
    what = f"{found.strategy} on {found.symbol}: {len(resampled.seen):,} {resampled.unit}s"
    blocks = f", blocks of {courses.block_length:.1f}" if courses.block_length > 1.0 else ""
    typer.secho(f"{what}, {courses.draws:,} courses by {courses.method}{blocks}", bold=True)
    table = resampled.statistics()
    shown = table.select(
        "statistic",
        *(pl.col(name).map_elements(_short, pl.String) for name in ("observed", "estimate")),
        pl.col("ci_low").map_elements(_short, pl.String).alias("from"),
        pl.col("ci_high").map_elements(_short, pl.String).alias("to"),
        "method",
    )
    print_frame(shown, shown.drop("method"), title="What it could have come to (95 % intervals)")
    chances = {"probability": "chance", "ci_low": "from", "ci_high": "to"}
    ruin = found.ruin.table.select(
        pl.col("size").round(2),
        *((100.0 * pl.col(name)).round(2).alias(title) for name, title in chances.items()),
        "method",
    )
    some = ruin.filter(pl.col("size").is_in([0.5, 1.0, 1.5, 2.0, 3.0, 5.0]))
    print_frame(some, some.drop("method"), title=f"Chance of losing {found.ruin.loss:.0%}, in %")
    typer.echo(_sizes(found))


def _sizes(found: ResampledBacktest) -> str:
    ruin, largest = found.ruin, found.ruin.largest
    if math.isinf(largest.value):
        within = (
            f"no size up to {float(ruin.table['size'][-1]):g} times has more than {ruin.bound:.1%}"
        )
    else:
        within = (
            f"{largest.value:.2f} times the size traded keeps it at {ruin.bound:.1%} "
            f"({largest.low:.2f} to {largest.high:.2f})"
        )
    fastest = f"; the record itself grows fastest at {ruin.optimal:.2f} times"
    return within + ("" if math.isinf(ruin.optimal) else fastest)


def _short(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.4g}"

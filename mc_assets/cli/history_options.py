"""What commands ask that try a strategy on a history: which strategy, which bars, what costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "BarsFile",
    "Commission",
    "Constraint",
    "Exchange",
    "Slippage",
    "StrategyOrFile",
    "Symbol",
    "Timeframe",
]

StrategyOrFile: TypeAlias = Annotated[
    str, typer.Argument(help="Name of a strategy, or a Python file with one.")
]
BarsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--bars", help="CSV or Parquet file of bars.")
]
Symbol: TypeAlias = Annotated[
    str | None, typer.Option("--symbol", help="Series, or the name of the file's bars.")
]
Timeframe: TypeAlias = Annotated[str, typer.Option("--timeframe", help="Length of a bar.")]
Exchange: TypeAlias = Annotated[
    str, typer.Option("--exchange", help="Calendar of the file's bars.")
]
Constraint: TypeAlias = Annotated[
    list[str] | None, typer.Option("--constraint", help="Such as 'fast < slow'.")
]
Commission: TypeAlias = Annotated[
    float, typer.Option("--commission", min=0.0, help="Share of traded value.")
]
Slippage: TypeAlias = Annotated[
    float, typer.Option("--slippage", min=0.0, help="Basis points of the price.")
]

"""A strategy and a history as they are named on the command line."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.ticks import TickStream

__all__ = ["find_history", "find_strategy", "find_ticks", "parameter_values"]


def find_strategy(project: Project, strategy: str) -> str:
    """Return the registry name of a strategy: its name, or a Python file with one.

    Raises
    ------
    Refusal
        If there is no such file or strategy, or the file has several.
    """
    from engine.errors import Refusal
    from engine.strategies import load_user_strategies, strategy_names
    from mc_assets.answers.catalogue import load_code_of_studies

    if strategy.endswith(".py"):
        file = Path(strategy)
        if not file.is_file():
            raise Refusal("strategy", f"there is no file {file}")
        found = sorted(load_user_strategies(file))
        if len(found) != 1:
            raise Refusal(
                "strategy",
                f"{', '.join(found) or 'no strategy'} in {file}",
                "a file with one strategy, or its name",
            )
        return found[0]
    if strategy not in strategy_names():
        load_code_of_studies(project)
    if strategy not in strategy_names():
        raise Refusal("strategy", repr(strategy), ", ".join(strategy_names()))
    return strategy


def find_history(
    project: Project, bars_file: Path | None, symbol: str | None, timeframe: str, exchange: str
) -> Bars:
    """Return the bars of a file, or of a series of the project.

    Parameters
    ----------
    project : Project
        Where series lie.
    bars_file : Path or None
        CSV or Parquet file of bars.
    symbol : str or None
        Series of the project; with `bars_file`, the name the file's bars get.
    timeframe, exchange : str
        Of the bars; a series of the project has its own exchange.

    Raises
    ------
    Refusal
        If neither is given, or there are no bars.
    """
    from engine.errors import Refusal
    from mc_assets.stored_market_data import StoredMarketData

    if bars_file is not None:
        return _from_file(bars_file, symbol, timeframe, exchange)
    if symbol is not None:
        return StoredMarketData(project).bars(symbol, timeframe)
    raise Refusal("bars", "neither --bars nor --symbol", "a file of bars, or a series")


def find_ticks(path: Path, symbol: str | None) -> TickStream:
    """Return the ticks of a file or folder.

    Parameters
    ----------
    path : Path
        CSV or Parquet, or a folder of these.
    symbol : str or None
        The one to read, or the name that the file's ticks get.

    Raises
    ------
    Refusal
        If it cannot be read as ticks.
    """
    from engine.errors import Refusal
    from engine.ticks import read_ticks

    if not path.exists():
        raise Refusal("data", f"there is no file or folder {path}")
    try:
        return read_ticks(path, symbol=symbol)
    except Refusal as refusal:
        raise refusal.within("data") from None


def parameter_values(given: Sequence[str]) -> dict[str, Any]:
    """Read parameters written as ``name=value``; several values are separated by commas.

    Raises
    ------
    Refusal
        If one is written otherwise.

    Examples
    --------
    >>> parameter_values(["fast=5,10", "side=long"])
    {'fast': [5, 10], 'side': 'long'}
    """
    from engine.errors import Refusal

    found: dict[str, Any] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not name or not equals or not values:
            raise Refusal("set", repr(text), "name=value, or name=value,value")
        read = [_value(value.strip()) for value in values.split(",")]
        found[name.strip()] = read if len(read) > 1 else read[0]
    return found


def _value(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return {"true": True, "false": False}.get(text.lower(), text)
    return value if isinstance(value, bool | int | float | str) else text


def _from_file(path: Path, symbol: str | None, timeframe: str, exchange: str) -> Bars:
    from engine.bars import Bars
    from engine.calendar import BarCalendar
    from engine.errors import Refusal
    from mc_assets.market_data.one_file import bars_from_file

    if path.is_dir():
        raise Refusal(
            "bars",
            f"the folder {path}",
            "a file of bars, CSV or Parquet; folders are read for strategies of ticks alone",
            hint="`mc ingest` stores the files of a folder as series, which studies name",
        )
    if not path.is_file():
        raise Refusal("bars", f"there is no file {path}")
    calendar = BarCalendar(exchange, timeframe)
    name = symbol or path.stem
    provider = "parquet" if path.suffix == ".parquet" else "csv"
    found = bars_from_file(
        path.resolve(), name, timeframe=timeframe, exchange=exchange, provider=provider
    )
    if found.bars.is_empty():
        raise Refusal("bars", f"{path} has no row that is a bar", hint="name a file of bars")
    return Bars.from_frame(found.bars, symbol=name, calendar=calendar)

"""Bars of one file without series file and data root, for notebooks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from engine.tables.columns import number_columns
from mc_assets.market_data.config import Adjustment
from mc_assets.market_data.normalise import Normalised, normalise
from mc_assets.providers import make_provider
from mc_assets.providers.files import FileProvider

__all__ = ["bars_from_file"]


def bars_from_file(
    path: Path | str,
    symbol: str,
    *,
    timeframe: str = "1d",
    exchange: str = "XNYS",
    adjustment: Adjustment = "raw",
    repair: bool = False,
    provider: str = "csv",
    **options: Any,
) -> Normalised:
    """Read one file of bars.

    Parameters
    ----------
    path : Path or str
        A CSV (or Parquet, with ``provider="parquet"``) file or folder.
    symbol : str
        Name the bars get; chooses the rows of a file of several symbols.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.
    exchange : str
        Name in `exchange_calendars`.
    adjustment : {"raw", "split", "dividend", "all"}
        What the prices are adjusted for.
    repair : bool
        Repair 100× unit errors.
    provider : str
        A registered provider that reads files.
    **options
        The provider's other options, such as ``columns`` or ``timezone``.

    Returns
    -------
    Normalised
        Bars and quarantine.

    Raises
    ------
    MarketDataError
        If the file cannot be read as a table of bars.
    Refusal
        If there is no such exchange.
    """
    source = make_provider(provider, {"path": str(path), **options}, Path(), where=symbol)
    if isinstance(source, FileProvider):

        def numbers(names: list[str]) -> list[str]:
            return number_columns(names, source.options.columns, symbol=symbol)

        table = source.table(symbol, timeframe, adjustment, numbers)
        found = normalise(table, exchange=exchange, repair=repair)
        if found.quarantine.is_empty():
            return found
    # Read again as text, because the quarantine shows cells as written in the file.
    result = source.fetch([symbol], timeframe, datetime.min, datetime.max, adjustment=adjustment)
    if symbol in result.failures:
        raise result.failures[symbol]
    return normalise(result.tables[symbol], exchange=exchange, repair=repair)

"""Parquet files: one per symbol, a folder of them, or one of many symbols."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import polars as pl
from pydantic import BaseModel

from engine.calendar import TIMEFRAMES
from mc_assets.providers.base import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    Provider,
    RawTable,
)
from mc_assets.providers.csv_files import FileOptions, files_of
from mc_assets.providers.errors import MarketDataError

__all__ = ["ParquetProvider"]


class ParquetProvider(Provider):
    """Reads Parquet files written by any program, data frames of vendors' clients included."""

    name: ClassVar[str] = "parquet"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(TIMEFRAMES), adjustments=("raw", "split", "dividend", "all")
    )
    Options: ClassVar[type[BaseModel]] = FileOptions
    options: FileOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Read the whole file of each symbol; the range is cut afterwards."""
        result = FetchResult()
        for symbol in symbols:
            try:
                result.tables[symbol] = self._table(symbol, timeframe, adjustment)
            except MarketDataError as error:
                result.failures[symbol] = FetchError(f"parquet {symbol}: {error}")
        return result

    def _table(self, symbol: str, timeframe: str, adjustment: str) -> RawTable:
        frames = []
        endings = ("parquet", "pq")
        for path in files_of(self.options.path, symbol, timeframe, self.folder, endings):
            try:
                frame = pl.read_parquet(path)
            except (pl.exceptions.PolarsError, OSError) as error:
                reason = str(error).splitlines()[0]
                raise MarketDataError(
                    f"{path.name}: found a file that is not Parquet ({reason}), allowed one"
                ) from None
            frame = frame.rename(_plain_names(frame.columns))
            rows = pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
            frames.append(frame.with_columns(_file=pl.lit(path.name), _line=rows))
        layout = Layout(
            columns=self.options.columns,
            timezone=self.options.timezone,
            stamp=self.options.stamp,
            date_format=self.options.date_format,
        )
        frame = pl.concat(frames, how="diagonal_relaxed")
        return RawTable(symbol, timeframe, frame, self.name, adjustment, layout)


def _plain_names(names: list[str]) -> dict[str, str]:
    """Names without pandas' decorations: its index and yfinance's ``('Close', 'SPY')``."""
    pairs = {name: re.fullmatch(r"\('(.+?)', '(.*?)'\)", name) for name in names}
    tickers = {match[2] for match in pairs.values() if match and match[2]}
    renamed = {}
    for name, match in pairs.items():
        if match is None:
            renamed[name] = name.lstrip("_") or name
        else:
            renamed[name] = f"{match[1]}|{match[2]}" if len(tickers) > 1 else match[1]
    return renamed

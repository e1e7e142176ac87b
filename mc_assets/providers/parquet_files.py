"""Parquet files: one per symbol, a folder of them, or one of many symbols."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import BaseModel

from engine.tables.csv_text import NumberColumns
from engine.tables.parquet_table import parquet_table
from mc_assets.providers.files import FileOptions, FileProvider

__all__ = ["ParquetProvider"]


class ParquetProvider(FileProvider):
    """Reads Parquet files, including data frames written by vendors' clients."""

    name: ClassVar[str] = "parquet"
    endings: ClassVar[tuple[str, ...]] = ("parquet", "pq")
    Options: ClassVar[type[BaseModel]] = FileOptions

    def _read(self, path: Path, numbers: NumberColumns | None) -> tuple[pl.DataFrame, None]:
        frame = parquet_table(path, self.options.megabytes)
        frame = frame.rename(_plain_names(frame.columns))
        # Categorical text becomes plain text.
        frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        rows = pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
        return frame.with_columns(_file=pl.lit(path.name), _line=rows), None


def _plain_names(names: list[str]) -> dict[str, str]:
    """Column names without pandas' decorations: index names and ``('Close', 'SPY')``.

    Grouped by ticker yfinance writes ``('SPY', 'Close')``.
    """
    matches = {name: re.fullmatch(r"\('(.*?)', '(.*?)'\)", name) for name in names}
    pairs = {name: match.groups() for name, match in matches.items() if match}
    if "Close" in {second for _, second in pairs.values()}:
        pairs = {name: (field, ticker) for name, (ticker, field) in pairs.items()}
    tickers = {ticker for _, ticker in pairs.values() if ticker}
    renamed = {name: name.lstrip("_") or name for name in names}
    for name, (field, ticker) in pairs.items():
        # One level is empty for an index that became a column.
        named = field and ticker and len(tickers) > 1
        renamed[name] = f"{field}|{ticker}" if named else field or ticker
    return renamed

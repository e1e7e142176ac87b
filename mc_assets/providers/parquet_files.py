"""Parquet files: one per symbol, a folder of them, or one of many symbols."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Final

import polars as pl
from pydantic import BaseModel

from engine.tables.csv_text import NumberColumns
from engine.tables.text_bytes import check_size
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.files import FileOptions, FileProvider

__all__ = ["ParquetProvider"]

_MOST_COLUMNS: Final = 10_000
# Bytes of a number in memory.
_CELL: Final = 8


class ParquetProvider(FileProvider):
    """Reads Parquet files, including data frames written by vendors' clients."""

    name: ClassVar[str] = "parquet"
    endings: ClassVar[tuple[str, ...]] = ("parquet", "pq")
    Options: ClassVar[type[BaseModel]] = FileOptions

    def _read(self, path: Path, numbers: NumberColumns | None) -> tuple[pl.DataFrame, None]:
        try:
            self._check(path)
            frame = pl.read_parquet(path, glob=False)
        # Polars may panic on a damaged file; PanicException is not an `Exception`.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise MarketDataError(
                path.name, f"a file that is not Parquet ({reason})", "one"
            ) from None
        frame = frame.rename(_plain_names(frame.columns))
        # Categorical text becomes plain text.
        frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        rows = pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
        return frame.with_columns(_file=pl.lit(path.name), _line=rows), None

    def _check(self, path: Path) -> None:
        """Refuse a table that would not fit in memory, judging by its metadata."""
        check_size(path.name, path.stat().st_size, self.options.megabytes)
        schema = pl.read_parquet_schema(path)
        if len(schema) > _MOST_COLUMNS:
            raise MarketDataError(path.name, f"{len(schema):,} columns", f"up to {_MOST_COLUMNS:,}")
        rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        check_size(
            f"{path.name}: {rows:,} rows", rows * len(schema) * _CELL, self.options.megabytes
        )


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

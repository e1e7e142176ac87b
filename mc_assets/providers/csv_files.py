"""CSV files: one per symbol, or a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from engine.calendar import TIMEFRAMES
from mc_assets.providers.base import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    Provider,
    RawTable,
)
from mc_assets.providers.csv_text import read_text_table
from mc_assets.providers.errors import MarketDataError

__all__ = ["CsvOptions", "CsvProvider", "FileOptions", "files_of"]


class FileOptions(BaseModel):
    """Options of a provider that reads files.

    Parameters
    ----------
    path : str
        A file or a folder; ``{symbol}`` and ``{timeframe}`` are filled in. A relative path
        starts at the folder of the series file. In a folder, the files whose name is the
        symbol, or starts with it and a ``_`` ``-`` or ``.``, belong to it.
    columns : dict
        Canonical name to the file's column, where the guess is wrong.
    timezone : str, optional
        Zone of stamps without one; the exchange's by default.
    stamp : {"open", "end"}, optional
        Which end of the bar is stamped.
    date_format : str, optional
        ``strptime`` format of the stamps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    columns: dict[str, str] = {}
    timezone: str | None = None
    stamp: Literal["open", "end"] | None = None
    date_format: str | None = None


class CsvOptions(FileOptions):
    """Options of the CSV provider: those of files, and how numbers are written.

    Parameters
    ----------
    delimiter : str, optional
        Guessed by default.
    decimal : {".", ","}, optional
        Guessed by default.
    """

    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None


class CsvProvider(Provider):
    """Reads CSV files in any common layout; nothing is interpreted before normalisation."""

    name: ClassVar[str] = "csv"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(TIMEFRAMES), adjustments=("raw", "split", "dividend", "all")
    )
    Options: ClassVar[type[BaseModel]] = CsvOptions
    options: CsvOptions

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
                result.failures[symbol] = FetchError(f"csv {symbol}: {error}")
        return result

    def _table(self, symbol: str, timeframe: str, adjustment: str) -> RawTable:
        frames = []
        delimiter = ","
        for path in files_of(self.options.path, symbol, timeframe, self.folder, ("csv", "txt")):
            frame, delimiter = read_text_table(path, self.options.delimiter)
            frames.append(frame)
        layout = Layout(
            columns=self.options.columns,
            timezone=self.options.timezone,
            stamp=self.options.stamp,
            date_format=self.options.date_format,
            decimal=self.options.decimal,
            delimiter=delimiter,
        )
        frame = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
        return RawTable(symbol, timeframe, frame, self.name, adjustment, layout)


def files_of(
    pattern: str, symbol: str, timeframe: str, folder: Path, endings: tuple[str, ...]
) -> list[Path]:
    """Files of a symbol, sorted by name.

    Parameters
    ----------
    pattern : str
        The configured path.
    symbol, timeframe : str
        What ``{symbol}`` and ``{timeframe}`` stand for.
    folder : Path
        Where a relative path starts.
    endings : tuple of str
        File name endings looked for in a folder, without dot; ``.gz`` may follow.

    Raises
    ------
    MarketDataError
        If there is no such file.
    """
    filled = pattern.replace("{symbol}", symbol).replace("{timeframe}", timeframe)
    path = (folder / Path(filled).expanduser()).resolve()
    if path.is_file():
        return [path]
    if path.is_dir():
        stems = tuple(f"{symbol.lower()}{mark}" for mark in "_-.")
        ends = tuple(f".{end}{gz}" for end in endings for gz in ("", ".gz"))
        found = sorted(
            file
            for file in path.iterdir()
            if file.name.lower().startswith(stems) and file.name.lower().endswith(ends)
        )
        if found:
            return found
        raise MarketDataError(
            f"{path}: found no file of {symbol!r}, allowed {symbol}.{endings[0]} in that folder"
        )
    raise MarketDataError(f"path: found {path}, which is no file or folder, allowed one")

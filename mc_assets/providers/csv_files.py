"""CSV files: one per symbol, or a folder of them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from pydantic import BaseModel, Field

from engine.tables.csv_text import NumberColumns, read_text_table
from mc_assets.providers.base import Layout
from mc_assets.providers.files import FileOptions, FileProvider

__all__ = ["CsvOptions", "CsvProvider"]


class CsvOptions(FileOptions):
    """Options of the CSV provider: file options and number formats.

    Parameters
    ----------
    delimiter : str, optional
        Guessed by default.
    decimal : {".", ","}, optional
        Guessed by default.
    ticks : bool, optional
        Whether prices such as ``110'165`` are points and 32nds (110.515625) rather than grouped
        thousands. By default yes, unless the file holds a price such as ``1'234.50``.
    """

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    ticks: bool | None = None


class CsvProvider(FileProvider):
    """Reads CSV files in any common layout; nothing is interpreted before normalisation."""

    name: ClassVar[str] = "csv"
    endings: ClassVar[tuple[str, ...]] = ("csv", "txt")
    Options: ClassVar[type[BaseModel]] = CsvOptions
    options: CsvOptions

    def _read(self, path: Path, numbers: NumberColumns | None) -> tuple[pl.DataFrame, str]:
        if self.options.decimal == ",":
            numbers = None
        return read_text_table(path, self.options.delimiter, numbers, self.options.megabytes)

    def _layout(self) -> Layout:
        told = {"decimal": self.options.decimal, "ticks": self.options.ticks}
        return super()._layout().model_copy(update=told)

"""Tables that grow by as-of date: one Parquet file per series and year of dates."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import polars as pl

__all__ = ["AsOfTable"]

_KEY = ["symbol", "timeframe", "as_of", "model"]


class AsOfTable:
    """Rows under ``<data>/NAME/SERIES/YEAR.parquet``.

    Parameters
    ----------
    data : Path
        The data folder.
    name : str
        Name of the table.
    schema : polars.Schema
        Its columns, ``symbol``, ``timeframe``, ``as_of`` and ``model`` among them.
    """

    def __init__(self, data: Path, name: str, schema: pl.Schema) -> None:
        self.root = data / name
        self.schema = schema

    def write(self, rows: list[dict[str, object]]) -> int:
        """Add rows, replacing those of the same series, date and model; return how many.

        A file is replaced whole by a rename, so a reader sees the old one or the new one. Two
        writers of the same series must not run at once (the asset's pool sees to it).
        """
        frame = pl.DataFrame(rows, schema=self.schema)
        for (symbol, timeframe, year), part in frame.group_by(
            "symbol", "timeframe", pl.col("as_of").dt.year(), maintain_order=True
        ):
            path = self._folder(str(symbol), str(timeframe)) / f"{year}.parquet"
            if path.exists():
                part = pl.concat([self._read(path).join(part, on=_KEY, how="anti"), part])
            part = part.sort("as_of", "model", maintain_order=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_parquet(temporary, compression="zstd")
            os.replace(temporary, path)
        return frame.height

    def read(self, symbol: str, timeframe: str) -> pl.DataFrame:
        """All rows of a series, oldest date first."""
        files = sorted(self._folder(symbol, timeframe).glob("*.parquet"))
        if not files:
            return self.schema.to_frame()
        return pl.concat([self._read(file) for file in files])

    def _read(self, file: Path) -> pl.DataFrame:
        """Read a file; a column that the table did not have when it was written is null."""
        return pl.read_parquet(file, schema=self.schema, missing_columns="insert")

    def _folder(self, symbol: str, timeframe: str) -> Path:
        return self.root / quote(f"{symbol}@{timeframe}", safe="@")

"""Tables that grow by as-of date: one Parquet file per series and year of dates."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path
from urllib.parse import quote

import polars as pl

from engine.files import DamagedFile, read_parquet, set_aside, write_whole
from engine.files.writing import parquet_bytes

__all__ = ["AsOfTable", "stored_dates"]

log = logging.getLogger(__name__)

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
        self.data = data
        self.root = data / name
        self.schema = schema

    def write(self, rows: list[dict[str, object]]) -> int:
        """Add rows, replacing those of the same series, date and model; return how many.

        A file is replaced whole by a rename, so a reader sees the old one or the new one. Two
        writers of the same series must not run at once (the asset's pool sees to it). A damaged
        file stays beside the new one under another name, and its other dates are made again.
        """
        frame = pl.DataFrame(rows, schema=self.schema)
        for (symbol, timeframe, year), part in frame.group_by(
            "symbol", "timeframe", pl.col("as_of").dt.year(), maintain_order=True
        ):
            path = self.folder(str(symbol), str(timeframe)) / f"{year}.parquet"
            if path.exists():
                try:
                    part = pl.concat([self._read(path).join(part, on=_KEY, how="anti"), part])
                except DamagedFile as damage:
                    log.warning("%s; it lies at %s now", damage, set_aside(path))
            part = part.sort("as_of", "model", maintain_order=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, parquet_bytes(part))
        return frame.height

    def read(self, symbol: str, timeframe: str, *, allow_damaged: bool = False) -> pl.DataFrame:
        """All rows of a series, oldest date first.

        Parameters
        ----------
        symbol, timeframe : str
            The series.
        allow_damaged : bool
            Leave damaged files out with a warning, where what is asked is no estimate.

        Raises
        ------
        DamagedFile
            If a file is not what was written.
        """
        frames = [self.schema.to_frame()]
        for file in sorted(self.folder(symbol, timeframe).glob("*.parquet")):
            try:
                frames.append(self._read(file))
            except DamagedFile as damage:
                if not allow_damaged:
                    raise
                log.warning("%s; its dates are left out", damage)
        return pl.concat(frames)

    def _read(self, file: Path) -> pl.DataFrame:
        """Read a file; a column that the table did not have when it was written is null."""
        return read_parquet(self.data, file, schema=self.schema, missing_columns="insert")

    def folder(self, symbol: str, timeframe: str) -> Path:
        """Folder of a series; it need not exist."""
        return self.root / quote(f"{symbol}@{timeframe}", safe="@")


def stored_dates(data: Path, name: str, symbol: str, timeframe: str) -> set[datetime.date]:
    """Return the dates that a table holds rows of a series for; those of damaged files not."""
    table = AsOfTable(data, name, pl.Schema({"as_of": pl.Date}))
    found: set[datetime.date] = set()
    for file in sorted(table.folder(symbol, timeframe).glob("*.parquet")):
        try:
            found |= set(read_parquet(data, file, columns=["as_of"])["as_of"].unique())
        except DamagedFile:
            continue
    return found

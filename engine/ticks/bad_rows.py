"""The file of rows that were set aside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow.parquet as pq

from engine.files import SEAL, UNSEALED
from engine.files.seal import seal_file
from engine.ticks.quarantine import BAD_TICKS_SCHEMA

__all__ = ["BadRows"]


class BadRows:
    """A file of rows that were set aside, whole or not at all; none where there are none.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._writer: Any = None

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows in `BAD_TICKS_SCHEMA`."""
        table = rows.select(list(BAD_TICKS_SCHEMA)).to_arrow()
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._temporary, table.schema, compression="zstd")
        self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is not None:
            self._writer.add_key_value_metadata({SEAL: UNSEALED})
            self._writer.close()
        if kind is None and self._writer is not None:
            seal_file(self._temporary)
            os.replace(self._temporary, self.path)
        elif kind is None:
            self.path.unlink(missing_ok=True)
        self._temporary.unlink(missing_ok=True)

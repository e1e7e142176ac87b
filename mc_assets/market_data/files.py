"""Paths of tables under the data root, and atomic writing."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from engine.files.writing import parquet_bytes

__all__ = ["symbol_folder", "symbol_of", "write_parquet", "years_of"]


def symbol_folder(root: Path, table: str, symbol: str, timeframe: str) -> Path:
    """Folder of one series in one table: ``root/table/timeframe/symbol``.

    A symbol such as ``BTC/USD`` is percent-encoded, so any symbol is one folder.
    """
    return root / table / timeframe / quote(symbol, safe="")


def symbol_of(folder: Path) -> str:
    """Return the symbol a folder of `symbol_folder` stands for."""
    return unquote(folder.name)


def years_of(folder: Path) -> list[int]:
    """Years that have a file in `folder`, sorted."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.parquet"))


def write_parquet(frame: pl.DataFrame, path: Path, footer: dict[str, str] | None = None) -> bool:
    """Write a table atomically and sealed: a temporary name, then a rename.

    Parameters
    ----------
    frame : polars.DataFrame
        The table.
    path : Path
        Its file; folders are made.
    footer : dict, optional
        Key-value pairs for the file's footer, so that what describes the table can never
        part from it.

    Returns
    -------
    bool
        False if the file held these very bytes already; it is not touched then.
    """
    content = parquet_bytes(frame, footer=footer)
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True

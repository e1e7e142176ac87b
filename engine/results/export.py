"""Writing rows to one file of another kind, whole or not at all."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl

from engine.jobs.errors import StorageError, storage_reason

__all__ = ["write_sqlite", "write_whole"]

_BATCH = 65_536


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let `write` make a temporary file and rename it to `path`.

    Raises
    ------
    StorageError
        If it cannot be written; names the file and the reason.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except sqlite3.OperationalError as error:
        raise StorageError(errno.EIO, f"cannot write {path}: {error}") from error
    except OSError as error:
        raise StorageError(error.errno, f"cannot write {path}: {storage_reason(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def write_sqlite(rows: pl.LazyFrame, path: Path) -> None:
    """Write rows to the table ``simulations`` of a new SQLite file.

    Seeds become text: SQLite's whole numbers end below 2**63.
    """
    schema = rows.collect_schema()
    names, marks = [], ", ".join("?" * len(schema))
    for name, kind in schema.items():
        affinity = "INTEGER" if kind.is_integer() else "REAL" if kind.is_float() else "TEXT"
        names.append(f'"{name}" {"TEXT" if kind == pl.UInt64 else affinity}')
    casts = [
        pl.col(name).cast(pl.String) if kind == pl.UInt64 else pl.col(name)
        for name, kind in schema.items()
    ]
    connection = sqlite3.connect(path)
    try:
        # The file is new and is thrown away if something fails: there is nothing to roll back to.
        connection.execute("PRAGMA journal_mode = OFF")
        with connection:
            connection.execute(f"CREATE TABLE simulations ({', '.join(names)})")
            for batch in rows.select(casts).collect_batches(chunk_size=_BATCH):
                connection.executemany(f"INSERT INTO simulations VALUES ({marks})", batch.rows())
    finally:
        connection.close()

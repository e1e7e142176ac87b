"""Parquet files of others, read within limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from engine.tables.errors import MarketDataError
from engine.tables.text_bytes import MEGABYTES, check_size

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_types", "parquet_table"]

_MOST_COLUMNS: Final = 10_000
# Bytes of a number in memory.
_CELL: Final = 8


def parquet_table(path: Path, megabytes: float = MEGABYTES) -> pl.DataFrame:
    """Return a Parquet file as a table.

    PyArrow reads it: a few flipped bits let the reader of Polars end the process.

    Parameters
    ----------
    path : Path
        The file.
    megabytes : float
        Largest size of the file, and of its cells in memory.

    Raises
    ------
    MarketDataError
        If the file is damaged, is no Parquet, or is too large; judged by its footer before it is
        read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "quotes.parquet"
    >>> pl.DataFrame({"bid": [9.5, 9.75]}).write_parquet(path)
    >>> parquet_table(path)["bid"].to_list()
    [9.5, 9.75]
    >>> _ = path.write_bytes(path.read_bytes()[:-9])
    >>> parquet_table(path)
    Traceback (most recent call last):
    ...
    engine.tables.errors.MarketDataError: quotes.parquet: found a file that is not Parquet...
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_size(path.name, path.stat().st_size, megabytes)
    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            rows, columns = file.metadata.num_rows, len(file.schema_arrow)
            if columns > _MOST_COLUMNS:
                allowed = f"up to {_MOST_COLUMNS:,}"
                raise MarketDataError(path.name, f"{columns:,} columns", allowed)
            check_size(f"{path.name}: {rows:,} rows", rows * columns * _CELL, megabytes)
            read = file.read()
        # Text that is no UTF-8, or places outside of a column.
        read.validate(full=True)
        check_types(read.schema, path.name)
        # What else a footer says of columns lets Polars panic, too, and is left out.
        frame = pl.from_arrow(pa.Table.from_arrays(read.columns, names=read.schema.names))
    # Names in a damaged footer may be no UTF-8, its types none that there are.
    except (pa.ArrowException, OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise MarketDataError(path.name, f"a file that is not Parquet ({reason})", "one") from None
    assert isinstance(frame, pl.DataFrame)
    return frame


def check_types(schema: pa.Schema, name: str) -> None:
    """Refuse zones and names inside of types that are no UTF-8: Polars panics at them.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the file.
    name : str
        The file's name.

    Raises
    ------
    MarketDataError
        If there are any.
    """
    # PyArrow shows them with a replacement.
    if "\ufffd" in "".join(str(kind) for kind in schema.types):
        raise MarketDataError(name, "types in its footer that are no UTF-8", "some")

"""Files of quotes or trades as they came, larger than memory: their rows batch by batch."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from engine.tables.csv_text import delimiter_of
from engine.tables.errors import MarketDataError
from engine.tables.line_quotes import LineQuotes
from engine.tables.numbers import parse_number
from engine.tables.parquet_table import check_types
from engine.tables.text_bytes import only_member
from engine.ticks.columns import Kind, TickLayout
from engine.ticks.quarantine import BAD_TICKS_SCHEMA
from engine.ticks.utf8 import Utf8Stream

__all__ = ["PARQUET", "RawBatch", "raw_batches", "raw_layout"]

PARQUET: Final = (".parquet", ".pq")
# Bytes per block; short rows need fifty times their size while they are converted.
_BLOCK: Final = 2 << 20
_ROWS: Final = 200_000
# What a damaged file may raise; a zip is unpacked by Python.
_BROKEN: Final = (pa.ArrowException, OSError, EOFError, zlib.error, BadZipFile, NotImplementedError)
# Longest line of names.
_HEADER: Final = 65_536


class RawBatch(NamedTuple):
    """Rows of a file, how to read them, their numbers in it, and its rows of other lengths."""

    rows: pl.DataFrame
    layout: TickLayout
    numbers: pl.Series
    ragged: pl.DataFrame


def raw_layout(
    path: Path,
    kind: Kind | None = None,
    columns: dict[str, str] | None = None,
    symbol: str | None = None,
    exchange: str | None = None,
) -> tuple[TickLayout, pl.DataFrame]:
    """Return how a file is read, and its first rows.

    Parameters
    ----------
    path, kind, columns, symbol, exchange
        As of `raw_batches`.
    """
    first = next(raw_batches(path, kind, columns, symbol, exchange))
    return first.layout, first.rows


def raw_batches(
    path: Path,
    kind: Kind | None = None,
    columns: dict[str, str] | None = None,
    symbol: str | None = None,
    exchange: str | None = None,
) -> Iterator[RawBatch]:
    """Yield the rows of a file in bounded memory.

    Parameters
    ----------
    path : Path
        CSV (gzipped, zipped or not) or Parquet of any size.
    kind : {"quotes", "trades", "events"}, optional
        What the rows are; by default what the columns say.
    columns : dict, optional
        Canonical name to the file's column, where the guess is wrong.
    symbol, exchange : str, optional
        Whose rows to read, of a file of several instruments or exchanges.

    Raises
    ------
    MarketDataError
        If the file cannot be read as such a table.
    """
    if not path.is_file():
        raise MarketDataError(str(path), "no such file", "CSV or Parquet")
    parquet = path.suffix.lower() in PARQUET
    layout: TickLayout | None = None
    first_row = 1 if parquet else 2
    seen = 0
    ragged: list[pa.csv.InvalidRow] = []
    # Good rows before each row of another length.
    before: list[int] = []
    delimiter = None
    if parquet:
        batches = _parquet_batches(path)
    else:
        names, delimiter = _header(path)
        batches = _csv_batches(path, names, delimiter, ragged) if names else iter(())
    for raw in batches:
        if layout is None:
            layout = TickLayout.of(raw, kind, columns or {}, path.name, delimiter, symbol, exchange)
        before += [row.number - first_row - place for place, row in enumerate(ragged, len(before))]
        places = np.arange(seen, seen + raw.height)
        numbers = pl.Series(first_row + places + np.searchsorted(before, places, "right"))
        yield RawBatch(raw, layout, numbers, _ragged_rows(ragged, path.name))
        seen += raw.height
        ragged.clear()
    if layout is None:
        raise MarketDataError(path.name, "no rows", "a header and rows")


def _header(path: Path) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV file; an empty file has no names."""
    try:
        with _opened(path) as head:
            data = head.read(_HEADER)
    except _BROKEN as error:
        raise _broken(path, error, "CSV") from None
    # A few NUL bytes are bad cells; many are another encoding, or no text.
    if 100 * data[:4096].count(0) > len(data[:4096]):
        raise MarketDataError(path.name, "text that is not UTF-8", "UTF-8")
    if len(data) == _HEADER and b"\n" not in data and b"\r" not in data:
        raise MarketDataError(f"{path.name} line 1", f"more than {_HEADER:,} bytes", "that many")
    first = data.decode("utf-8-sig", errors="replace").splitlines()
    if not first:
        return [], ","
    delimiter = delimiter_of(first[:20])
    names = [name.strip() for name in next(csv.reader(first[:1], delimiter=delimiter))]
    numbers = [name for name in names if isinstance(parse_number(name), float)]
    if 2 * len(numbers) > len(names) or len(set(names)) < len(names):
        raise MarketDataError(
            f"{path.name} line 1", repr(first[0][:80]), "the names of the columns"
        )
    return names, delimiter


@contextmanager
def _opened(path: Path) -> Iterator[pa.NativeFile]:
    """Open a file decompressed; pyarrow handles all compressions but zip."""
    if path.suffix.lower() != ".zip":
        with pa.input_stream(str(path)) as stream:
            yield stream
        return
    try:
        with ZipFile(path) as archive:
            member = only_member(archive, path.name)
            with archive.open(member) as unpacked, pa.PythonFile(unpacked) as stream:
                yield stream
    except BadZipFile as error:
        raise _broken(path, error, "CSV") from None


def _broken(path: Path, error: Exception, allowed: str) -> MarketDataError:
    reason = str(error).splitlines()[0]
    return MarketDataError(path.name, f"a broken file ({reason})", allowed)


def _csv_batches(
    path: Path, names: list[str], delimiter: str, ragged: list[pa.csv.InvalidRow]
) -> Iterator[pl.DataFrame]:
    """Blocks of a CSV file as strings."""

    def pass_over(row: pa.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        with (
            _opened(path) as raw,
            pa.PythonFile(LineQuotes(Utf8Stream(raw), delimiter), mode="r") as stream,
        ):
            reader = pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(
                    block_size=_BLOCK, use_threads=False, column_names=names, skip_rows=1
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=delimiter, invalid_row_handler=pass_over
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
                ),
            )
            for batch in reader:
                yield _frame(batch)
    except _BROKEN as error:
        if "straddling" in str(error):
            found = f"a line of more than {_BLOCK:,} bytes"
            raise MarketDataError(path.name, found, "up to that many") from None
        raise _broken(path, error, "CSV") from None


def _parquet_batches(path: Path) -> Iterator[pl.DataFrame]:
    try:
        with pa.parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            check_types(file.schema_arrow, path.name)
            for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
                batch.validate(full=True)
                yield _frame(batch)
    # Names in a damaged footer may be no UTF-8, its types and zones none that there are.
    except (pa.ArrowException, OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise _broken(path, error, "Parquet") from None


def _ragged_rows(ragged: list[pa.csv.InvalidRow], file: str) -> pl.DataFrame:
    records = [
        {
            "file": file,
            "row": row.number,
            "reason": "bad_row",
            "message": f"row {row.number}, found {row.actual_columns} cells, allowed "
            f"{row.expected_columns}",
            "raw": row.text,
        }
        for row in ragged
    ]
    return pl.DataFrame(records, schema=dict(BAD_TICKS_SCHEMA))


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    # Names that are no UTF-8 are an error here; in the schema that Polars takes over, a panic.
    frame = pl.from_arrow(pa.RecordBatch.from_arrays(batch.columns, names=batch.schema.names))
    assert isinstance(frame, pl.DataFrame)
    # Categorical text becomes plain text.
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))

"""Files of quotes or trades larger than memory: read, checked and written batch by batch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from engine.tables.csv_text import delimiter_of
from engine.tables.numbers import parse_number
from engine.tables.text_bytes import only_member
from mc_assets.market_data.quotes import QuoteCounts, Ticks, normalise_ticks
from mc_assets.market_data.tick_layout import BAD_TICKS_SCHEMA, Kind, TickLayout
from mc_assets.providers import MarketDataError

__all__ = ["TickReport", "iterate_ticks", "stream_ticks"]

# Bytes per block; short rows need fifty times their size while they are converted.
_BLOCK: Final = 2 << 20
_ROWS: Final = 200_000


@dataclass(frozen=True)
class TickReport:
    """What `stream_ticks` wrote.

    Parameters
    ----------
    counts : QuoteCounts
        Rows kept, quarantined, crossed, locked, one-sided and out of order.
    path, quarantine : Path
        Parquet files.
    """

    counts: QuoteCounts
    path: Path
    quarantine: Path


def stream_ticks(
    path: Path | str,
    target: Path | str,
    *,
    kind: Kind = "quotes",
    columns: dict[str, str] | None = None,
) -> TickReport:
    """Make a canonical Parquet file of a file of quotes or trades, in bounded memory.

    Parameters
    ----------
    path : Path or str
        CSV (gzipped, zipped or not) or Parquet of any size, of one instrument.
    target : Path or str
        Parquet file to write, atomically; rows that are no ticks go to
        ``<name>.quarantine.parquet`` beside it.
    kind : {"quotes", "trades"}
        What the rows are.
    columns : dict, optional
        Canonical name to the file's column, where the guess is wrong.

    Raises
    ------
    MarketDataError
        If the file cannot be read as such a table; `target` is not touched then.

    Notes
    -----
    Stamps without a zone are UTC.
    """
    target = Path(target)
    aside = target.with_name(f"{target.stem}.quarantine.parquet")
    target.parent.mkdir(parents=True, exist_ok=True)
    counts = QuoteCounts()
    temporary = [final.with_name(f".{final.name}.{os.getpid()}.tmp") for final in (target, aside)]
    try:
        with ExitStack() as stack:
            writers: list[pa.parquet.ParquetWriter] = []
            for batch in _batches(Path(path), kind, columns or {}, counts):
                tables = [part.to_arrow() for part in batch]
                if not writers:
                    writers = [
                        stack.enter_context(
                            pa.parquet.ParquetWriter(written, table.schema, compression="zstd")
                        )
                        for written, table in zip(temporary, tables, strict=True)
                    ]
                for writer, table in zip(writers, tables, strict=True):
                    if table.num_rows or writer is writers[0]:
                        writer.write_table(table)
        for written, final in zip(reversed(temporary), (aside, target), strict=True):
            written.replace(final)
    finally:
        for written in temporary:
            written.unlink(missing_ok=True)
    return TickReport(counts, target, aside)


def iterate_ticks(
    path: Path | str, *, kind: Kind = "quotes", columns: dict[str, str] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the canonical ticks of a file, batch by batch, in file order.

    Parameters
    ----------
    path, kind, columns
        As of `stream_ticks`.
    """
    for batch in _batches(Path(path), kind, columns or {}, QuoteCounts()):
        yield batch.ticks


def _batches(path: Path, kind: Kind, given: dict[str, str], counts: QuoteCounts) -> Iterator[Ticks]:
    if not path.is_file():
        raise MarketDataError(str(path), "no such file", "CSV or Parquet")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    layout: TickLayout | None = None
    row = 1 if parquet else 2
    ragged: list[pa.csv.InvalidRow] = []
    delimiter = None
    if parquet:
        batches = _parquet_batches(path)
    else:
        names, delimiter = _header(path)
        batches = _csv_batches(path, names, delimiter, ragged) if names else iter(())
    for raw in batches:
        if layout is None:
            layout = TickLayout.of(raw, kind, given, path.name, delimiter)
        batch = normalise_ticks(raw, layout, counts, row)
        row += raw.height + len(ragged)
        if ragged:
            counts.quarantined += len(ragged)
            batch = Ticks(batch.ticks, pl.concat([batch.quarantine, _ragged_rows(ragged)]))
            ragged.clear()
        yield batch
    if layout is None:
        raise MarketDataError(path.name, "no rows", "a header and rows")


def _header(path: Path) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV file; an empty file has no names."""
    try:
        with _opened(path) as head:
            data = head.read(65536)
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(path, error, "CSV") from None
    if b"\0" in data[:4096]:
        raise MarketDataError(path.name, "text that is not UTF-8", "UTF-8")
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
        with _opened(path) as stream:
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
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(path, error, "CSV") from None


def _parquet_batches(path: Path) -> Iterator[pl.DataFrame]:
    try:
        with pa.parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
                yield _frame(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(path, error, "Parquet") from None


def _ragged_rows(ragged: list[pa.csv.InvalidRow]) -> pl.DataFrame:
    records = [
        {
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
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    # Categorical text becomes plain text.
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))

"""Read delimited text without interpretation: string cells and line numbers."""

from __future__ import annotations

import csv
import mmap
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

import polars as pl

from engine.tables.csv_header import Header, commented_header, find_header
from engine.tables.errors import MarketDataError
from engine.tables.text_bytes import MEGABYTES, check_size, text_bytes

__all__ = ["NumberColumns", "delimiter_of", "read_text_table"]

#: Returns those of a table's columns that are to come as numbers.
NumberColumns = Callable[[list[str]], Collection[str]]

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEAD_ROWS: Final = 40
_HEAD_LINES: Final = 60
_SHORT: Final = 6
# Lines of price tables have about a hundred bytes; tables of all shares of an index, tens of
# thousands.
_LONGEST_LINE: Final = 262_144
_MOST_COLUMNS: Final = 10_000
# Megabytes of text with quotes, comments or ragged rows: it is read row by row and needs several
# times its size in memory.
_MOST_CAREFUL: Final = 250.0
_ROWS_AT_ONCE: Final = 50_000
# `#` starts a comment, except in spreadsheet errors such as `#REF!`.
_COMMENT: Final = re.compile(r"#(?!N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
_PLAIN: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def read_text_table(
    path: Path,
    delimiter: str | None = None,
    numbers: NumberColumns | None = None,
    megabytes: float = MEGABYTES,
) -> tuple[pl.DataFrame, str]:
    """Read a CSV file, compressed or not, without interpreting a single cell.

    Parameters
    ----------
    path : Path
        The file; UTF-8, UTF-16, UTF-32 or the Western code page of Windows.
    delimiter : str, optional
        Guessed from the first lines by default.
    numbers : callable, optional
        Columns that come as Float64 where every cell of them all is a plain number.
    megabytes : float
        Largest decompressed size of the file.

    Returns
    -------
    frame : polars.DataFrame
        String columns, plus ``_file`` (name) and ``_line`` (1 = first line of the file). A
        row with more cells than columns keeps the rest in ``_surplus``.
    delimiter : str
        What separated the cells.

    Raises
    ------
    MarketDataError
        If the file is missing, empty, binary or too large, or has a single column, too many
        columns or a line too long.
    """
    if not path.is_file():
        raise MarketDataError(str(path), "no such file", "a CSV file")
    if numbers is not None:
        # Not cached, because tables of numbers are used only once.
        return _parsed(path, delimiter, numbers, megabytes)
    status = path.stat()
    return _text(path, status.st_mtime_ns, status.st_size, delimiter, megabytes)


def delimiter_of(lines: list[str]) -> str:
    """Guess the delimiter: the one that splits most lines into the same number of cells."""

    def score(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        widest = max(set(counts), key=counts.count) if counts else 1
        return (counts.count(widest) if widest > 1 else 0, widest)

    return max(_DELIMITERS, key=score)


@lru_cache(maxsize=2)
def _text(
    path: Path, modified: int, size: int, delimiter: str | None, megabytes: float
) -> tuple[pl.DataFrame, str]:
    # Modification time and size are part of the cache key. The cache pays because a file is read
    # once per year of the series.
    del modified, size
    return _parsed(path, delimiter, None, megabytes)


def _parsed(
    path: Path, delimiter: str | None, numbers: NumberColumns | None, megabytes: float
) -> tuple[pl.DataFrame, str]:
    data = text_bytes(path, megabytes)
    _check_lines(path.name, data)
    text = data[:_LONGEST_LINE].decode("utf-8", errors="replace")
    lines = text.split("\n", _HEAD_LINES)[:_HEAD_LINES]
    if not any(line.strip() for line in lines):
        raise MarketDataError(path.name, "an empty file", "a header and rows")
    separator = delimiter or delimiter_of(lines[:20])
    width = _Width.of(lines, separator)
    head = list(islice(_rows(lines, separator, width), _HEAD_ROWS))
    header = find_header(head)
    if header.line == header.first_row:
        header = commented_header(lines[: header.line - 1], separator, header)
    if len(header.names) > _MOST_COLUMNS:
        raise MarketDataError(
            f"{path.name} line {header.line}",
            f"{len(header.names):,} columns or more",
            f"up to {_MOST_COLUMNS:,}",
        )
    if len(header.names) < 2:
        raise MarketDataError(
            f"{path.name} line {header.line}",
            f"one column {lines[0].strip()[:40]!r}",
            "a date and a price (set options.delimiter)",
        )
    frame = None
    if numbers is not None:
        frame = _fast(path, data, separator, header, _plain_numbers(header, head, numbers))
    if frame is None:
        frame = _fast(path, data, separator, header)
    if frame is None:
        check_size(
            f"{path.name}, which has quotes, comments or rows of several widths",
            len(data), min(_MOST_CAREFUL, megabytes),
        )  # fmt: skip
        frame = _careful(bytes(data), separator, header, width)
    return frame.with_columns(pl.lit(path.name).alias("_file")), separator


def _plain_numbers(
    header: Header, head: list[tuple[int, list[str]]], numbers: NumberColumns
) -> frozenset[str]:
    """Return requested columns whose cells in the first rows are all plain numbers, or none."""
    wanted = frozenset(numbers(header.names))
    places = [place for place, name in enumerate(header.names) if name in wanted]
    rows = [row for line, row in head if line >= header.first_row]
    plain = all(
        len(row) == len(header.names) and all(_PLAIN.fullmatch(row[place]) for place in places)
        for row in rows
    )
    return wanted if plain else frozenset()


def _fast(
    path: Path,
    data: mmap.mmap | bytes,
    delimiter: str,
    header: Header,
    numbers: frozenset[str] | None = None,
) -> pl.DataFrame | None:
    """Read with Polars if every line is one row; otherwise return None.

    With `numbers`, also None where a cell of these columns is not a number.
    """
    if numbers is not None and not numbers:
        return None
    start = 0
    for _ in range(header.first_row - 1):
        start = data.find(b"\n", start) + 1
    if data.find(b'"', start) >= 0:
        return None
    if not data[start : start + 4096].strip():
        return _empty(header)
    types = {name: pl.Float64 if name in (numbers or ()) else pl.String for name in header.names}
    try:
        frame = pl.read_csv(
            path if isinstance(data, mmap.mmap) else data,
            glob=False,
            separator=delimiter,
            infer_schema=False,
            schema=types if numbers else None,
            ignore_errors=bool(numbers),
            has_header=False,
            skip_lines=header.first_row - 1,
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    first = frame.to_series(0)
    # Polars returns a blank line as nulls and a comment as a first cell; neither is a row.
    if frame.width != len(header.names) or first.has_nulls():
        return None
    if first.dtype == pl.String and _has_no_row(first):
        return None
    if numbers and any(frame[name].has_nulls() for name in numbers):
        return None
    frame.columns = header.names
    return frame.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("_line") + header.first_row
    )


def _has_no_row(first: pl.Series) -> bool:
    """Whether a first cell says that its line is a comment, or blank."""
    if first.str.starts_with("#").any():
        return True
    # Checking lengths first is cheap, and few files have a short first cell.
    if first.str.len_bytes().min() >= _SHORT:  # type: ignore[operator]
        return False
    return bool((first.str.strip_chars() == "").any())


def _check_lines(name: str, data: mmap.mmap | bytes) -> None:
    """Refuse lines that are too long before parsing anything."""
    # A block without a line end proves that a line is longer than a block.
    for start in range(0, len(data) - _LONGEST_LINE, _LONGEST_LINE):
        if data.find(b"\n", start, start + _LONGEST_LINE) < 0:
            line = 1 + sum(
                data[at : at + _LONGEST_LINE].count(b"\n") for at in range(0, start, _LONGEST_LINE)
            )
            raise MarketDataError(
                f"{name} line {line:,}", f"more than {_LONGEST_LINE:,} bytes", "that many"
            )


def _careful(data: bytes, delimiter: str, header: Header, usual: _Width) -> pl.DataFrame:
    """Read with the standard library: quotes, blank lines, comments and ragged rows."""
    rows = (
        (line, row)
        for line, row in _rows(data.decode().split("\n"), delimiter, usual)
        if line >= header.first_row
    )
    frames = []
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        frames.append(_table(some, delimiter, header))
    if not frames:
        return _empty(header)
    # Only some chunks may have rows with surplus cells.
    frame = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
    if "_surplus" in frame.columns:
        frame = frame.with_columns(pl.col("_surplus").fill_null(""))
    return frame.select(pl.exclude("_line"), "_line")


def _table(some: list[tuple[int, list[str]]], delimiter: str, header: Header) -> pl.DataFrame:
    lines, rows = [line for line, _ in some], [row for _, row in some]
    width = len(header.names)
    columns = list(zip_longest(*(row[:width] for row in rows), fillvalue=""))
    columns += [("",) * len(rows)] * (width - len(columns))
    frame = pl.DataFrame(
        dict(zip(header.names, columns, strict=True)),
        schema=dict.fromkeys(header.names, pl.String),
    )
    # A trailing delimiter adds no cell; other cells beyond the header are surplus.
    surplus = [delimiter.join(cell for cell in row[width:] if cell.strip()) for row in rows]
    if any(surplus):
        frame = frame.with_columns(pl.Series("_surplus", surplus, dtype=pl.String))
    return frame.with_columns(pl.Series("_line", lines, dtype=pl.Int32))


def _empty(header: Header) -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(header.names, pl.String), "_line": pl.Int32})


@dataclass(frozen=True)
class _Width:
    """Most common number of cells per line: parsed as CSV, and split at every delimiter."""

    cells: int
    pieces: int

    @classmethod
    def of(cls, lines: list[str], delimiter: str) -> _Width:
        full = [line for line in lines if line.strip()]
        rows = (_next_row(csv.reader([line], delimiter=delimiter)) for line in full)
        return cls(
            cells=_most_frequent([len(row) for row in rows if row]),
            pieces=_most_frequent([line.count(delimiter) + 1 for line in full]),
        )


def _most_frequent(counts: list[int]) -> int:
    return max(set(counts), key=counts.count, default=1)


def _rows(lines: list[str], delimiter: str, width: _Width) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row, without comments and blank lines.

    A quote that is never closed affects only its own line.
    """
    start = 0
    while start < len(lines):
        reader = csv.reader(
            (lines[at] + "\n" for at in range(start, len(lines))), delimiter=delimiter
        )
        first, row = start, _next_row(reader)
        while row is not None:
            end = start + reader.line_num
            if end - first > 1 and not _one_row(row, lines[first + 1 : end], delimiter, width):
                break
            if any(cell.strip() for cell in row) and not _COMMENT.match(row[0]):
                yield first + 1, row
            first, row = end, _next_row(reader)
        if first < len(lines):
            yield first + 1, lines[first].split(delimiter)
        start = first + 1


def _one_row(row: list[str], further: list[str], delimiter: str, width: _Width) -> bool:
    """Whether a quoted cell that spans lines is real text rather than a stray quote."""
    return (
        len(row) == width.cells
        and all(line.count(delimiter) + 1 < width.pieces for line in further)
        and all(any(map(str.isalpha, cell)) for cell in row if "\n" in cell)
    )


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error:
        # The cell exceeds the limit of `csv`: a quote that is never closed.
        return None

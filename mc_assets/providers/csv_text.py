"""Delimited text as it is: every cell a string, every row with its line number."""

from __future__ import annotations

import csv
import gzip
import io
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Final

import polars as pl

from mc_assets.providers.errors import MarketDataError

__all__ = ["delimiter_of", "read_text_table"]

_DELIMITERS: Final = (",", ";", "\t", "|")
_GZIP_MAGIC: Final = b"\x1f\x8b"


def read_text_table(path: Path, delimiter: str | None = None) -> tuple[pl.DataFrame, str]:
    """Read a CSV file, gzipped or not, without interpreting a single cell.

    Parameters
    ----------
    path : Path
        The file; UTF-8 with or without byte-order mark, UTF-16 with one, or Latin-1.
    delimiter : str, optional
        Guessed from the first lines by default.

    Returns
    -------
    frame : polars.DataFrame
        String columns, plus ``_file`` (name) and ``_line`` (1 = first line of the file).
        A multi-row header (yfinance's) becomes one; a row with too many cells keeps the rest
        in ``_surplus``.
    delimiter : str
        What separated the cells.

    Raises
    ------
    MarketDataError
        If the file is missing, empty, binary or has no header.
    """
    if not path.is_file():
        raise MarketDataError(f"{path}: found no such file, allowed a CSV file")
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size, delimiter)


@lru_cache(maxsize=2)
def _read(path: Path, modified: int, size: int, delimiter: str | None) -> tuple[pl.DataFrame, str]:
    # The time and size are part of the cache key: one file is asked for once per year.
    data = _text_bytes(path)
    head = data[:65536].decode("utf-8", errors="replace").splitlines()
    if not any(line.strip() for line in head):
        raise MarketDataError(f"{path.name}: found an empty file, allowed a header and rows")
    separator = delimiter or delimiter_of(head[:20])
    frame = _fast(data, separator)
    if frame is None:
        frame = _careful(data, separator)
    frame = _one_header(frame)
    if frame.width < 3:
        raise MarketDataError(
            f"{path.name} line 1: found one column {head[0][:40]!r}, allowed a date and a price"
        )
    return frame.with_columns(pl.lit(path.name).alias("_file")), separator


def delimiter_of(lines: list[str]) -> str:
    """Guess the delimiter: the one that splits most lines into the same number of cells."""

    def score(delimiter: str) -> tuple[int, int]:
        counts = [len(next(csv.reader([line], delimiter=delimiter))) for line in lines if line]
        widest = max(set(counts), key=counts.count) if counts else 1
        return (counts.count(widest) if widest > 1 else 0, widest)

    return max(_DELIMITERS, key=score)


def _text_bytes(path: Path) -> bytes:
    """Return the file as UTF-8 without byte-order mark, with Unix line ends."""
    data = path.read_bytes()
    if data[:2] == _GZIP_MAGIC:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise MarketDataError(
                f"{path.name}: found a damaged gzip file ({error}), allowed a whole one"
            ) from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\x00" in data[:4096]:
        raise MarketDataError(f"{path.name}: found binary data, allowed text")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _fast(data: bytes, delimiter: str) -> pl.DataFrame | None:
    """Read with Polars, for files whose lines and rows are the same thing."""
    first_line, _, rest = data.partition(b"\n")
    if b'"' in rest or b"\n\n" in data or data.startswith((b"\n", b"#")):
        return None
    names = next(csv.reader([first_line.decode()], delimiter=delimiter))
    if _unnamed(names):
        return None
    try:
        frame = pl.read_csv(
            data,
            separator=delimiter,
            infer_schema=False,
            has_header=False,
            skip_lines=1,
            new_columns=_unique(names),
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.width != len(names):
        return None
    return frame.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.Int32).alias("_line"))


def _careful(data: bytes, delimiter: str) -> pl.DataFrame:
    """Read with the standard library: quotes, blank lines, comments and ragged rows."""
    reader = csv.reader(io.StringIO(data.decode()), delimiter=delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    for row in reader:
        if row and any(cell.strip() for cell in row) and not row[0].startswith("#"):
            rows.append(row)
            lines.append(line)
        line = reader.line_num + 1
    names = rows[0] if rows else []
    if _unnamed(names):
        names = [f"column_{number + 1}" for number in range(len(names))]
    else:
        rows, lines = rows[1:], lines[1:]
    width = len(names)
    columns = list(zip_longest(*(row[:width] for row in rows), fillvalue=""))
    columns += [("",) * len(rows)] * (width - len(columns))
    frame = pl.DataFrame(
        dict(zip(_unique(names), columns, strict=True)),
        schema=dict.fromkeys(_unique(names), pl.String),
    )
    surplus = [delimiter.join(row[width:]) for row in rows]
    if any(surplus):
        frame = frame.with_columns(pl.Series("_surplus", surplus, dtype=pl.String))
    return frame.with_columns(pl.Series("_line", lines, dtype=pl.Int32))


def _unnamed(names: list[str]) -> bool:
    """Whether the first row is data already: it has a number where a name should be."""
    return any(cell.strip().replace(".", "", 1).lstrip("-").isdigit() for cell in names[1:])


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for number, raw in enumerate(names):
        name = raw.strip() or f"column_{number + 1}"
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique.append(name if count == 0 else f"{name}_{count + 1}")
    return unique


def _one_header(frame: pl.DataFrame) -> pl.DataFrame:
    """Undo yfinance's header rows: ``Price,...`` / ``Ticker,SPY,...`` / ``Date,,...``.

    With `group_by="ticker"` the ticker stands in the first row and the field in the second.
    Columns of several tickers become ``Field|TICKER``; of one ticker, ``Field``.
    """
    first = frame.columns[0]
    if frame.height < 1 or first.lower() not in ("price", "ticker", "attributes"):
        return frame
    second = str(frame[first][0]).strip()
    if second.lower() not in ("ticker", "price", "symbols"):
        return frame
    data = [name for name in frame.columns if not name.startswith("_")]
    upper = [name.rsplit("_", 1)[0] if _is_repeat(name, data) else name for name in data[1:]]
    lower = [str(cell).strip() for cell in frame.row(0)[1 : len(data)]]
    fields, tickers = (lower, upper) if first.lower() == "ticker" else (upper, lower)
    several = len(set(tickers)) > 1
    names = [f"{f}|{t}" if several else f for f, t in zip(fields, tickers, strict=True)]
    index = "Date"
    skip = 1
    if frame.height > 1 and not any(str(cell).strip() for cell in frame.row(1)[1 : len(data)]):
        index = str(frame[first][1]).strip() or index
        skip = 2
    renamed = dict(zip(data, [index, *names], strict=True))
    return frame.slice(skip).rename(renamed)


def _is_repeat(name: str, names: list[str]) -> bool:
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem in names

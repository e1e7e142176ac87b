"""Files of option chains, in whatever layout, as one table of rows per option."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from engine.errors import Refusal
from engine.options.chain_rows import chain_rows
from engine.tables.line_quotes import close_quotes
from engine.tables.parquet_table import parquet_table
from engine.tables.text_bytes import text_bytes

__all__ = ["read_chain_files"]

_TABLES: Final = (".csv", ".txt", ".gz", ".parquet", ".zip")
# An archive of this much text, unpacked, is no day of quotes; nor is one of so much more than its
# own size, where it is not small.
_LARGEST: Final = 2 * 1024**3
_RATIO: Final = 200
_SMALL: Final = 16_000_000
# What a damaged file may raise.
_BROKEN: Final = (
    *(pl.exceptions.PolarsError, zipfile.BadZipFile, zlib.error),
    *(OSError, EOFError, UnicodeDecodeError, NotImplementedError, RuntimeError),
)
#: 20151224_goog_minute_quote_american_call_7500000_20160115.csv
_LEAN: Final = re.compile(
    r"(?P<day>\d{8})_(?P<underlying>[^_]+)_(?:minute|second)_(?P<kind>quote|trade|openinterest)_"
    r"(?:american|european)_(?P<right>call|put)_(?P<strike>\d+)_(?P<expiry>\d{8})\.csv$"
)
_LEAN_SCALE: Final = 10_000.0
_LEAN_COLUMNS: Final = (
    *("ms", "bid_open", "bid_high", "bid_low", "bid", "bid_size"),
    *("ask_open", "ask_high", "ask_low", "ask", "ask_size"),
)


def read_chain_files(
    path: Path, *, zone: str, as_of: datetime | None, underlying: str | None
) -> pl.DataFrame:
    """Read a file, an archive of files or a folder of them.

    Parameters
    ----------
    path : Path
        CSV (also compressed), Parquet, a zip archive of these, an archive of Lean's, or a folder.
    zone : str
        IANA zone of stamps that carry none.
    as_of : datetime, optional
        Instant of the quotes, for files that have no column of it.
    underlying : str, optional
        Name of the underlying, for files that have none.

    Returns
    -------
    polars.DataFrame
        As of `engine.options.chain_rows.chain_rows`.

    Raises
    ------
    Refusal
        If there is no file, or one cannot be read as a chain; it names the file.
    """
    if not path.exists():
        raise Refusal("path", "no file or folder of that name", file=path)
    frames = []
    for file, name, table in _tables(path, zone):
        try:
            frames.append(chain_rows(table, zone=zone, as_of=as_of, underlying=underlying))
        except Refusal as refusal:
            place = file if name is None else file / name
            raise refusal.in_file(place) from None
    if not frames:
        raise Refusal(
            "path", "nothing that could be a chain", f"files {', '.join(_TABLES)}", file=path
        )
    return pl.concat(frames)


def _tables(path: Path, zone: str) -> Iterator[tuple[Path, str | None, pl.DataFrame]]:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in _TABLES:
                yield from _tables(file, zone)
        return
    suffix = path.suffix.lower()
    try:
        if suffix == ".zip":
            yield from _archive(path, zone)
        elif suffix == ".parquet":
            yield path, None, parquet_table(path, _LARGEST / 1e6)
        else:
            yield path, None, _csv(bytes(text_bytes(path)))
    except _BROKEN as error:
        first = str(error).partition("\n")[0]
        raise Refusal(
            "content", f"cannot be read as {suffix or 'a table'}: {first}", file=path
        ) from None


def _archive(path: Path, zone: str) -> Iterator[tuple[Path, str | None, pl.DataFrame]]:
    with zipfile.ZipFile(path) as archive:
        entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > min(_LARGEST, max(_SMALL, _RATIO * path.stat().st_size)):
            found = f"{unpacked:,} bytes unpacked"
            raise Refusal("content", found, "the files of a day", file=path)
        lean = [(entry, _LEAN.search(entry.filename)) for entry in entries]
        if any(match for _, match in lean):
            scaled = not _is_of_futures(path)
            rows = [
                _lean_rows(archive.read(entry), match, zone, scaled)
                for entry, match in lean
                if match and match["kind"] == "quote"
            ]
            if rows:
                yield path, None, pl.concat(rows)
            return
        for entry in entries:
            if Path(entry.filename).suffix.lower() in (".csv", ".txt"):
                yield path, entry.filename, _csv(archive.read(entry))


def _is_of_futures(path: Path) -> bool:
    """Return whether an archive is of options on futures, whose prices are plain."""
    return "futureoption" in (part.lower() for part in path.parts)


def _lean_rows(content: bytes, match: re.Match[str], zone: str, scaled: bool) -> pl.DataFrame:
    """Return the bars of one contract: the last bid and ask of each minute, at its end.

    Prices of options on shares and indices are multiplied by 10,000 in these files, as are strikes.
    """
    scale = _LEAN_SCALE if scaled else 1.0
    table = pl.read_csv(
        io.BytesIO(content),
        has_header=False,
        new_columns=list(_LEAN_COLUMNS),
        schema_overrides=dict.fromkeys(_LEAN_COLUMNS, pl.Float64),
    )
    day = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=ZoneInfo(zone))
    begins = pl.lit(day.replace(tzinfo=None)) + pl.duration(
        milliseconds=pl.col("ms").cast(pl.Int64)
    )
    return table.select(
        timestamp=(begins + timedelta(minutes=1)),
        underlying=pl.lit(match["underlying"].upper()),
        expiry=pl.lit(match["expiry"]),
        strike=pl.lit(float(match["strike"]) / _LEAN_SCALE),
        right=pl.lit(match["right"]),
        bid=pl.col("bid") / scale,
        ask=pl.col("ask") / scale,
        bid_size=pl.col("bid_size"),
        ask_size=pl.col("ask_size"),
    )


def _csv(content: bytes) -> pl.DataFrame:
    """Read text with a header; cells stay text, so that one odd value does not decide a column."""
    head = content[:4096].partition(b"\n")[0]
    separator = max((b",", b";", b"\t", b"|"), key=head.count).decode()
    text = close_quotes(content, separator)
    table = pl.read_csv(io.BytesIO(text), separator=separator, infer_schema=False)
    names = {name: name.strip() for name in table.columns}
    return table.rename(names).with_columns(pl.all().str.strip_chars())

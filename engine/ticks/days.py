"""Days of canonical ticks in a data folder: a file for each symbol and day."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Refusal
from engine.files import DamagedFile, verified_files
from engine.ticks.bad_rows import BadRows
from engine.ticks.canonical import CanonicalWriter, canonical_footer
from engine.ticks.chunk import TickChunk
from engine.ticks.files import RawTicks, TickReport
from engine.ticks.stream import STORED_TICKS, FileTicks
from engine.ticks.subsets import DAY_NS, day_number

__all__ = ["StoredDay", "stored_days", "stored_ticks", "tick_folder", "write_days"]

_QUARANTINE = "ticks_quarantine"
_LEFT_SECONDS = 86_400.0


@dataclass(frozen=True)
class StoredDay:
    """A day of ticks in a data folder.

    Parameters
    ----------
    symbol, exchange : str
        Of the events.
    day : datetime.date
        UTC.
    events : int
        How many there are.
    first, last : int
        Their first and last stamps, nanoseconds since 1970-01-01 UTC.
    content : str
        Hash of them.
    path : Path
        The file.
    """

    symbol: str
    exchange: str
    day: date
    events: int
    first: int
    last: int
    content: str
    path: Path


def tick_folder(data: Path, symbol: str, exchange: str, folder: str = STORED_TICKS) -> Path:
    """Return where the days of a symbol lie under a data folder.

    Parameters
    ----------
    data : Path
        The data folder.
    symbol, exchange : str
        Names; what no file may be called is written as in an address.
    folder : str
        Kind of file.
    """
    return data / folder / _file_name(exchange) / _file_name(symbol)


def write_days(
    raw: RawTicks, data: Path, label: str, *, only: Collection[date] | None = None
) -> tuple[list[StoredDay], TickReport, Path | None]:
    """Normalise raw files and store each day (UTC) of them, in place of what was stored of it.

    Parameters
    ----------
    raw : RawTicks
        The files.
    data : Path
        The data folder.
    label : str
        Name of the file of rows that are no events.
    only : collection of datetime.date, optional
        Days to store; the others are read and left out.

    Returns
    -------
    days : list of StoredDay
        Those stored, in their order.
    report : TickReport
        What was found.
    quarantine : Path or None
        Rows that are no events, if there are any.

    Raises
    ------
    Refusal
        If a file cannot be used; no day is touched then.
    """
    home = tick_folder(data, raw.symbol, raw.exchange)
    staging = home / f".{os.getpid()}.import"
    aside = tick_folder(data, raw.symbol, raw.exchange, _QUARANTINE) / f"{_plain(label)}.parquet"
    wanted = None if only is None else {day_number(day) for day in only}
    _sweep(home)
    try:
        with ExitStack() as stack:
            bad = stack.enter_context(BadRows(aside))
            writer: CanonicalWriter | None = None
            open_day = -1
            inner = stack.enter_context(ExitStack())
            for day, chunk in _by_day(raw.chunks(bad.add)):
                if wanted is not None and day not in wanted:
                    continue
                if writer is None or day != open_day:
                    inner.close()
                    name = f"{_date_of(day)}.parquet"
                    writer = CanonicalWriter(staging / name, raw.symbol, raw.exchange)
                    inner.enter_context(writer)
                    open_day = day
                writer.write(chunk)
        found = []
        for path in sorted(staging.glob("*.parquet")):
            os.replace(path, home / path.name)
            found.append(_stored(home / path.name))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return found, raw.report, aside if aside.exists() else None


def stored_days(data: Path) -> list[StoredDay]:
    """Return the days of ticks in a data folder, by exchange, symbol and day.

    Parameters
    ----------
    data : Path
        The data folder.

    Raises
    ------
    DamagedFile
        If a file is not what was written.
    """
    paths = sorted((data / STORED_TICKS).glob("*/*/*.parquet"))
    reasons = verified_files(data).damages((path, None) for path in paths)
    for path, reason in zip(paths, reasons, strict=True):
        if reason is not None:
            raise DamagedFile(path, reason)
    return [_stored(path) for path in paths]


def stored_ticks(
    data: Path,
    symbol: str,
    *,
    exchange: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> FileTicks:
    """Return the stored days of a symbol as one stream.

    Parameters
    ----------
    data : Path
        The data folder.
    symbol : str
        Name of the instrument.
    exchange : str, optional
        Where the symbol is stored of several.
    first, last : datetime.date, optional
        Days to begin and end with.

    Raises
    ------
    Refusal
        If no such day is stored, or the symbol is of several exchanges, or a file is damaged.
    """
    days = [day for day in stored_days(data) if day.symbol == symbol]
    venues = sorted({day.exchange for day in days})
    if exchange is None and len(venues) > 1:
        raise Refusal("exchange", "none", f"one of {', '.join(venues)}")
    paths = [
        day.path
        for day in days
        if exchange in (None, day.exchange)
        and (first is None or day.day >= first)
        and (last is None or day.day <= last)
    ]
    if not paths:
        names = sorted({day.symbol for day in stored_days(data)})
        raise Refusal(
            "ticks",
            f"no stored day of {symbol}",
            ", ".join(names) or "a symbol whose ticks are stored",
            hint="`mc ticks import FILE --symbol NAME` stores some",
        )
    return FileTicks(paths)


def _sweep(home: Path) -> None:
    """Remove what imports that were killed left behind long ago; a younger one may be at work."""
    for left in home.glob(".*.import"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _by_day(chunks: Iterator[TickChunk]) -> Iterator[tuple[int, TickChunk]]:
    """Cut chunks at midnight UTC."""
    for chunk in chunks:
        days = chunk.stamps // DAY_NS
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(chunk)]
        for begin, end in pairwise(edges):
            yield int(days[begin]), chunk.part(begin, end)


def _date_of(day: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day)


def _stored(path: Path) -> StoredDay:
    footer: dict[str, Any] | None = canonical_footer(path)
    if footer is None:
        raise DamagedFile(path, "is damaged: it is no canonical file of ticks")
    return StoredDay(
        footer["symbol"], footer["exchange"], date.fromisoformat(path.stem),
        footer["events"], footer["first"], footer["last"], footer["content"], path,
    )  # fmt: skip


def _file_name(name: str) -> str:
    """Write what no file may be called as in an address."""
    return re.sub(
        r"[^A-Za-z0-9_.-]|^\.+$",
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()),
        name,
    )


def _plain(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", label)[:100]

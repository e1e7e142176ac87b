"""Streams of ticks from files: canonical ones as they are, others normalised first."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from engine.errors import Refusal
from engine.files import DamagedFile, verified_files
from engine.files.seal import is_whole_file
from engine.ticks.bad_rows import BadRows
from engine.ticks.canonical import CanonicalWriter, ahead, canonical_footer, chained
from engine.ticks.chunk import TickChunk, TickStream
from engine.ticks.files import RawTicks, TickReport, tick_files
from engine.ticks.merge import MergedTicks

__all__ = ["STORED_TICKS", "FileTicks", "normalise_file", "read_ticks"]

log = logging.getLogger(__name__)

#: Folder of a data root whose folders, exchange and symbol, hold a file for each day.
STORED_TICKS: Final = "ticks"

# A file that was made under other rules is made again.
_RULES: Final = 2
_BLOCK: Final = 1 << 20


class FileTicks:
    """Canonical files of one symbol as a stream; a thread decodes ahead of whoever reads.

    Parameters
    ----------
    paths : sequence of Path
        Canonical files, such as days.

    Raises
    ------
    Refusal
        If a file is not canonical, of another symbol, or begins before the one before it ends.

    Examples
    --------
    >>> import engine as mc
    >>> ticks = mc.read_ticks(mc.sample_ticks())
    >>> ticks.symbols
    ('SYNTH',)
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        footers = [(path, _footer(path)) for path in paths]
        footers = [entry for entry in footers if entry[1]["events"]] or footers[:1]
        if not footers:
            raise Refusal("ticks", "no file", "at least one")
        footers.sort(key=lambda entry: entry[1]["first"] or 0)
        names = sorted({footer["symbol"] for _, footer in footers})
        if len(names) > 1:
            raise Refusal("ticks", f"files of {' and '.join(names[:2])}", "files of one symbol")
        for (_, before), (path, after) in pairwise(footers):
            if after["first"] < before["last"]:
                raise Refusal(
                    "ticks", "it begins before the file before it ends", file=path,
                    hint="keep files that do not overlap",
                )  # fmt: skip
        self.symbols = (names[0],)
        self.exchange: str = footers[0][1]["exchange"]
        self.first: int | None = footers[0][1]["first"]
        self.last: int | None = footers[-1][1]["last"]
        self.parts = [(path, int(footer["events"])) for path, footer in footers]
        self._lasts = [footer["last"] for _, footer in footers]
        self._contents = [footer["content"] for _, footer in footers]

    @property
    def events(self) -> int:
        """Count of events."""
        return sum(events for _, events in self.parts)

    @property
    def identity(self) -> str:
        """Hash of the content of the files."""
        return hashlib.sha256(repr((self.symbols, self._contents)).encode()).hexdigest()[:32]

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on, decoded by a thread of its own."""
        yield from ahead(self.decoded(start_event))

    def decoded(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the same chunks, decoded in the thread that asks for them."""
        return chained(self.parts, start_event)

    def first_event_near(self, stamp: int) -> int:
        """Return a number that no event at or behind a stamp is below: its file's first one."""
        before = 0
        for (_, events), last in zip(self.parts, self._lasts, strict=True):
            if last is not None and last >= stamp:
                break
            before += events
        return before


def read_ticks(
    path: Path | str | Sequence[Path | str],
    *,
    symbol: str | None = None,
    exchange: str | None = None,
    clock: str | None = None,
    negative_prices: bool = False,
    columns: dict[str, str] | None = None,
    folder: Path | str | None = None,
) -> TickStream:
    """Return the ticks of files as a stream that can be read as often as wanted.

    Parameters
    ----------
    path : Path, str or sequence of these
        Canonical files or a folder of them, which are read as they are, or files of quotes and
        trades in another layout, which are normalised first. Canonical files of several symbols
        become one stream, merged in time.
    symbol, exchange : str, optional
        Names, where the files do not have them. Of canonical files of several symbols, the one to
        read.
    clock : {"exchange", "local"}, optional
        Whose stamps order the events; by default the exchange's, where every file has them.
    negative_prices : bool
        Whether prices below zero are prices.
    columns : dict, optional
        Canonical name to the files' column, where the guess is wrong.
    folder : Path, optional
        Where the normalised file is kept and found again; by default in a temporary folder that
        goes with the stream.

    Returns
    -------
    TickStream
        Its ``identity`` is a hash of the events.

    Raises
    ------
    Refusal
        If a file cannot be read as ticks, or a canonical one is not what was written.

    Examples
    --------
    >>> import engine as mc
    >>> first = next(mc.read_ticks(mc.sample_ticks()).chunks())
    >>> bool((first.ask_price > first.bid_price).all())
    True
    """
    given = [path] if isinstance(path, Path | str) else list(path)
    files = [file for one in given for file in tick_files(Path(one))]
    footers = [canonical_footer(file) for file in files]
    if all(footer is not None for footer in footers):
        _check_whole(files)
        return _canonical_stream(files, [footer for footer in footers if footer], symbol)
    options = {
        "symbol": symbol, "exchange": exchange, "clock": clock,
        "negative_prices": negative_prices, "columns": columns,
    }  # fmt: skip
    kept = Path(tempfile.mkdtemp(prefix="ticks-")) if folder is None else Path(folder)
    target = kept / f"{_source_hash(files, options)}.parquet"
    if canonical_footer(target) is None or not _is_whole(target):
        report = normalise_file(RawTicks(files, **options), target)  # type: ignore[arg-type]
        counts = ", ".join(f"{count:,} {reason}" for reason, count in report.reasons.items())
        if report.events == 0:
            target.unlink()
            raise Refusal(
                "ticks",
                f"no event in {report.quarantined:,} rows ({counts})",
                "quotes or trades",
                file=files[0],
                hint=f"the rows with what is wrong: {target.stem}.quarantine.parquet in `folder`"
                if folder is not None
                else "`mc ticks import` keeps the rows with what is wrong",
            )
        if report.quarantined:
            log.warning("%s: %s rows are no events (%s)", path, f"{report.quarantined:,}", counts)
        for note in report.notes:
            log.warning("%s: %s", path, note)
    stream = FileTicks([target])
    if folder is None:
        weakref.finalize(stream, shutil.rmtree, kept, ignore_errors=True)
    return stream


def normalise_file(raw: RawTicks, target: Path) -> TickReport:
    """Write the events of raw files as one canonical file, in bounded memory.

    Parameters
    ----------
    raw : RawTicks
        The files.
    target : Path
        Written whole or not at all; rows that are no events go to ``NAME.quarantine.parquet``
        beside it.
    """
    aside = target.with_name(f"{target.stem}.quarantine.parquet")
    with BadRows(aside) as bad, CanonicalWriter(target, raw.symbol, raw.exchange) as writer:
        for chunk in raw.chunks(bad.add):
            writer.write(chunk)
    return raw.report


def _footer(path: Path) -> dict[str, Any]:
    footer = canonical_footer(path)
    if footer is None:
        raise Refusal("ticks", "no canonical file of ticks", file=path, hint="`mc ticks import`")
    return footer


def _check_whole(files: list[Path]) -> None:
    """Refuse canonical files that are not what was written."""
    for file in files:
        folders = file.absolute().parents
        if len(folders) > 3 and folders[2].name == STORED_TICKS:
            # A day of a data root, which remembers what was found whole.
            reason = verified_files(folders[3]).damage(file.absolute())
            if reason is not None:
                raise DamagedFile(file, reason)
        elif _is_whole(file) is False:
            raise DamagedFile(file, "is damaged: it does not match its checksum")


def _is_whole(file: Path) -> bool | None:
    with file.open("rb") as opened:
        return is_whole_file(opened)


def _canonical_stream(
    files: list[Path], footers: list[dict[str, Any]], symbol: str | None
) -> TickStream:
    groups: dict[str, list[Path]] = {}
    for file, footer in zip(files, footers, strict=True):
        groups.setdefault(footer["symbol"], []).append(file)
    if symbol is not None:
        if symbol not in groups:
            raise Refusal("symbol", repr(symbol), ", ".join(groups))
        groups = {symbol: groups[symbol]}
    streams = [FileTicks(paths) for paths in groups.values()]
    return streams[0] if len(streams) == 1 else MergedTicks(streams)


def _source_hash(files: list[Path], options: dict[str, Any]) -> str:
    """Hash of the bytes of files and of how they are read."""
    digest = hashlib.sha256(json.dumps([_RULES, options], sort_keys=True).encode())
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:32]

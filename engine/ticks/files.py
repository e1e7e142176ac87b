"""Files as they came, quotes and trades in one or several, as one stream of canonical events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import polars as pl

from engine.tables.errors import MarketDataError
from engine.ticks.chunk import NO_STAMP, TickChunk
from engine.ticks.columns import NAMED, NUMBERS, QUOTE, Kind, TickLayout
from engine.ticks.merge import in_order
from engine.ticks.normalise import CLOCKS, Normaliser
from engine.ticks.quarantine import TickCounts
from engine.ticks.raw_files import PARQUET, raw_batches, raw_layout
from engine.ticks.stamps import nanoseconds, stamp_cells

__all__ = ["RawTicks", "TickReport", "tick_files"]

_ENDINGS: Final = (".csv", ".txt", ".gz", ".zip", *PARQUET)
# Index of an event that says nothing of the book, until the quote before it is written into it.
_CARRIED: Final = -1
# At equal stamps a trade comes before the quote that shows what it left.
_RANKS: Final[tuple[Kind, ...]] = ("trades", "events", "quotes")
_SECOND: Final = 1e9
_OTHER_UNIT: Final = 10.0
# Rows set aside one by one: a few hundred bytes and some microseconds each.
_MOST_BAD: Final = 500_000


@dataclass
class TickReport:
    """What was found in files of ticks.

    Parameters
    ----------
    symbol, exchange : str
        Of the events.
    clock : {"exchange", "local"}
        Whose stamps order the events.
    counts : dict of str to TickCounts
        Of each kind of file: ``quotes``, ``trades`` or ``events``.
    lag_ns : float, optional
        Median of local minus exchange time, nanoseconds, where rows have both.
    notes : list of str
        What somebody should know, in a sentence each.
    """

    symbol: str
    exchange: str
    clock: str
    counts: dict[str, TickCounts] = field(default_factory=dict)
    lag_ns: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Events kept."""
        return sum(counts.rows for counts in self.counts.values())

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(counts.quarantined for counts in self.counts.values())

    @property
    def reasons(self) -> dict[str, int]:
        """Rows set aside, for each reason."""
        names = {name for counts in self.counts.values() for name in counts.reasons}
        return {
            name: sum(counts.reasons[name] for counts in self.counts.values())
            for name in sorted(names)
        }

    def total(self, name: str) -> int:
        """Return a count of `TickCounts` over all kinds of file."""
        return sum(getattr(counts, name) for counts in self.counts.values())


def tick_files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder and of its folders (by day) in the order of names.

    Parameters
    ----------
    path : Path
        CSV (also compressed) or Parquet, or a folder of them.

    Raises
    ------
    MarketDataError
        If there is nothing to read.
    """
    if not path.is_dir():
        if not path.is_file():
            raise MarketDataError(str(path), "no such file", "CSV, Parquet or a folder of them")
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in _ENDINGS
        and not file.name.startswith(".")
        and ".quarantine." not in file.name
    ]
    if not found:
        raise MarketDataError(str(path), "no file of ticks", f"files {', '.join(_ENDINGS)}")
    return found


class RawTicks:
    """Files of quotes and trades of one instrument, normalised as they are read.

    Parameters
    ----------
    paths : Path or sequence of Path
        Files or folders; which hold quotes, which trades, follows from their columns, and in
        which order they come, from their first stamps.
    symbol, exchange : str, optional
        By default what a column says, or the first file's name and ``unknown``. Of a file of
        several instruments the rows of `symbol` are read, of several exchanges those of
        `exchange`.
    clock : {"exchange", "local"}, optional
        Whose stamps order the events: by default the exchange's, where every file has them.
    negative_prices : bool
        Whether prices below zero are prices.
    columns : dict, optional
        Canonical name to the files' column, where the guess is wrong.
    kind : {"quotes", "trades", "events"}, optional
        What the rows of all files are, where the guess is wrong.

    Raises
    ------
    MarketDataError
        If a file cannot be read as ticks, or they have no clock in common.

    Notes
    -----
    At equal stamps trades come before quotes, for a quote shows what a trade has left; rows of one
    file keep their order. A trade without a quote of its own carries the last quote before it.
    """

    def __init__(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        symbol: str | None = None,
        exchange: str | None = None,
        clock: str | None = None,
        negative_prices: bool = False,
        columns: dict[str, str] | None = None,
        kind: Kind | None = None,
    ) -> None:
        given = [paths] if isinstance(paths, Path | str) else list(paths)
        self._given = (kind, dict(columns or {}), symbol, exchange)
        self._negative_prices = negative_prices
        if clock is not None and clock not in CLOCKS:
            raise MarketDataError("clock", repr(clock), "exchange or local")
        files = [file for path in given for file in tick_files(Path(path))]
        firsts = [(file, *raw_layout(file, *self._given)) for file in files]
        layouts = [layout for _, layout, _ in firsts]
        self.clock = clock or _common_clock(layouts)
        stamp = CLOCKS[self.clock]
        for layout in layouts:
            if stamp not in layout.formats:
                raise MarketDataError(
                    layout.where, f"no {stamp} column", f"one in every file ({self.clock} clock)"
                )
        named, venue = (_only(layouts, field, kind) for field, kind in NAMED.items())
        self.symbol = symbol or named or _plain_name(files[0])
        self.exchange = exchange or venue or "unknown"
        self._files: dict[Kind, list[tuple[Path, TickLayout]]] = {}
        for _, layout, file in sorted(
            ((_first_stamp(rows, layout, stamp), layout, file) for file, layout, rows in firsts),
            key=lambda entry: entry[0],
        ):
            self._files.setdefault(layout.kind, []).append((file, layout))
        self.report = TickReport(self.symbol, self.exchange, self.clock)

    def chunks(
        self, set_aside: Callable[[pl.DataFrame], None] | None = None
    ) -> Iterator[TickChunk]:
        """Yield the events in the order of time.

        Parameters
        ----------
        set_aside : callable, optional
            Called with each table of rows that are no events.

        Raises
        ------
        MarketDataError
            At the end, if a file is not sorted or in another unit than the others; `report` is
            complete then.
        """
        self.report = TickReport(self.symbol, self.exchange, self.clock)
        readers = {
            kind: Normaliser(clock=self.clock, negative_prices=self._negative_prices)
            for kind in _RANKS
            if kind in self._files
        }
        self.report.counts |= {kind: reader.counts for kind, reader in readers.items()}
        parts = [self._chain(kind, reader, set_aside) for kind, reader in readers.items()]
        yield from _with_last_quote(in_order(parts))
        _check_units({kind: reader.levels for kind, reader in readers.items()})
        self._note({kind: reader.lags for kind, reader in readers.items()})

    def _chain(
        self, kind: Kind, reader: Normaliser, set_aside: Callable[[pl.DataFrame], None] | None
    ) -> Iterator[TickChunk]:
        """Read the files of a kind one behind the other."""
        for file, _ in self._files[kind]:
            for batch in raw_batches(file, *self._given):
                events, bad = reader.batch(batch.rows, batch.layout, batch.numbers)
                if batch.ragged.height:
                    reader.counts.reasons["bad_row"] += batch.ragged.height
                if set_aside is not None and bad.height + batch.ragged.height:
                    set_aside(pl.concat([batch.ragged, bad]))
                _check_worth(file.name, reader.counts)
                yield _chunk_of(events, local=self.clock == "local")
            reader.check(file.name)

    def _note(self, lags: dict[Kind, list[float]]) -> None:
        notes = self.report.notes
        known = [lag for some in lags.values() for lag in some]
        if known:
            self.report.lag_ns = median(known)
            seconds = self.report.lag_ns / _SECOND
            if seconds < 0.0 or seconds >= 1.0:
                way = "before" if seconds < 0.0 else "behind"
                notes.append(
                    f"local stamps are {abs(seconds):.3f} s {way} the exchange's (median): the "
                    "clocks are apart, so the difference is no latency"
                )
        if self.clock == "local":
            without = [kind for kind, files in self._files.items() if _lacks(files, "ts")]
            if without:
                notes.append(
                    f"{' and '.join(without)} have no exchange time: events are in the order of "
                    "the local clock"
                )
        for name, said in (("locked", "bid equal to ask"), ("one_sided", "one side of the book")):
            if self.report.total(name):
                notes.append(f"{self.report.total(name):,} quotes have {said}; they are kept")


def _check_worth(file: str, counts: TickCounts) -> None:
    """Give a file up that is hardly ticks, before its bad rows fill the disk."""
    if counts.quarantined > max(_MOST_BAD, counts.rows):
        found = f"{counts.quarantined:,} rows that are no events, and {counts.rows:,} that are"
        raise MarketDataError(file, found, "mostly quotes or trades")


def _only(layouts: Sequence[TickLayout], field: str, kind: str) -> str | None:
    """Return the name that all files have in a column, None where none has one."""
    found = {layout.where: getattr(layout, field) for layout in layouts}
    names = {naming.name: where for where, naming in found.items() if naming is not None}
    if len(names) > 1:
        raise MarketDataError(
            field,
            " and ".join(f"{name} ({file})" for name, file in list(names.items())[:2]),
            f"files of one {kind}",
            hint=f"name the one to read as `{field}`, or read each by itself and merge them",
        )
    return next(iter(names), None)


def _lacks(files: list[tuple[Path, TickLayout]], stamp: str) -> bool:
    return any(stamp not in layout.formats for _, layout in files)


def _common_clock(layouts: Sequence[TickLayout]) -> str:
    for clock, stamp in CLOCKS.items():
        if all(stamp in layout.formats for layout in layouts):
            return clock
    first, other = (
        next(layout for layout in layouts if stamp not in layout.formats)
        for stamp in CLOCKS.values()
    )
    raise MarketDataError(
        "clock",
        f"{first.where} with a local time and {other.where} with an exchange time alone",
        "a clock that all files have",
    )


def _first_stamp(rows: pl.DataFrame, layout: TickLayout, name: str) -> int:
    cells = stamp_cells(rows, layout.columns[name], layout.clock if name == "ts" else None)
    first = nanoseconds(cells, layout.formats[name]).min()
    return first if isinstance(first, int) else 0


def _plain_name(file: Path) -> str:
    return file.name.split(".")[0]


def _chunk_of(events: pl.DataFrame, *, local: bool) -> TickChunk:
    """Canonical columns as arrays; the index says which rows say nothing of the book."""
    stamps = events["ts"].to_numpy()
    arrived = stamps if local else events["local_ts"].fill_null(NO_STAMP).to_numpy()
    arrays = [stamps, arrived, *(events[name].fill_null(np.nan).to_numpy() for name in NUMBERS)]
    arrays.append(events["trade_side"].to_numpy())
    arrays.append(np.where(events["carried"].to_numpy(), _CARRIED, 0).astype(np.int32))
    return TickChunk(*arrays)


def _with_last_quote(chunks: Iterator[TickChunk]) -> Iterator[TickChunk]:
    """Write the quote before it into each trade that has none of its own."""
    last = np.full(len(QUOTE), np.nan)
    for chunk in chunks:
        if not len(chunk):
            continue
        at = np.where(chunk.symbol == _CARRIED, -1, np.arange(len(chunk)))
        at = np.maximum.accumulate(at)
        quote = []
        for number, name in enumerate(("bid_price", "ask_price", "bid_size", "ask_size")):
            values = getattr(chunk, name)
            quote.append(np.where(at >= 0, values[np.maximum(at, 0)], last[number]))
            last[number] = quote[number][-1]
        trade = [chunk.trade_price, chunk.trade_size, chunk.trade_side]
        arrays = [chunk.stamps, chunk.local, *quote, *trade, np.zeros(len(chunk), np.int32)]
        yield TickChunk(*arrays)


def _check_units(levels: dict[Kind, list[float]]) -> None:
    """Refuse trades in another unit than the quotes."""
    middle = {kind: median(found) for kind, found in levels.items() if found}
    if "trades" not in middle or len(middle) < len(("quotes", "trades")):
        return
    other: Kind = "quotes" if "quotes" in middle else "events"
    quoted, traded = middle[other], middle["trades"]
    if quoted > 0.0 and not 1.0 / _OTHER_UNIT < traded / quoted < _OTHER_UNIT:
        raise MarketDataError(
            "trade_px",
            f"trades around {traded:,.6g} beside {other} around {quoted:,.6g}",
            "prices in one unit",
        )

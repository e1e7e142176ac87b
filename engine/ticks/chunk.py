"""A stream of quote ticks: chunks of events in the order of time, of one symbol or several."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["CHUNK_COLUMNS", "NO_STAMP", "ArrayTicks", "TickChunk", "TickStream", "joined_ticks"]

#: Local time of an event that has none.
NO_STAMP: Final = -1
#: The arrays of a chunk, in their order, with the name that each has as a column of a table.
CHUNK_COLUMNS: Final[dict[str, str]] = {
    "stamps": "ts",
    "local": "local_ts",
    "bid_price": "bid_px",
    "ask_price": "ask_px",
    "bid_size": "bid_sz",
    "ask_size": "ask_sz",
    "trade_price": "trade_px",
    "trade_size": "trade_sz",
    "trade_side": "trade_side",
    "symbol": "symbol",
}
_Whole = TypeVar("_Whole", np.int64, np.int32, np.int8)
_TYPES: Final = {"stamps": "i8", "local": "i8", "trade_side": "i1", "symbol": "i4"}


@dataclass(frozen=True, eq=False, slots=True)
class TickChunk:
    """Events one after another, a value of each array per event; all arrays in C order.

    Parameters
    ----------
    stamps : ndarray of int64, shape (events,)
        Exchange time, nanoseconds since 1970-01-01 UTC, never falling.
    local : ndarray of int64, shape (events,)
        Time at which the event arrived here, in nanoseconds; `NO_STAMP` where nobody knows.
    bid_price, ask_price : ndarray of float64, shape (events,)
        The touch as it stands once the event has happened; NaN where a side is empty.
    bid_size, ask_size : ndarray of float64, shape (events,)
        Units displayed there; NaN where a side is empty.
    trade_price, trade_size : ndarray of float64, shape (events,)
        Of the trade that the event is, NaN where it is none.
    trade_side : ndarray of int8, shape (events,)
        Who took: 1 a buyer, -1 a seller, 0 unknown or no trade.
    symbol : ndarray of int32, shape (events,)
        Index into the symbols of the stream.

    Raises
    ------
    Refusal
        If an array has another length or type.
    """

    stamps: NDArray[np.int64]
    local: NDArray[np.int64]
    bid_price: NDArray[np.float64]
    ask_price: NDArray[np.float64]
    bid_size: NDArray[np.float64]
    ask_size: NDArray[np.float64]
    trade_price: NDArray[np.float64]
    trade_size: NDArray[np.float64]
    trade_side: NDArray[np.int8]
    symbol: NDArray[np.int32]

    def __post_init__(self) -> None:
        count = len(self.stamps)
        for field in fields(self):
            array = getattr(self, field.name)
            wanted = np.dtype(_TYPES.get(field.name, "f8"))
            if array.dtype != wanted or array.shape != (count,):
                raise Refusal(
                    f"ticks.{CHUNK_COLUMNS[field.name]}",
                    f"{array.dtype} of shape {array.shape}",
                    f"{wanted} of shape ({count},)",
                )
            if not array.flags.c_contiguous:
                object.__setattr__(self, field.name, np.ascontiguousarray(array))

    def __len__(self) -> int:
        return len(self.stamps)

    def part(self, first: int, end: int) -> TickChunk:
        """Return events `first` up to `end`, as views."""
        return _made(getattr(self, name)[first:end] for name in CHUNK_COLUMNS)

    def copied(self) -> TickChunk:
        """Return the same events in arrays of their own."""
        return _made(getattr(self, name).copy() for name in CHUNK_COLUMNS)


def joined_ticks(first: TickChunk, second: TickChunk) -> TickChunk:
    """Return the events of one chunk and those of the next."""
    pairs = ((getattr(first, name), getattr(second, name)) for name in CHUNK_COLUMNS)
    return _made(np.concatenate(pair) for pair in pairs)


def _made(arrays: Iterator[NDArray[Any]]) -> TickChunk:
    """Return a chunk of what comes of arrays that were looked at: it needs no second look."""
    made = object.__new__(TickChunk)
    for name, array in zip(CHUNK_COLUMNS, arrays, strict=True):
        object.__setattr__(made, name, array)
    return made


class TickStream(Protocol):
    """Events of a file, a folder, arrays or a generator, read in chunks as often as asked.

    Attributes
    ----------
    symbols : tuple of str
        What the index `symbol` of an event names.
    identity : str
        Hash of the content: part of the world that results belong to.
    events : int or None
        How many there are; None where nobody knows before the end.
    """

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols."""

    @property
    def identity(self) -> str:
        """Hash of the content."""

    @property
    def events(self) -> int | None:
        """Count of events, where it is known."""

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on; sizes of chunks mean nothing."""


class ArrayTicks:
    """A stream of arrays in memory.

    Parameters
    ----------
    stamps : array_like of int64, shape (events,)
        Exchange time in nanoseconds, never falling.
    bid_price, ask_price, bid_size, ask_size : array_like of float, shape (events,)
        The touch once the event has happened; NaN where a side is empty.
    trade_price, trade_size : array_like of float, shape (events,), optional
        NaN where an event is no trade.
    trade_side : array_like of int, shape (events,), optional
        1 where a buyer took, -1 a seller, 0 unknown.
    local : array_like of int64, shape (events,), optional
        Time of arrival in nanoseconds.
    symbol : array_like of int, shape (events,), optional
        Index into `symbols`.
    symbols : tuple of str, optional
        Names.
    chunk_events : int, optional
        Events of a chunk.

    Raises
    ------
    Refusal
        If stamps are no whole numbers or fall, arrays differ in length, or an index has no symbol.

    Examples
    --------
    >>> ticks = ArrayTicks([10, 20], [9.9, 9.9], [10.0, 10.1], [5, 5], [3, 4], chunk_events=1)
    >>> [float(chunk.ask_price[0]) for chunk in ticks.chunks(1)]
    [10.1]
    """

    def __init__(
        self,
        stamps: ArrayLike,
        bid_price: ArrayLike,
        ask_price: ArrayLike,
        bid_size: ArrayLike,
        ask_size: ArrayLike,
        *,
        trade_price: ArrayLike | None = None,
        trade_size: ArrayLike | None = None,
        trade_side: ArrayLike | None = None,
        local: ArrayLike | None = None,
        symbol: ArrayLike | None = None,
        symbols: tuple[str, ...] = ("ticks",),
        chunk_events: int = 65_536,
    ) -> None:
        count = len(np.asarray(stamps))
        nothing = np.full(count, np.nan)
        self.symbols = tuple(symbols)
        self.chunk_events = chunk_events
        self.whole = TickChunk(
            _whole_numbers("ts", stamps, np.int64),
            _whole_numbers("local_ts", _or(local, np.full(count, NO_STAMP)), np.int64),
            _numbers(bid_price),
            _numbers(ask_price),
            _numbers(bid_size),
            _numbers(ask_size),
            _numbers(_or(trade_price, nothing)),
            _numbers(_or(trade_size, nothing)),
            _whole_numbers("trade_side", _or(trade_side, np.zeros(count, np.int8)), np.int8),
            _whole_numbers("symbol", _or(symbol, np.zeros(count, np.int32)), np.int32),
        )
        falls = np.flatnonzero(np.diff(self.whole.stamps) < 0)
        if len(falls):
            raise Refusal(
                "ticks.ts",
                f"event {falls[0] + 1} is earlier than the one before it",
                hint="sort the table by ts",
            )
        index = self.whole.symbol
        if count and not (index.min() >= 0 and index.max() < len(self.symbols)):
            raise Refusal(
                "ticks.symbol", "an index without a name", f"0 to {len(self.symbols) - 1}"
            )

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, chunk_events: int = 65_536) -> ArrayTicks:
        """Return the stream of a table with the columns of `CHUNK_COLUMNS`.

        Parameters
        ----------
        frame : DataFrame
            ``ts bid_px ask_px bid_sz ask_sz``, and of ``trade_px trade_sz trade_side local_ts
            symbol`` those that there are; `symbol` has names.
        chunk_events : int, optional
            Events of a chunk.

        Raises
        ------
        Refusal
            If a column is missing or has values that it may not have.

        Examples
        --------
        >>> import polars as pl
        >>> table = pl.DataFrame({"ts": [10], "bid_px": [9.9], "ask_px": [10.0],
        ...                       "bid_sz": [5.0], "ask_sz": [3.0], "symbol": ["X"]})
        >>> ArrayTicks.from_frame(table).symbols
        ('X',)
        """
        needed = list(CHUNK_COLUMNS.values())
        missing = [n for n in ("ts", "bid_px", "ask_px", "bid_sz", "ask_sz") if n not in frame]
        if missing:
            raise Refusal(
                f"ticks.{missing[0]}",
                "no such column",
                hint=f"a table of ticks has {' '.join(needed)}",
            )
        given: dict[str, Any] = {
            array: frame[column].to_numpy()
            for array, column in CHUNK_COLUMNS.items()
            if column in frame.columns and array != "symbol"
        }
        if "symbol" not in frame.columns:
            return cls(**given, chunk_events=chunk_events)
        names = tuple(frame["symbol"].unique(maintain_order=True).to_list())
        index = np.select([frame["symbol"].to_numpy() == name for name in names], range(len(names)))
        return cls(**given, symbol=index, symbols=names, chunk_events=chunk_events)

    @property
    def events(self) -> int:
        """Count of events."""
        return len(self.whole)

    @property
    def identity(self) -> str:
        """Hash of every value and of the names."""
        digest = hashlib.sha256(repr(self.symbols).encode())
        for field in fields(self.whole):
            digest.update(getattr(self.whole, field.name).tobytes())
        return digest.hexdigest()[:32]

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on, `chunk_events` at a time."""
        for first in range(start_event, len(self.whole), self.chunk_events):
            yield self.whole.part(first, min(first + self.chunk_events, len(self.whole)))


def _or(given: ArrayLike | None, default: NDArray[Any]) -> ArrayLike:
    return default if given is None else given


def _numbers(given: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(given, dtype=np.float64)


def _whole_numbers(column: str, given: ArrayLike, kind: type[_Whole]) -> NDArray[_Whole]:
    """Return whole numbers; a float has lost nanoseconds before anybody could look."""
    array = np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        raise Refusal(f"ticks.{column}", f"{array.dtype} numbers", "whole numbers")
    return np.ascontiguousarray(array, dtype=kind)

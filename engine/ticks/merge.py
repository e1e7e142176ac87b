"""Several sequences of events as one, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.ticks.chunk import TickChunk, TickStream

__all__ = ["MergedTicks", "in_order", "joined_chunks"]

ARRAYS: Final = tuple(field.name for field in fields(TickChunk))


class MergedTicks:
    """Streams of several symbols as one stream, by exchange time.

    Events of equal stamps come in the order in which their streams were given, and those of one
    stream in its own order.

    Parameters
    ----------
    streams : sequence of TickStream
        Of different symbols.

    Raises
    ------
    Refusal
        If there is no stream, or two are of one symbol.

    Examples
    --------
    >>> from engine.ticks import ArrayTicks
    >>> bitcoin = ArrayTicks([10, 30], [9, 9], [10, 10], [1, 1], [1, 1], symbols=("BTCUSDT",))
    >>> ether = ArrayTicks([20, 30], [3, 3], [4, 4], [1, 1], [1, 1], symbols=("ETHUSDT",))
    >>> both = MergedTicks([bitcoin, ether])
    >>> both.symbols, [int(index) for chunk in both.chunks() for index in chunk.symbol]
    (('BTCUSDT', 'ETHUSDT'), [0, 1, 0, 1])
    """

    def __init__(self, streams: Sequence[TickStream]) -> None:
        self._streams = tuple(streams)
        self.symbols = tuple(name for stream in streams for name in stream.symbols)
        if not self.symbols:
            raise Refusal("streams", "none", "at least one")
        twice = next((name for name in self.symbols if self.symbols.count(name) > 1), None)
        if twice is not None:
            raise Refusal("streams", f"{twice} more than once", "every symbol in one stream")

    @property
    def identity(self) -> str:
        """Hash of the streams' content."""
        return "+".join(stream.identity for stream in self._streams)

    @property
    def events(self) -> int | None:
        """Count of events, where every stream knows its own."""
        counts = [stream.events for stream in self._streams]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on; those before it are read and dropped."""
        first = 0
        numbered = []
        for stream in self._streams:
            numbered.append(_renumbered(stream.chunks(), first))
            first += len(stream.symbols)
        for chunk in in_order(numbered):
            if start_event < len(chunk):
                yield chunk.part(start_event, len(chunk)) if start_event else chunk
            start_event = max(start_event - len(chunk), 0)


def in_order(parts: Sequence[Iterator[TickChunk]]) -> Iterator[TickChunk]:
    """Merge sequences of chunks, each in the order of time; at equal stamps the first goes first.

    Parameters
    ----------
    parts : sequence of iterator of TickChunk
        Little of each is in memory at once.
    """
    waiting: list[TickChunk | None] = [None] * len(parts)
    open_ended = [True] * len(parts)
    while True:
        for number, part in enumerate(parts):
            while waiting[number] is None and open_ended[number]:
                chunk = next(part, None)
                open_ended[number] = chunk is not None
                waiting[number] = chunk if chunk is not None and len(chunk) else None
        held = [(number, chunk) for number, chunk in enumerate(waiting) if chunk is not None]
        if not held:
            return
        if len(held) == 1:
            yield held[0][1]
            waiting[held[0][0]] = None
            continue
        # What may follow in a sequence is no earlier than its last event here: everything before
        # the first of these last events is complete.
        limit, limiting = min((int(chunk.stamps[-1]), number) for number, chunk in held)
        taken = []
        for number, chunk in held:
            side: Literal["left", "right"] = "right" if number <= limiting else "left"
            end = int(np.searchsorted(chunk.stamps, limit, side))
            taken.append(chunk.part(0, end))
            waiting[number] = chunk.part(end, len(chunk)) if end < len(chunk) else None
        yield _sorted(joined_chunks(taken))


def joined_chunks(parts: Sequence[TickChunk]) -> TickChunk:
    """Return chunks one behind the other."""
    if len(parts) == 1:
        return parts[0]
    return TickChunk(*(np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS))


def _sorted(chunk: TickChunk) -> TickChunk:
    order: NDArray[Any] = np.argsort(chunk.stamps, kind="stable")
    return TickChunk(*(getattr(chunk, name)[order] for name in ARRAYS))


def _renumbered(chunks: Iterator[TickChunk], first: int) -> Iterator[TickChunk]:
    for chunk in chunks:
        arrays = [getattr(chunk, name) for name in ARRAYS]
        arrays[-1] = (chunk.symbol + first).astype(np.int32)
        yield TickChunk(*arrays)

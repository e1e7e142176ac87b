"""Where the events of a stream lie in time, and the reading of any stretch of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engine.errors import Refusal
from engine.ticks.chunk import TickChunk, TickStream
from engine.ticks.durations import nanoseconds_of
from engine.ticks.merge import joined_chunks
from engine.ticks.stream import FileTicks

__all__ = ["Section", "Timeline", "length_ns"]

_HELD: Final = 12
_EVENTS: Final = 65_536


def length_ns(length: str | float, field: str) -> int:
    """Return a length of time in nanoseconds.

    Parameters
    ----------
    length : str or float
        Such as ``5s``; a number means seconds.
    field : str
        Name of the setting, for the error.

    Raises
    ------
    Refusal
        If it is no length of time above zero.

    Examples
    --------
    >>> length_ns("1.5s", "block"), length_ns(60, "block")
    (1500000000, 60000000000)
    """
    text = length if isinstance(length, str) else f"{length:.9f}s"
    found = nanoseconds_of(text, field)
    if not found:
        raise Refusal(field, repr(length), "a length of time above zero")
    return found


@dataclass(frozen=True)
class Section:
    """A stretch of time without a long pause: its first stamp, and the one behind its last."""

    first: int
    end: int

    @property
    def length(self) -> int:
        """Nanoseconds."""
        return self.end - self.first


class Timeline:
    """Sections of a stream, and its events by time; a dozen chunks of it are held in memory.

    Parameters
    ----------
    ticks : TickStream
        Read once for its stamps.
    pause_ns : int
        A pause without events longer than this is no part of the time: the market was closed.

    Raises
    ------
    Refusal
        If it has no events.
    """

    def __init__(self, ticks: TickStream, pause_ns: int) -> None:
        self._ticks = ticks
        self._held: OrderedDict[int, TickChunk] = OrderedDict()
        self._lock = threading.Lock()
        firsts: list[int] = []
        sections: list[list[int]] = []
        events = 0
        for chunk in ticks.chunks():
            stamps = chunk.stamps
            while len(firsts) * _EVENTS < events + len(stamps):
                firsts.append(int(stamps[len(firsts) * _EVENTS - events]))
            events += len(stamps)
            if not sections:
                sections.append([int(stamps[0]), int(stamps[0])])
            edges = np.flatnonzero(np.diff(stamps) > pause_ns)
            for begin, end in zip(
                [0, *(edges + 1).tolist()], [*edges.tolist(), len(stamps) - 1], strict=True
            ):
                first, last = int(stamps[begin]), int(stamps[end])
                if first - sections[-1][1] > pause_ns:
                    sections.append([first, last])
                sections[-1][1] = last
        if not events:
            raise Refusal("ticks", "no events", "a stream with some")
        self.events = events
        self.sections = tuple(Section(first, last + 1) for first, last in sections)
        self._firsts = np.array(firsts, np.int64)

    @property
    def length(self) -> int:
        """Nanoseconds of all sections."""
        return sum(section.length for section in self.sections)

    def pieces(self, offset: int, length: int) -> list[tuple[Section, int, int]]:
        """Return stretches of sections that make up a length from an offset on, going round.

        Parameters
        ----------
        offset, length : int
            Nanoseconds, on the time of the sections one behind the other.

        Returns
        -------
        list of (Section, int, int)
            Each section with the stretch's first stamp and the one behind its last.
        """
        found = []
        number = 0
        offset %= self.length
        while offset >= self.sections[number].length:
            offset -= self.sections[number].length
            number += 1
        while length > 0:
            section = self.sections[number]
            first = section.first + offset
            end = min(section.end, first + length)
            found.append((section, first, end))
            length -= end - first
            offset = 0
            number = (number + 1) % len(self.sections)
        return found

    def place(self, stamp: int) -> int:
        """Return the number of the first event that is not earlier than a stamp."""
        number = max(int(np.searchsorted(self._firsts, stamp, "left")) - 1, 0)
        chunk = self._chunk(number)
        return number * _EVENTS + int(np.searchsorted(chunk.stamps, stamp, "left"))

    def between(self, first: int, end: int) -> list[TickChunk]:
        """Return the events with `first` <= stamp < `end`, chunk by chunk."""
        at = self.place(first)
        found = []
        while at < self.events:
            number, skipped = divmod(at, _EVENTS)
            chunk = self._chunk(number)
            stop = int(np.searchsorted(chunk.stamps, end, "left"))
            if stop > skipped:
                found.append(chunk.part(skipped, stop))
            if stop < len(chunk):
                break
            at = (number + 1) * _EVENTS
        return found

    def last_before(self, stamp: int, symbol: int, floor: int) -> tuple[TickChunk, int] | None:
        """Return a symbol's last event before a stamp and not before `floor`: a chunk, a place."""
        at = self.place(stamp) - 1
        while at >= 0:
            number, place = divmod(at, _EVENTS)
            chunk = self._chunk(number)
            own = np.flatnonzero(chunk.symbol[: place + 1] == symbol)
            if len(own):
                last = int(own[-1])
                return (chunk, last) if int(chunk.stamps[last]) >= floor else None
            if int(chunk.stamps[0]) < floor:
                return None
            at = number * _EVENTS - 1
        return None

    def _chunk(self, number: int) -> TickChunk:
        """Return events `number` times 65,536 and those behind it, as many."""
        # Threads of a study read one timeline.
        with self._lock:
            return self._held_or_read(number)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what another process makes anew: the lock, and what is held."""
        return {**vars(self), "_lock": None, "_held": OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _held_or_read(self, number: int) -> TickChunk:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        start = number * _EVENTS
        ticks = self._ticks
        chunks = ticks.decoded(start) if isinstance(ticks, FileTicks) else ticks.chunks(start)
        parts: list[TickChunk] = []
        wanted = min(_EVENTS, self.events - start)
        for chunk in chunks:
            parts.append(chunk.part(0, min(len(chunk), wanted)))
            wanted -= len(parts[-1])
            if not wanted:
                break
        joined = joined_chunks(parts)
        self._held[number] = joined
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        return joined

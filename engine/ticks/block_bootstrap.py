"""Block bootstrap of ticks: blocks of time, with the gaps between their events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.randomness import Stream, philox_reference
from engine.ticks.chunk import NO_STAMP, TickChunk, TickStream
from engine.ticks.merge import ARRAYS
from engine.ticks.price_steps import price_step
from engine.ticks.timeline import Section, Timeline, length_ns

__all__ = ["BootstrappedTicks", "TickBootstrap"]

# Other blocks under the same seed are another stream.
_VERSION: Final = 1
_TWO_64: Final = 64
_MASK: Final = 0xFFFFFFFF


class TickBootstrap:
    """Streams made of blocks of a stream's time.

    A block is a stretch of time, not a number of events: a quiet minute has few of them. It is
    taken with the waiting times between its events, begins anywhere in the time that the market
    was open, and goes on at the next opening (and at the first one behind the last) where the time
    ends. Where a block begins, the quote that stood there is shown; prices are moved by whole ticks
    so that the bid goes on where it was. All symbols are taken at the same times, so what they do
    together stays.

    Parameters
    ----------
    ticks : TickStream
        The history.
    block : str or float
        Length of a block, such as ``60s``; a number means seconds.
    pause : str or float
        A pause longer than this is a closed market, and no part of the time.
    tick : float, optional
        Step of prices; by default the largest of which all in the first chunk are multiples.

    Raises
    ------
    Refusal
        If a length of time is none, or the block is longer than the history.

    References
    ----------
    .. [1] D. Politis, J. Romano, A circular block-resampling procedure for stationary data,
       Exploring the Limits of Bootstrap (1992), 263-270.

    Examples
    --------
    >>> import engine as mc
    >>> source = mc.TickBootstrap(mc.read_ticks(mc.sample_ticks()), block="30s")
    >>> stream = source.ticks(seed=1, seconds=120)
    >>> stamps = [int(stamp) for chunk in stream.chunks() for stamp in chunk.stamps]
    >>> stamps == sorted(stamps), stamps[-1] < 120_000_000_000
    (True, True)
    """

    def __init__(
        self,
        ticks: TickStream,
        *,
        block: str | float = "60s",
        pause: str | float = "1h",
        tick: float | None = None,
    ) -> None:
        self._ticks = ticks
        self._pause = length_ns(pause, "pause")
        self.block_ns = length_ns(block, "block")
        self._tick = tick
        if self.block_ns > self.timeline.length:
            raise Refusal(
                "block", f"{block!r}", f"at most the {self.timeline.length / 1e9:g} s of history"
            )

    @cached_property
    def timeline(self) -> Timeline:
        """Where the events lie in time."""
        return Timeline(self._ticks, self._pause)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols."""
        return self._ticks.symbols

    @cached_property
    def price_steps(self) -> tuple[float, ...]:
        """Step of the prices of each symbol."""
        if self._tick is not None:
            return (self._tick,) * len(self.symbols)
        first = next(iter(self._ticks.chunks()))
        steps = []
        for symbol in range(len(self.symbols)):
            own = first.symbol == symbol
            steps.append(price_step(np.concatenate([first.bid_price[own], first.ask_price[own]])))
        return tuple(steps)

    def ticks(
        self, seed: int, *, seconds: float | None = None, start: int = 0
    ) -> BootstrappedTicks:
        """Return the stream of a seed: the same events whenever it is read.

        Parameters
        ----------
        seed : int
            Of its random numbers, 0 to 2**64 - 1.
        seconds : float, optional
            Length; by default that of the history.
        start : int
            Stamp at which it begins, nanoseconds since 1970-01-01 UTC.
        """
        length = self.timeline.length if seconds is None else length_ns(seconds, "seconds")
        return BootstrappedTicks(self, seed, length, start)

    @property
    def identity(self) -> str:
        """Hash of the history and of how it is cut."""
        told = [_VERSION, self._ticks.identity, self.block_ns, self._pause, self.price_steps]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


class BootstrappedTicks:
    """Events of blocks of history under one seed.

    Parameters
    ----------
    source : TickBootstrap
        Where they are from.
    seed : int
        Of the starts of the blocks.
    length_ns, start : int
        Length and first stamp, in nanoseconds.
    """

    events = None

    def __init__(self, source: TickBootstrap, seed: int, length_ns: int, start: int) -> None:
        if not 0 <= seed < 2**_TWO_64:
            raise Refusal("seed", str(seed), "0 to 2**64 - 1")
        self._source = source
        self.seed = seed
        self.symbols = source.symbols
        self._length = length_ns
        self._start = start

    @property
    def identity(self) -> str:
        """Hash of the source, the seed and the span."""
        told = [self._source.identity, self.seed, self._start, self._length]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    def block_start(self, number: int) -> int:
        """Return where in the time of the history a block begins, in nanoseconds.

        Parameters
        ----------
        number : int
            Of the block, from 0.
        """
        counter = [number & _MASK, int(Stream.TICK_BLOCK), number >> 32, 0]
        words = philox_reference(counter, [self.seed & _MASK, self.seed >> 32])
        return (words[0] << 32 | words[1]) * self._source.timeline.length >> _TWO_64

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on; those before it are made and dropped."""
        for chunk in self._blocks():
            if start_event < len(chunk):
                yield chunk.part(start_event, len(chunk)) if start_event else chunk
            start_event = max(start_event - len(chunk), 0)

    def _blocks(self) -> Iterator[TickChunk]:
        level = _Level(self._source.price_steps)
        timeline, block = self._source.timeline, self._source.block_ns
        number = done = 0
        while done < self._length:
            length = min(block, self._length - done)
            for section, first, end in timeline.pieces(self.block_start(number), length):
                level.release()
                at = self._start + done
                standing = self._standing(section, first, at)
                if standing is not None:
                    yield level.moved(standing)
                for chunk in timeline.between(first, end):
                    yield level.moved(_at(chunk, at - first))
                done += end - first
            number += 1

    def _standing(self, section: Section, first: int, at: int) -> TickChunk | None:
        """Return the quotes that stand where a block begins, as events of its first stamp."""
        rows = []
        for symbol in range(len(self.symbols)):
            found = self._source.timeline.last_before(first, symbol, section.first)
            if found is not None:
                chunk, place = found
                rows.append(chunk.part(place, place + 1))
        if not rows:
            return None
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(row, name) for row in rows]) for name in ARRAYS
        }
        arrays["stamps"] = np.full(len(rows), at)
        arrays["local"] = np.full(len(rows), NO_STAMP)
        arrays["trade_price"] = arrays["trade_size"] = np.full(len(rows), np.nan)
        arrays["trade_side"] = np.zeros(len(rows), np.int8)
        return TickChunk(*arrays.values())


def _at(chunk: TickChunk, shift: int) -> TickChunk:
    local = np.where(chunk.local == NO_STAMP, NO_STAMP, chunk.local + shift)
    arrays = [getattr(chunk, name) for name in ARRAYS]
    arrays[:2] = [chunk.stamps + shift, local]
    return TickChunk(*arrays)


class _Level:
    """The bid of each symbol, in ticks, at which the next block goes on."""

    def __init__(self, steps: tuple[float, ...]) -> None:
        self._steps = steps
        self._last: list[int | None] = [None] * len(steps)
        self._shift: list[int | None] = [0] * len(steps)

    def release(self) -> None:
        """Begin a block: its first event says by how much it is moved."""
        self._shift = [None] * len(self._steps)

    def moved(self, chunk: TickChunk) -> TickChunk:
        """Return events with their prices moved."""
        arrays: dict[str, Any] = {name: getattr(chunk, name) for name in ARRAYS}
        names = ("bid_price", "ask_price", "trade_price")
        out = {name: arrays[name].copy() for name in names}
        for symbol, step in enumerate(self._steps):
            own = np.flatnonzero(chunk.symbol == symbol)
            quoted = own[~np.isnan(chunk.bid_price[own])]
            if not len(own):
                continue
            scale = np.round(1.0 / step, 12)
            if self._shift[symbol] is None and len(quoted):
                first = _ticks(chunk.bid_price[quoted[:1]], step)[0]
                last = self._last[symbol]
                self._shift[symbol] = 0 if last is None else int(last - first)
            shift = self._shift[symbol] or 0
            for name in names:
                values = _ticks(arrays[name][own], step) + shift
                out[name][own] = values / scale if float(scale).is_integer() else values * step
            if len(quoted):
                self._last[symbol] = int(_ticks(out["bid_price"][quoted[-1:]], step)[0])
        arrays |= out
        return TickChunk(*arrays.values())


def _ticks(prices: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    return np.asarray(np.rint(prices / step))

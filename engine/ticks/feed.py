"""When a strategy hears of each event: after a delay that is fixed, recorded or drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.errors import Refusal
from engine.ticks import layout as at
from engine.ticks.chunk import NO_STAMP, TickChunk
from engine.ticks.messages import FEED_STREAM, waited
from engine.ticks.settings import DrawnDelay, encode_delay

__all__ = ["Feed"]


class Feed:
    """The times at which one simulation's strategy hears of events; none overtakes another.

    Parameters
    ----------
    delay : str or DrawnDelay
        Of the settings.
    seed, path : int, optional
        Of the simulation, by which delays are drawn.
    """

    def __init__(self, delay: str | DrawnDelay, seed: int = 0, path: int = 0) -> None:
        self._least, self._kind, self._span = encode_delay(delay)
        self._seed, self._path = seed, path
        self.events = 0
        self.latest = -at.NEVER
        #: What is still to be added to what `heard` returns: a delay that is fixed.
        self.delay = self._least if self._kind == at.CONSTANT else 0

    def heard(self, chunk: TickChunk) -> NDArray[np.int64]:
        """Return when the events of the next chunk are heard of, less `delay`.

        Returns
        -------
        ndarray of int64, shape (events,)
            Nanoseconds since 1970-01-01 UTC by the exchange's clock, never falling; the stamps of
            the chunk themselves where the delay is fixed.

        Raises
        ------
        Refusal
            If the delays are to be those of the stream and it has none, or an event arrived
            before it happened.
        """
        if self._kind == at.CONSTANT:
            self.events += len(chunk)
            return chunk.stamps
        if self._kind == at.OF_DATA:
            found = _recorded(chunk, self.events)
        else:
            found = np.empty(len(chunk), dtype=np.int64)
            _draw(
                chunk.stamps,
                self._least,
                float(self._span),
                self._seed,
                self._path,
                self.events,
                found,
            )
        if len(found):
            found[0] = max(found[0], self.latest)
            np.maximum.accumulate(found, out=found)
            self.latest = int(found[-1])
        self.events += len(chunk)
        return found


def _recorded(chunk: TickChunk, before: int) -> NDArray[np.int64]:
    missing = chunk.local == NO_STAMP
    if missing.any():
        raise Refusal(
            "latency.feed",
            f"data, but event {before + int(missing.argmax())} has no local time",
            "a delay such as 2ms",
        )
    early = chunk.local < chunk.stamps
    if early.any():
        row = int(early.argmax())
        behind = (chunk.stamps[row] - chunk.local[row]) / at.NANOSECONDS
        raise Refusal(
            "latency.feed",
            f"data, but event {before + row} arrived {behind:.6g} s before it happened: the two "
            "clocks differ",
            "a delay such as 2ms",
        )
    return chunk.local.copy()


@kernel
def _draw(
    stamps: NDArray[np.int64],
    least: int,
    span: float,
    seed: int,
    path: int,
    first: int,
    out: NDArray[np.int64],
) -> None:
    for event in range(stamps.size):
        drawn = waited(seed, path, FEED_STREAM, first + event)
        out[event] = stamps[event] + least + int(span * drawn)

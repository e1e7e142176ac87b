"""Bars of the middle of the touch: what of a stream of ticks studies of bars can see."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.ticks.chunk import TickChunk, TickStream

__all__ = ["BAR_SPAN", "bars_of", "minutes_of"]

#: Nanoseconds of a bar: one minute.
BAR_SPAN: Final = 60_000_000_000
_MICROSECOND: Final = 1_000


def bars_of(stream: TickStream) -> Bars:
    """Return bars of a minute of the middle of the first symbol's touch.

    Minutes in which it was not quoted on both sides are absent, but for the last of the stream.

    Parameters
    ----------
    stream : TickStream
        Read once.

    Raises
    ------
    Refusal
        If it is never quoted on both sides.

    Examples
    --------
    >>> from engine.ticks import ArrayTicks
    >>> stamps = [0, 30_000_000_000, 61_000_000_000]
    >>> ticks = ArrayTicks(stamps, [9.0, 9.2, 9.4], [9.2, 9.4, 9.6], [1, 1, 1], [1, 1, 1])
    >>> bars_of(ticks).close.round(1).tolist()
    [9.3, 9.5]
    """
    minutes, rows = minutes_of(stream)
    return Bars(
        stream.symbols[0],
        minutes * (BAR_SPAN // _MICROSECOND),
        **dict(zip(BAR_FIELDS, rows, strict=True)),
        calendar=BarCalendar("24/7", "1m"),
    )


def minutes_of(stream: TickStream) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the bars of `bars_of` as arrays.

    Parameters
    ----------
    stream : TickStream
        Read once.

    Returns
    -------
    minutes : ndarray of int64, shape (bars,)
        Minutes since 1970-01-01 UTC, ascending.
    bars : ndarray of float64, shape (5, bars)
        Open, high, low, close, volume.

    Raises
    ------
    Refusal
        If it is never quoted on both sides.
    """
    parts = [_bars_of(chunk) for chunk in stream.chunks()]
    parts = [part for part in parts if part.shape[1]]
    if not parts:
        raise Refusal("ticks", "a stream that is never quoted on both sides", "quotes of both")
    rows = np.concatenate(parts, axis=1)
    minutes = rows[0].astype(np.int64)
    # A minute that two chunks share has a part in each.
    first = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - 1))
    last = np.append(first[1:], len(minutes)) - 1
    bars = np.array(
        [
            rows[1][first],
            np.maximum.reduceat(rows[2], first),
            np.minimum.reduceat(rows[3], first),
            rows[4][last],
            np.add.reduceat(rows[5], first),
        ]
    )
    return minutes[first], bars


def _bars_of(chunk: TickChunk) -> NDArray[np.float64]:
    """Return minute, open, high, low, close and volume of the bars that lie in a chunk."""
    mid = 0.5 * (chunk.bid_price + chunk.ask_price)
    quoted = (chunk.symbol == 0) & np.isfinite(mid)
    minutes, mid = chunk.stamps[quoted] // BAR_SPAN, mid[quoted]
    if not len(mid):
        return np.empty((6, 0))
    size = np.nan_to_num(chunk.trade_size[quoted])
    first = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - 1))
    last = np.append(first[1:], len(minutes)) - 1
    return np.array(
        [
            minutes[first].astype(np.float64),
            mid[first],
            np.maximum.reduceat(mid, first),
            np.minimum.reduceat(mid, first),
            mid[last],
            np.add.reduceat(size, first),
        ]
    )

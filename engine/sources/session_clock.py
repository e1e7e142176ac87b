"""Each bar's place in its session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal
from engine.timeframes import intraday_minutes

__all__ = ["SessionClock", "session_clock"]

# Exchanges halt at least this long between sessions (CME for an hour), and the gaps of a thin
# session are shorter.
_GAP_MINUTES = 45
_MICROSECONDS_PER_MINUTE = 60_000_000
_NONE: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SessionClock:
    """Slots of the bars that have a previous close.

    Parameters
    ----------
    slot : ndarray of int64, shape (bars - 1,)
        Place of each bar among the regular places of its session, -1 at other times; empty where
        the clock is not kept.
    first : ndarray of int64, shape (slots + 1,)
        Where each slot's bars begin in `order`.
    order : ndarray of int64
        Bars with a place, sorted by it.
    """

    slot: NDArray[np.int64]
    first: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def absent(cls) -> SessionClock:
        """No clock: blocks may start anywhere."""
        return cls(_NONE, _NONE, _NONE)

    @classmethod
    def of_slots(cls, slot: NDArray[np.int64]) -> SessionClock:
        """Find the bars of each slot; `slot` is -1 of bars that have none."""
        order = np.argsort(slot, kind="stable")[np.count_nonzero(slot < 0) :]
        counts = np.bincount(slot[slot >= 0])
        first = np.concatenate([[0], np.cumsum(counts)])
        return cls(slot.astype(np.int64), first.astype(np.int64), order.astype(np.int64))


def session_clock(bars: Bars) -> SessionClock:
    """Find the place of every bar in its session.

    A session of an exchange that never closes is a UTC day; else it starts after a pause of more
    than 45 minutes, and a bar's place is the time since the session's first bar. Places that less
    than half as many sessions have as the commonest one do not count.

    Raises
    ------
    ValueError
        If the bars are not intraday.
    """
    minutes = intraday_minutes(bars.calendar.timeframe)
    if minutes is None:
        raise Refusal("session_clock", f"bars of {bars.calendar.timeframe}", "intraday bars")
    width = minutes * _MICROSECONDS_PER_MINUTE
    stamps = bars.timestamps
    if bars.calendar.exchange == "24/7":
        slot = stamps % (24 * 60 * _MICROSECONDS_PER_MINUTE) // width
    else:
        pause = np.diff(stamps, prepend=stamps[0]) > _GAP_MINUTES * _MICROSECONDS_PER_MINUTE + width
        begins = np.where(pause, stamps, stamps[0])
        slot = (stamps - np.maximum.accumulate(begins)) // width
    slot = slot[1:]
    counts = np.bincount(slot)
    # Places that most sessions have, numbered in order; bars at others (a late close, a minute
    # that seldom trades) get no place.
    regular = 2 * counts >= counts.max()
    number = np.where(regular, np.cumsum(regular) - 1, -1)
    return SessionClock.of_slots(number[slot])

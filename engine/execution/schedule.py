"""When the sessions of an exchange open and close, holidays and half days included."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES
from engine.errors import Refusal
from engine.local_time import instants_of

__all__ = ["Schedule", "schedule_around", "sessions_of_bars"]

_MINUTE = 60_000_000
_DAY = 1440 * _MINUTE
# More days than any exchange closes in a row.
_MARGIN = 12
_YEARS = 50
# Years all of whose days pandas has.
_EVER = (1678, 2261)


class Schedule(NamedTuple):
    """Sessions of an exchange, oldest first; instants are microseconds since 1970-01-01 UTC.

    Parameters
    ----------
    days : ndarray of int64, shape (sessions,)
        Day of each session, days since 1970-01-01.
    opens, closes : ndarray of int64, shape (sessions,)
        Its first instant, and the one at which it ends.
    break_starts, break_ends : ndarray of int64, shape (sessions,)
        Of the lunch break; both the close where there is none.
    """

    days: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    break_starts: NDArray[np.int64]
    break_ends: NDArray[np.int64]

    def place_of(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the session that each instant lies in, -1 outside.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (n,)
            Microseconds since 1970-01-01 UTC.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        place = np.searchsorted(self.opens, timestamps, side="right") - 1
        known = np.maximum(place, 0)
        inside = (place >= 0) & (timestamps < self.closes[known])
        pause = (timestamps >= self.break_starts[known]) & (timestamps < self.break_ends[known])
        return np.where(inside & ~pause, place, -1)


def sessions_of_bars(timestamps: NDArray[np.int64], exchange: str) -> Schedule:
    """Return the session that each instant belongs to: the first whose close is behind it.

    A session ends with the regular close of the exchange, half days with theirs. What lies behind
    it belongs to the next, and what comes before an open to the session that then opens. On days
    of which no calendar knows, weekdays have full sessions.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Microseconds since 1970-01-01 UTC, ascending.
    exchange : str
        A key of `engine.calendar.EXCHANGES`.

    Returns
    -------
    Schedule
        A session per instant.

    Examples
    --------
    The day after Thanksgiving ends at 13:00 in New York, 18:00 UTC:

    >>> stamps = np.array(["2024-11-29T17:30", "2024-11-29T18:00"], "datetime64[us]")
    >>> found = sessions_of_bars(stamps.astype(np.int64), "XNYS")
    >>> found.days.astype("datetime64[D]").astype(str).tolist()
    ['2024-11-29', '2024-12-02']
    """
    if len(timestamps) == 0:
        return Schedule(*[np.zeros(0, dtype=np.int64)] * 5)
    edges = timestamps[[0, -1]].astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)
    first, last = ((1970 + edges) // _YEARS).tolist()
    schedule = _every_session(first, last, exchange)
    place = np.searchsorted(schedule.closes, timestamps, side="right")
    return Schedule(*(column[place] for column in schedule))


def schedule_around(first: int, last: int, exchange: str) -> Schedule:
    """Return the sessions of the half centuries of two instants, and of some days around them.

    A calendar of many years is made as fast as one of a single year, and serves all of them.

    Parameters
    ----------
    first, last : int
        Microseconds since 1970-01-01 UTC.
    exchange : str
        A key of `engine.calendar.EXCHANGES`.

    Raises
    ------
    Refusal
        If `exchange_calendars` does not know the sessions of these years.
    """
    years = np.array([first, last]).astype("datetime64[us]").astype("datetime64[Y]")
    years = 1970 + years.astype(np.int64)
    earliest, latest = _known(exchange)
    if years[1] < earliest or years[0] > latest:
        allowed = f"of years whose sessions are known, {earliest} to {latest}"
        raise Refusal(f"sessions of {exchange}", f"bars of {years[0]}", allowed)
    edges = np.array([years[0] // _YEARS * _YEARS, (years[1] // _YEARS + 1) * _YEARS])
    start, end = (
        (np.clip(edges, *_EVER) - 1970)
        .astype("datetime64[Y]")
        .astype("datetime64[D]")
        .astype(np.int64)
    )
    return _schedule(int(start) - _MARGIN, int(end) + _MARGIN, exchange)


@lru_cache(maxsize=64)
def _every_session(first: int, last: int, exchange: str) -> Schedule:
    """Return the sessions of half centuries by number, those of regular hours where none is known.

    They end no later than the regular hours: Globex rests for an hour that `exchange_calendars`
    counts as open.
    """
    years = np.array([first * _YEARS, last * _YEARS + _YEARS - 1])
    turns = (np.clip(years, *_EVER) - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    edges = turns.astype("datetime64[D]").astype(np.int64) + np.array([-_MARGIN, 366 + _MARGIN])
    when = turns.astype(np.int64)
    try:
        known = schedule_around(int(when[0]), int(when[1]), exchange)
    except Refusal:
        return _of_every_day(int(edges[0]), int(edges[1]), exchange)
    terms = EXCHANGES[exchange]
    regular = instants_of(known.days * _DAY + terms.parts[-1][1] * _MINUTE, terms.zone)
    before = _of_every_day(edges[0], known.days[0] - 1, exchange)
    behind = _of_every_day(known.days[-1] + 1, edges[1], exchange)
    known = known._replace(closes=np.minimum(known.closes, regular))
    return Schedule(*(np.concatenate(part) for part in zip(before, known, behind, strict=True)))


@lru_cache(maxsize=64)
def _known(exchange: str) -> tuple[int, int]:
    """Return the first and the last year of which sessions are known."""
    if exchange in ("24/7", "24/5"):
        return _EVER
    import exchange_calendars as xc

    known = xc.get_calendar(exchange)
    first, last = known.bound_min(), known.bound_max()
    return first.year if first else _EVER[0], last.year if last else _EVER[1]


@lru_cache(maxsize=64)
def _schedule(first: int, last: int, exchange: str) -> Schedule:
    """Return the sessions from the first day to the last; a calendar takes half a second."""
    if exchange in ("24/7", "24/5"):
        return _of_every_day(first, last, exchange)
    import exchange_calendars as xc
    import pandas as pd

    known = xc.get_calendar(exchange)
    start, end = (pd.Timestamp(day, unit="D") for day in (first, last))
    start = max(start, known.bound_min() or start)
    end = min(end, known.bound_max() or end)
    schedule = xc.get_calendar(exchange, start=start, end=end).schedule
    opens, closes = _microseconds(schedule["open"]), _microseconds(schedule["close"])
    starts, ends = (_microseconds(schedule[f"break_{side}"]) for side in ("start", "end"))
    # A missing break is NaT, the smallest integer.
    pauses = starts > np.iinfo(np.int64).min
    return Schedule(
        _microseconds(schedule.index) // _DAY,
        opens,
        closes,
        np.where(pauses, starts, closes),
        np.where(pauses, ends, closes),
    )


def _of_every_day(first: int, last: int, exchange: str) -> Schedule:
    """Return sessions that follow one another without a holiday, but for weekends."""
    terms = EXCHANGES[exchange]
    days = np.arange(first, last + 1)
    if terms.days_per_week < 7:
        # 1970-01-01 was a Thursday.
        days = days[(days + 3) % 7 < 5]
    minutes = np.array([terms.parts[0][0], terms.parts[-1][1]]) * _MINUTE
    opens, closes = (instants_of(days * _DAY + minute, terms.zone) for minute in minutes)
    return Schedule(days, opens, closes, closes, closes)


def _microseconds(stamps: Any) -> NDArray[np.int64]:
    import pandas as pd

    index = pd.DatetimeIndex(stamps)
    values = np.asarray(index.tz_convert(None) if index.tz else index, dtype="datetime64[us]")
    return values.astype(np.int64)

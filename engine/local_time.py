"""Local time: the clock of a zone, the days that bars belong to, when they have closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES, BarCalendar, Exchange
from engine.timeframes import intraday_minutes

__all__ = [
    "days_of_bars",
    "evening",
    "instants_of",
    "is_zone",
    "latest_closes",
    "session_days",
    "wall_clock",
]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
_MOST_REMEMBERED: Final = 4096

_Convert = Callable[[NDArray[np.int64], str], NDArray[np.int64]]


def wall_clock(timestamps: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return the wall clock of instants in a zone.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 UTC.
    zone : str
        IANA zone.

    Returns
    -------
    ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 00:00 by that clock.
    """
    if zone == "UTC":
        return timestamps
    return _remembered(_wall_clock, timestamps, zone)


def _wall_clock(timestamps: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    import polars as pl

    stamps = pl.Series(timestamps).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return stamps.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("us").to_numpy()


def instants_of(wall: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return the instants at which the clock of a zone shows a time; the inverse of `wall_clock`.

    Parameters
    ----------
    wall : ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 00:00 by that clock; of a time that comes twice, the first.
    zone : str
        IANA zone.

    Returns
    -------
    ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 UTC.
    """
    if zone == "UTC":
        return wall
    return _remembered(_instants_of, wall, zone)


def _instants_of(wall: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    import polars as pl

    stamps = (
        pl.Series(wall)
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    )
    return stamps.dt.epoch("us").to_numpy()


def _remembered(convert: _Convert, times: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Convert times; of a few thousand, such as a session on paper replays, only once."""
    if len(times) > _MOST_REMEMBERED:
        return convert(times, zone)
    return _converted(convert, np.ascontiguousarray(times, dtype=np.int64).tobytes(), zone)


@lru_cache(maxsize=64)
def _converted(convert: _Convert, times: bytes, zone: str) -> NDArray[np.int64]:
    found = convert(np.frombuffer(times, dtype=np.int64), zone)
    found.flags.writeable = False
    return found


def is_zone(name: str) -> bool:
    """Whether `name` is a zone of the IANA data base, such as ``America/New_York``."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def session_days(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.int64]:
    """Return the day of the session that each instant belongs to, holidays or not.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 UTC.
    exchange : str
        A key of `engine.calendar.EXCHANGES`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Days since 1970-01-01. A session that opens on the evening before belongs to the day on
        which it closes.
    """
    terms = EXCHANGES[exchange]
    return (wall_clock(timestamps, terms.zone) + evening(terms)) // _DAY


def days_of_bars(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.int64]:
    """Return the day that each daily bar is of.

    Whether it is stamped with the open of its session or with midnight UTC, half a session later
    is inside that day.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC.
    exchange : str
        A key of `engine.calendar.EXCHANGES`.

    Returns
    -------
    ndarray of int64, shape (bars,)
        Days since 1970-01-01.
    """
    half = int(EXCHANGES[exchange].minutes_open_to_close / 2) * _MINUTE
    return (timestamps + half) // _DAY


def latest_closes(timestamps: NDArray[np.int64], calendar: BarCalendar) -> NDArray[np.int64]:
    """Return the instants by which bars have closed.

    Of a day, a week or a month that is the regular close of its last weekday, whether bars are
    stamped with the open of their session or with midnight; half days have closed before.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC.
    calendar : BarCalendar
        Exchange and timeframe.

    Returns
    -------
    ndarray of int64, shape (bars,)
        Microseconds since 1970-01-01 UTC.

    Examples
    --------
    >>> monday = np.array(["2024-01-08"], dtype="datetime64[us]").astype(np.int64)
    >>> latest_closes(monday, BarCalendar("XNYS", "1w")).astype("datetime64[us]").tolist()
    [datetime.datetime(2024, 1, 12, 21, 0)]
    """
    minutes = intraday_minutes(calendar.timeframe)
    if minutes is not None:
        return timestamps + minutes * _MINUTE
    terms = EXCHANGES[calendar.exchange]
    days = days_of_bars(timestamps, calendar.exchange)
    if calendar.timeframe == "1w":
        # Days since 1970-01-01, a Thursday: weeks begin on Monday.
        days = days - (days + 3) % 7 + terms.days_per_week - 1
    elif calendar.timeframe == "1mo":
        # A month may open on the evening before its first day.
        months = (days + 3).astype("datetime64[D]").astype("datetime64[M]") + 1
        days = months.astype("datetime64[D]").astype(np.int64) - 1
    return instants_of(days * _DAY + terms.parts[-1][1] * _MINUTE, terms.zone)


def evening(terms: Exchange) -> int:
    """Return the microseconds that carry the open of a session to the day that it belongs to."""
    return max(0, -terms.parts[0][0]) * _MINUTE

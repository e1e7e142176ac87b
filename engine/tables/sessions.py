"""Exchange sessions: which day an instant belongs to, when the day opens and closes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["Sessions", "sessions_of"]

_DAY: Final = 86_400_000_000
# Early enough for the oldest daily series; a calendar of a century is built in 0.2 s.
_FIRST_DAY: Final = "1960-01-01"
_NEW_YORK: Final = "America/New_York"
# The trading day of currencies ends and begins at this hour in New York.
_CURRENCY_HOUR: Final = 17


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of one exchange, oldest first.

    Parameters
    ----------
    exchange : str
        Name in `exchange_calendars`.
    timezone : str
        IANA zone of the exchange: of stamps that name none.
    days : ndarray of int64, shape (sessions,)
        Session labels, days since 1970-01-01.
    opens, closes : ndarray of int64, shape (sessions,)
        First and last instant, microseconds since 1970-01-01 UTC.
    break_starts, break_ends : ndarray of int64, shape (sessions,)
        Lunch breaks; equal to `closes` where there is none.
    clock : str
        IANA zone in which sessions open at the same time of day all year.
    around_the_clock : bool
        The market has no opening time: each provider chooses when its days begin, and stamps
        the instant at which its bars open.
    """

    exchange: str
    timezone: str
    days: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    break_starts: NDArray[np.int64]
    break_ends: NDArray[np.int64]
    clock: str
    around_the_clock: bool = False

    def open_of(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Open instants of `days`; for a day without a session, at the time of the session before.

        Parameters
        ----------
        days : ndarray of int64, shape (n,)
            Days since 1970-01-01.

        Returns
        -------
        ndarray of int64, shape (n,)
            Microseconds since 1970-01-01 UTC.
        """
        place = np.searchsorted(self.days, days)
        place = np.minimum(place, len(self.days) - 1)
        opens = self.opens[place].copy()
        for row in np.flatnonzero(self.days[place] != days):
            opens[row] = self._usual_open(int(days[row]))
        return opens

    def index_at(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the session whose ``[open, close)`` holds each instant, else -1."""
        place = np.searchsorted(self.opens, instants, side="right") - 1
        inside = (place >= 0) & (instants < self.closes[np.maximum(place, 0)])
        return np.where(inside, place, -1)

    def _usual_open(self, day: int) -> int:
        """Open of a day without a session, at the local time of the session before it."""
        near = int(np.clip(np.searchsorted(self.days, day) - 1, 0, len(self.days) - 1))
        zone = ZoneInfo(self.clock)
        neighbour = datetime.fromtimestamp(self.opens[near] / 1e6, UTC).astimezone(zone)
        label = datetime(1970, 1, 1) + timedelta(days=int(self.days[near]))
        offset = neighbour.replace(tzinfo=None) - label
        wall = datetime(1970, 1, 1) + timedelta(days=day) + offset
        return int(wall.replace(tzinfo=zone).timestamp() * 1e6)


@lru_cache(maxsize=16)
def sessions_of(exchange: str) -> Sessions:
    """Sessions of `exchange`, a name of `exchange_calendars`, to the end of next year.

    Sessions of ``24/5`` (currencies) run from 17:00 to 17:00 New York and are named after the
    day on which they end: Monday's session opens on Sunday.

    Raises
    ------
    Refusal
        If there is no such exchange.
    """
    import exchange_calendars as xc

    if exchange == "24/5":
        return _currency_sessions()
    last_day = _last_day()
    try:
        probe = xc.get_calendar(exchange)
    except xc.errors.InvalidCalendarName:
        raise Refusal(
            "exchange", repr(exchange), "a name of `exchange_calendars`, such as XNYS"
        ) from None
    first, last = probe.bound_min(), probe.bound_max()
    start = _FIRST_DAY if first is None else max(first.strftime("%Y-%m-%d"), _FIRST_DAY)
    end = last_day if last is None else min(last.strftime("%Y-%m-%d"), last_day)
    calendar = xc.get_calendar(exchange, start=start, end=end)
    schedule = calendar.schedule
    closes = _microseconds(schedule["close"])
    return Sessions(
        exchange=exchange,
        timezone=str(calendar.tz),
        days=_microseconds(schedule.index) // _DAY,
        opens=_microseconds(schedule["open"]),
        closes=closes,
        break_starts=_microseconds(schedule["break_start"], closes),
        break_ends=_microseconds(schedule["break_end"], closes),
        clock=str(calendar.tz),
        around_the_clock=exchange == "24/7",
    )


def _currency_sessions() -> Sessions:
    first, last = (np.datetime64(day, "D").astype(np.int64) for day in (_FIRST_DAY, _last_day()))
    days = np.arange(first, last + 1)
    # 1970-01-01 was a Thursday.
    days = days[(days + 3) % 7 < 5]
    closes = _in_new_york(days, _CURRENCY_HOUR)
    return Sessions(
        exchange="24/5",
        timezone="UTC",
        days=days,
        opens=_in_new_york(days - 1, _CURRENCY_HOUR),
        closes=closes,
        break_starts=closes,
        break_ends=closes,
        clock=_NEW_YORK,
        around_the_clock=True,
    )


def _in_new_york(days: NDArray[np.int64], hour: int) -> NDArray[np.int64]:
    wall = pl.Series(days * _DAY + hour * 3_600_000_000).cast(pl.Datetime("us"))
    # Clock changes never happen in the afternoon, so the local time is unique.
    return wall.dt.replace_time_zone(_NEW_YORK).dt.epoch("us").to_numpy()


def _last_day() -> str:
    return f"{datetime.now(UTC).year + 1}-12-31"


def _microseconds(stamps: Any, missing: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    import pandas as pd

    index = pd.DatetimeIndex(stamps)
    values = np.asarray(index.tz_convert(None) if index.tz else index, dtype="datetime64[us]")
    whole = values.astype(np.int64)
    return whole if missing is None else np.where(np.isnat(values), missing, whole)

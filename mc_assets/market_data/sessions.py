"""Exchange sessions: which day an instant belongs to, when the day opens and closes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sessions", "sessions_of"]

_DAY: Final = 86_400_000_000
# Far enough back for the oldest daily series; a calendar of a century builds in 0.2 s.
_FIRST_DAY: Final = "1960-01-01"


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of one exchange, oldest first.

    Parameters
    ----------
    exchange : str
        Name in `exchange_calendars`.
    timezone : str
        IANA zone of the exchange.
    days : ndarray of int64, shape (sessions,)
        Session labels, days since 1970-01-01.
    opens, closes : ndarray of int64, shape (sessions,)
        First and last instant, microseconds since 1970-01-01 UTC.
    break_starts, break_ends : ndarray of int64, shape (sessions,)
        Lunch breaks; equal to `closes` where there is none.
    """

    exchange: str
    timezone: str
    days: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    break_starts: NDArray[np.int64]
    break_ends: NDArray[np.int64]

    def open_of(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Open instants of `days`; a day without a session opens as the session before it.

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

    def is_session(self, days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the exchange has a session on each of `days`."""
        place = np.minimum(np.searchsorted(self.days, days), len(self.days) - 1)
        return np.asarray(self.days[place] == days)

    def index_at(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the session whose ``[open, close)`` holds each instant, else -1."""
        place = np.searchsorted(self.opens, instants, side="right") - 1
        inside = (place >= 0) & (instants < self.closes[np.maximum(place, 0)])
        return np.where(inside, place, -1)

    def _usual_open(self, day: int) -> int:
        """Open of a day the calendar does not have, at the wall-clock time of a neighbour."""
        near = int(np.clip(np.searchsorted(self.days, day) - 1, 0, len(self.days) - 1))
        zone = ZoneInfo(self.timezone)
        neighbour = datetime.fromtimestamp(self.opens[near] / 1e6, UTC).astimezone(zone)
        label = datetime(1970, 1, 1) + timedelta(days=int(self.days[near]))
        offset = neighbour.replace(tzinfo=None) - label
        wall = datetime(1970, 1, 1) + timedelta(days=day) + offset
        return int(wall.replace(tzinfo=zone).timestamp() * 1e6)


@lru_cache(maxsize=16)
def sessions_of(exchange: str) -> Sessions:
    """Sessions of `exchange`, a name of `exchange_calendars`, to the end of next year."""
    import exchange_calendars as xc

    last_day = f"{datetime.now(UTC).year + 1}-12-31"
    probe = xc.get_calendar(exchange)
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
    )


def _microseconds(stamps: Any, missing: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    import pandas as pd

    index = pd.DatetimeIndex(stamps)
    values = np.asarray(index.tz_convert(None) if index.tz else index, dtype="datetime64[us]")
    whole = values.astype(np.int64)
    return whole if missing is None else np.where(np.isnat(values), missing, whole)

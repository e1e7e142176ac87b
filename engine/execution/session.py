"""Trading hours of an instrument: times of day in a zone, or an exchange's own sessions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engine.calendar import EXCHANGES
from engine.errors import Refusal
from engine.execution.schedule import schedule_around
from engine.local_time import evening, is_zone, session_days, wall_clock

__all__ = ["Session"]

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE


class Session(BaseModel):
    """Trading hours: orders fill only in bars that open inside them.

    Parameters
    ----------
    open, close : str, optional
        Times of day such as ``"09:30"``. A session may pass midnight.
    zone : str
        IANA zone of `open` and `close`, such as ``America/New_York``, with daylight saving.
    exchange : str, optional
        Use the sessions of an exchange (a key of `engine.calendar.EXCHANGES`) instead, with
        holidays, early closes and lunch breaks.

    Examples
    --------
    >>> hours = Session(zone="America/New_York", open="09:30", close="16:00")
    >>> stamps = np.array(["2024-01-16T14:30", "2024-07-16T13:30"], "datetime64[us]")
    >>> hours.holds(stamps.astype(np.int64)).tolist()
    [True, True]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    open: TimeOfDay | None = None
    close: TimeOfDay | None = None
    zone: str = "UTC"
    exchange: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, given: Any) -> Any:
        """Take a pair of times for a session in UTC."""
        if isinstance(given, list | tuple) and len(given) == 2:
            return {"open": given[0], "close": given[1]}
        return given

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        if not is_zone(value):
            raise Refusal("", repr(value), "an IANA name such as America/New_York or UTC")
        return value

    @field_validator("exchange")
    @classmethod
    def _exchange_is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in EXCHANGES:
            raise Refusal("", repr(value), ", ".join(sorted(EXCHANGES)))
        return value

    @model_validator(mode="after")
    def _times_or_exchange(self) -> Session:
        times = self.open is not None and self.close is not None
        if times == (self.exchange is not None) or (self.open is None) != (self.close is None):
            found = {k: v for k, v in self.model_dump().items() if v is not None}
            raise Refusal("", str(found), "open and close, or an exchange")
        return self

    def holds(self, timestamps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each bar opens inside the session.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.

        Returns
        -------
        ndarray of bool, shape (bars,)
        """
        if self.exchange is not None:
            return _in_sessions(timestamps, self.exchange)
        start, end = self._times
        minute = wall_clock(timestamps, self.zone) % _DAY // _MINUTE
        if end <= start:
            return np.asarray((minute >= start) | (minute < end))
        return np.asarray((minute >= start) & (minute < end))

    def days(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the trading day that each bar belongs to, holidays or not.

        Half days, missing bars and bars outside the hours belong to the day that they lie in; a
        session that passes midnight is one day.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.

        Returns
        -------
        ndarray of int64, shape (bars,)
            Never falls from bar to bar.
        """
        if self.exchange is not None:
            return session_days(timestamps, self.exchange)
        start, end = self._times
        minutes = start if end <= start else 0
        return (wall_clock(timestamps, self.zone) - minutes * _MINUTE) // _DAY

    def is_over(self, inside: NDArray[np.int64], until: int, minutes: int) -> bool:
        """Whether no bar that opens at an instant or later is of the day of the last bar before.

        A day ends with the close of its session, also of half a day; that of an exchange whose
        bars lie outside its regular hours too ends with the day of its clock.

        Parameters
        ----------
        inside : ndarray of int64, shape (bars,)
            Opening instants of the bars at which orders fill, microseconds since 1970-01-01 UTC.
        until : int
            The instant.
        minutes : int
            Length of a bar.

        Returns
        -------
        bool

        Examples
        --------
        The day after Thanksgiving ends at 13:00 in New York, 18:00 UTC:

        >>> opens = np.array(["2024-11-29T15:30", "2024-11-29T16:30"], "datetime64[us]")
        >>> opens = opens.astype(np.int64)
        >>> hour = 3_600_000_000
        >>> nyse = Session(exchange="XNYS")
        >>> nyse.is_over(opens, opens[1] + hour, 60), nyse.is_over(opens, opens[1] + 2 * hour, 60)
        (False, True)
        """
        end = np.array([until], dtype=np.int64)
        day = int(self.days(inside[-1:])[0])
        if self.days(end)[0] > day:
            return True
        if self.exchange is None:
            first, last = self._times
            minute = (wall_clock(end, self.zone)[0] - day * _DAY) // _MINUTE
            return bool(minute >= (last if last > first else last + _DAY // _MINUTE))
        terms = EXCHANGES[self.exchange]
        opening, closing = terms.parts[0][0], terms.parts[-1][1]
        minute = _minutes_of_day(inside, self.exchange)
        if bool(((minute + minutes <= opening) | (minute >= closing)).any()):
            return False
        if _minutes_of_day(end, self.exchange)[0] >= closing:
            return True
        try:
            schedule = schedule_around(until, until, self.exchange)
        except Refusal:
            return False  # nothing is known of half days then
        place = int(np.searchsorted(schedule.days, day))
        if place == len(schedule.days) or schedule.days[place] != day:
            return False
        return bool(until >= schedule.closes[place])

    @property
    def _times(self) -> tuple[int, int]:
        """Minutes of the day at which the session opens and closes."""
        start, end = (
            int(text[:2]) * 60 + int(text[3:]) for text in (self.open or "", self.close or "")
        )
        return start, end


def _minutes_of_day(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.int64]:
    """Return the minutes since the midnight at which the day of a session begins."""
    wall, before = wall_clock(timestamps, EXCHANGES[exchange].zone), evening(EXCHANGES[exchange])
    return ((wall + before) % _DAY - before) // _MINUTE


def _in_sessions(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.bool_]:
    if exchange == "24/7" or len(timestamps) == 0:
        return np.ones(len(timestamps), dtype=np.bool_)
    if exchange == "24/5":
        # Monday's session opens on Sunday at 17:00. 1970-01-01 was a Thursday.
        return np.asarray((session_days(timestamps, exchange) + 3) % 7 < 5)
    schedule = schedule_around(int(timestamps[0]), int(timestamps[-1]), exchange)
    return np.asarray(schedule.place_of(timestamps) >= 0)

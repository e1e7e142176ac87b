"""Trading hours of an instrument: times of day in a zone, or an exchange's own sessions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from engine.calendar import EXCHANGES
from engine.errors import Refusal
from engine.execution.schedule import schedule_around, sessions_of_bars
from engine.local_time import days_of_bars, is_zone, session_days, wall_clock
from engine.settings import SettingsGroup

__all__ = ["Session"]

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

_MINUTE: Final = 60_000_000
_DAY_MINUTES: Final = 1440
_DAY: Final = _DAY_MINUTES * _MINUTE


class Session(SettingsGroup):
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

    def holds(self, timestamps: NDArray[np.int64], minutes: int = 1) -> NDArray[np.bool_]:
        """Whether each bar opens inside the session; of bars of a day, whether it has a session.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.
        minutes : int
            Length of a bar; a day is 1,440, and longer bars hold sessions always.

        Returns
        -------
        ndarray of bool, shape (bars,)
        """
        if minutes >= _DAY_MINUTES:
            of_days = self.exchange if minutes == _DAY_MINUTES else None
            return _on_session_days(timestamps, of_days or "24/7")
        if self.exchange is not None:
            return _in_sessions(timestamps, self.exchange)
        start, end = self._times
        minute = wall_clock(timestamps, self.zone) % _DAY // _MINUTE
        if end <= start:
            return np.asarray((minute >= start) | (minute < end))
        return np.asarray((minute >= start) & (minute < end))

    def days(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the trading day that each bar belongs to.

        Of an exchange that is the day of the first session whose regular close is behind the
        bar's open. Of times of day, bars outside them belong to the day that they lie in, holidays
        or not; a session that passes midnight is one day.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.

        Returns
        -------
        ndarray of int64, shape (bars,)
            Never falls from bar to bar.
        """
        if self.exchange == "24/7":
            return session_days(timestamps, self.exchange)
        if self.exchange is not None:
            return sessions_of_bars(timestamps, self.exchange).days
        start, end = self._times
        minutes = start if end <= start else 0
        return (wall_clock(timestamps, self.zone) - minutes * _MINUTE) // _DAY

    def is_over(self, inside: NDArray[np.int64], until: int) -> bool:
        """Whether no bar that opens at an instant or later is of the day of the last bar before.

        A day ends with the close of its session, also of half a day.

        Parameters
        ----------
        inside : ndarray of int64, shape (bars,)
            Opening instants of the bars at which orders fill, microseconds since 1970-01-01 UTC.
        until : int
            The instant.

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
        >>> nyse.is_over(opens, opens[1] + hour), nyse.is_over(opens, opens[1] + 2 * hour)
        (False, True)
        """
        last, end = inside[-1:], np.array([until], dtype=np.int64)
        day = int(self.days(last)[0])
        if self.exchange is not None or self.days(end)[0] > day:
            return bool(self.days(end)[0] > day)
        first, close = self._times
        minute = (wall_clock(end, self.zone)[0] - day * _DAY) // _MINUTE
        return bool(minute >= (close if close > first else close + _DAY // _MINUTE))

    @property
    def _times(self) -> tuple[int, int]:
        """Minutes of the day at which the session opens and closes."""
        start, end = (
            int(text[:2]) * 60 + int(text[3:]) for text in (self.open or "", self.close or "")
        )
        return start, end


def _in_sessions(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.bool_]:
    if exchange == "24/7" or len(timestamps) == 0:
        return np.ones(len(timestamps), dtype=np.bool_)
    if exchange == "24/5":
        # Monday's session opens on Sunday at 17:00. 1970-01-01 was a Thursday.
        return np.asarray((session_days(timestamps, exchange) + 3) % 7 < 5)
    schedule = schedule_around(int(timestamps[0]), int(timestamps[-1]), exchange)
    return np.asarray(schedule.place_of(timestamps) >= 0)


def _on_session_days(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.bool_]:
    """Whether daily bars, stamped with midnight or an open, are of a day with a session."""
    if exchange == "24/7" or len(timestamps) == 0:
        return np.ones(len(timestamps), dtype=np.bool_)
    schedule = schedule_around(int(timestamps[0]), int(timestamps[-1]), exchange)
    return np.isin(days_of_bars(timestamps, exchange), schedule.days)

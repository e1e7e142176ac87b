"""Trading hours of an instrument: times of day in a zone, or an exchange's own sessions."""

from __future__ import annotations

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engine.calendar import EXCHANGES
from engine.errors import Refusal

__all__ = ["Session"]

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
# The week of currencies ends and begins at 17:00 in New York.
_NEW_YORK: Final = "America/New_York"
_TO_MIDNIGHT: Final = 7 * 60 * _MINUTE


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
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise Refusal("", repr(value), "an IANA name such as America/New_York or UTC") from None
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
        start, end = (
            int(text[:2]) * 60 + int(text[3:]) for text in (self.open or "", self.close or "")
        )
        minute = _local(timestamps, self.zone) % _DAY // _MINUTE
        if end <= start:
            return np.asarray((minute >= start) | (minute < end))
        return np.asarray((minute >= start) & (minute < end))


def _local(timestamps: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Wall clock of instants in a zone, microseconds."""
    if zone == "UTC":
        return timestamps
    stamps = pl.Series(timestamps).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return stamps.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("us").to_numpy()


def _in_sessions(timestamps: NDArray[np.int64], exchange: str) -> NDArray[np.bool_]:
    if exchange == "24/7" or len(timestamps) == 0:
        return np.ones(len(timestamps), dtype=np.bool_)
    if exchange == "24/5":
        # Monday's session opens on Sunday at 17:00. 1970-01-01 was a Thursday.
        day = (_local(timestamps, _NEW_YORK) + _TO_MIDNIGHT) // _DAY
        return np.asarray((day + 3) % 7 < 5)
    import exchange_calendars as xc
    import pandas as pd

    known = xc.get_calendar(exchange)
    edges = [pd.Timestamp(int(timestamps[at]), unit="us").normalize() for at in (0, -1)]
    first, last = edges[0] - pd.Timedelta(days=8), edges[1] + pd.Timedelta(days=8)
    first = max(first, known.bound_min() or first)
    last = min(last, known.bound_max() or last)
    schedule = xc.get_calendar(exchange, start=first, end=last).schedule
    opens, closes = _microseconds(schedule["open"]), _microseconds(schedule["close"])
    starts, ends = (_microseconds(schedule[f"break_{side}"]) for side in ("start", "end"))
    place = np.maximum(np.searchsorted(opens, timestamps, side="right") - 1, 0)
    inside = (timestamps >= opens[place]) & (timestamps < closes[place])
    # A missing break is NaT, the smallest integer, so no bar lies inside it.
    return np.asarray(inside & ~((timestamps >= starts[place]) & (timestamps < ends[place])))


def _microseconds(stamps: Any) -> NDArray[np.int64]:
    import pandas as pd

    index = pd.DatetimeIndex(stamps)
    values = np.asarray(index.tz_convert(None) if index.tz else index, dtype="datetime64[us]")
    return values.astype(np.int64)

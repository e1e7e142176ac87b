"""How a bar's timeframe becomes a fraction of a year.

A `BarCalendar` is nominal: full sessions, holidays on average. Paths of models follow it; what
history really has is counted by its timestamps (`engine.clock`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from engine.errors import Refusal
from engine.timeframes import intraday_minutes

__all__ = ["EXCHANGES", "WEEKS_PER_YEAR", "BarCalendar", "Exchange"]

#: Of a year of 365.25 days.
WEEKS_PER_YEAR: Final = 365.25 / 7.0
_MONTHS_PER_YEAR: Final = 12.0


@dataclass(frozen=True)
class Exchange:
    """Nominal trading year and trading day of an exchange.

    Parameters
    ----------
    sessions_per_year : float
        Trading sessions in a nominal year.
    zone : str
        IANA zone of its clock.
    hours : tuple of (str, str)
        Opening and closing time of each part of a full session, by that clock: two parts where
        there is a lunch break. The first may open on the evening before the day of the session.
    """

    sessions_per_year: float
    zone: str
    hours: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """First and last minute of each part, from the midnight at which its day begins.

        That of a part which opens on the evening before is below zero.
        """
        found = []
        for opening, closing in self.hours:
            start, end = _minute(opening), _minute(closing)
            found.append((start if start < end else start - 1440, end))
        return tuple(found)

    @property
    def minutes_per_session(self) -> float:
        """Minutes of regular trading in a full session."""
        return float(sum(end - start for start, end in self.parts))

    @property
    def minutes_open_to_close(self) -> float:
        """Minutes from the open of a full session to its close, breaks included."""
        return float(self.parts[-1][1] - self.parts[0][0])

    @property
    def days_per_week(self) -> int:
        """Days of a week without holidays that have a session."""
        return 7 if self.sessions_per_year >= 365.0 else 5


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


_NEW_YORK: Final = ("America/New_York", (("09:30", "16:00"),))

# Keys are `exchange_calendars` names, so the same word finds the holidays.
EXCHANGES: Final[dict[str, Exchange]] = {
    "XNYS": Exchange(252.0, *_NEW_YORK),
    "XNAS": Exchange(252.0, *_NEW_YORK),
    "XTSE": Exchange(251.0, "America/Toronto", (("09:30", "16:00"),)),
    "XLON": Exchange(253.0, "Europe/London", (("08:00", "16:30"),)),
    "XPAR": Exchange(256.0, "Europe/Paris", (("09:00", "17:30"),)),
    "XETR": Exchange(254.0, "Europe/Berlin", (("09:00", "17:30"),)),
    "XJSE": Exchange(250.0, "Africa/Johannesburg", (("09:00", "17:00"),)),
    # Since 5 November 2024; before, the afternoon ended at 15:00.
    "XTKS": Exchange(245.0, "Asia/Tokyo", (("09:00", "11:30"), ("12:30", "15:30"))),
    "XHKG": Exchange(247.0, "Asia/Hong_Kong", (("09:30", "12:00"), ("13:00", "16:00"))),
    "CMES": Exchange(258.0, "America/Chicago", (("17:00", "16:00"),)),
    # The week of currencies ends and begins at 17:00 in New York.
    "24/5": Exchange(260.0, "America/New_York", (("17:00", "17:00"),)),
    "24/7": Exchange(365.0, "UTC", (("00:00", "24:00"),)),
}


@dataclass(frozen=True)
class BarCalendar:
    """Exchange and timeframe of a bar series.

    Parameters
    ----------
    exchange : str
        A key of `EXCHANGES`.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.

    Raises
    ------
    ValueError
        If the exchange or the timeframe is unknown.

    Examples
    --------
    A session of 6.5 hours has seven hourly bars, the last a short one:

    >>> BarCalendar("XNYS", "1h").bars_per_year
    1764.0
    """

    exchange: str = "XNYS"
    timeframe: str = "1d"

    def __post_init__(self) -> None:
        if self.exchange not in EXCHANGES:
            raise Refusal("exchange", repr(self.exchange), ", ".join(sorted(EXCHANGES)))
        intraday_minutes(self.timeframe)

    @property
    def sessions_per_year(self) -> float:
        """Sessions in a nominal year."""
        return EXCHANGES[self.exchange].sessions_per_year

    @property
    def bars_per_session(self) -> float:
        """Bars in a full session (below one for bars longer than a session).

        Bars begin with each part of a session, and its last one may be short.
        """
        minutes = intraday_minutes(self.timeframe)
        if self.timeframe == "1w":
            return WEEKS_PER_YEAR / self.sessions_per_year
        if self.timeframe == "1mo":
            return _MONTHS_PER_YEAR / self.sessions_per_year
        if minutes is None:
            return 1.0
        parts = EXCHANGES[self.exchange].parts
        return float(sum(math.ceil((end - start) / minutes) for start, end in parts))

    @property
    def bars_per_year(self) -> float:
        """Bars in a nominal year: sessions per year times bars per session."""
        return self.sessions_per_year * self.bars_per_session

    @property
    def dt(self) -> float:
        """Length of one bar in years."""
        return 1.0 / self.bars_per_year

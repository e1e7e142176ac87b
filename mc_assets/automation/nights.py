"""Nights: what follows each session of each exchange, from its bars to the warehouse.

A night belongs to one session of one exchange: its calendar knows holidays, half days and clock
changes, and markets that never close have a session every day.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from engine.tables.sessions import Sessions, sessions_of
from mc_assets.automation.settings import NightlySettings
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig

__all__ = [
    "SATURDAY",
    "Night",
    "last_session",
    "live_series",
    "missed_nights",
    "next_night",
    "night_of",
    "saturdays",
    "upcoming_nights",
]

#: The exchange, so to say, of the weekly night that calibrates everything anew.
SATURDAY: Final = "saturday"

_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Night:
    """What follows a session.

    Parameters
    ----------
    exchange : str
        A key of `engine.calendar.EXCHANGES`, or `SATURDAY`.
    session : datetime.date
        The session's day; of a Saturday's night the Saturday.
    due : datetime.datetime
        When its bars are asked for first, UTC.
    timezone : str
        Of the exchange.
    """

    exchange: str
    session: datetime.date
    due: datetime.datetime
    timezone: str

    @property
    def key(self) -> str:
        """Name of the night, such as ``XNYS 2026-11-27``."""
        return f"{self.exchange} {self.session}"

    @property
    def is_weekly(self) -> bool:
        """Whether it is a Saturday's."""
        return self.exchange == SATURDAY

    def local(self, instant: datetime.datetime) -> str:
        """Return an instant as the exchange's clocks show it."""
        return instant.astimezone(ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M %Z")


def live_series(config: MarketDataConfig, day: datetime.date) -> dict[str, list[str]]:
    """Return the series that may have a bar on a day, by exchange, in the order of the file."""
    found: dict[str, list[str]] = {}
    for series in config.series:
        if series.start <= day and (series.end is None or series.end >= day):
            found.setdefault(series.exchange, []).append(series.key)
    return found


def missed_nights(
    exchange: str,
    now: datetime.datetime,
    *,
    after: datetime.date | None,
    delay: datetime.timedelta,
    most: int = 60,
) -> list[Night]:
    """Return the nights of an exchange that are due and not made, oldest first.

    Parameters
    ----------
    exchange : str
        A key of `engine.calendar.EXCHANGES`.
    now : datetime.datetime
        The present, with a time zone.
    after : datetime.date, optional
        Session of the last night that was made; None where none was: the newest one alone is due.
    delay : datetime.timedelta
        From a session's close to its night.
    most : int
        The newest so many are returned.

    Examples
    --------
    The day after Thanksgiving closes at 13:00 in New York:

    >>> UTC = datetime.UTC
    >>> now = datetime.datetime(2026, 11, 27, 18, 30, tzinfo=UTC)
    >>> delay = datetime.timedelta(minutes=30)
    >>> [night] = missed_nights("XNYS", now, after=datetime.date(2026, 11, 25), delay=delay)
    >>> night.key, night.local(night.due)
    ('XNYS 2026-11-27', '2026-11-27 13:30 EST')
    """
    sessions = sessions_of(exchange)
    limit = _microseconds(now - delay)
    end = int(np.searchsorted(sessions.closes, limit, side="right"))
    first = end - 1
    if after is not None:
        first = int(np.searchsorted(sessions.days, _day_number(after), side="right"))
    first = max(first, end - most, 0)
    return [_night(exchange, sessions, place, delay) for place in range(first, end)]


def next_night(
    exchange: str, now: datetime.datetime, delay: datetime.timedelta
) -> tuple[Night, str]:
    """Return the night of an exchange that is due next, and what is particular about its session.

    Examples
    --------
    >>> now = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
    >>> night, remark = next_night("XNYS", now, datetime.timedelta(minutes=30))
    >>> str(night.session), remark
    ('2026-11-27', 'half day')
    """
    sessions = sessions_of(exchange)
    place = int(np.searchsorted(sessions.closes, _microseconds(now - delay), side="right"))
    length = sessions.closes[place] - sessions.opens[place]
    near = slice(max(place - 30, 0), place + 1)
    usual = np.median(sessions.closes[near] - sessions.opens[near])
    return _night(exchange, sessions, place, delay), "half day" if length < usual else ""


def night_of(exchange: str, session: datetime.date, delay: datetime.timedelta) -> Night:
    """Return the night of a session.

    Raises
    ------
    KeyError
        If the exchange has no such session.
    """
    sessions = sessions_of(exchange)
    place = int(np.searchsorted(sessions.days, _day_number(session)))
    if place == len(sessions.days) or sessions.days[place] != _day_number(session):
        raise KeyError(session)
    return _night(exchange, sessions, place, delay)


def saturdays(
    config: MarketDataConfig, now: datetime.datetime, at: datetime.time
) -> tuple[Night, Night]:
    """Return the last Saturday's night and the next one.

    Parameters
    ----------
    config : MarketDataConfig
        The exchange of its first series says what Saturday is.
    now : datetime.datetime
        The present, with a time zone.
    at : datetime.time
        When it is due.
    """
    exchange = config.series[0].exchange
    zone = sessions_of(exchange).timezone
    local = now.astimezone(ZoneInfo(zone))
    day = local.date() - datetime.timedelta(days=(local.weekday() - 5) % 7)
    due = datetime.datetime.combine(day, at, ZoneInfo(zone))
    if due > now:
        day -= datetime.timedelta(days=7)
    weeks = (day, day + datetime.timedelta(days=7))
    last, following = (
        Night(
            SATURDAY,
            one,
            datetime.datetime.combine(one, at, ZoneInfo(zone)).astimezone(datetime.UTC),
            zone,
        )
        for one in weeks
    )
    return last, following


def last_session(series: SeriesConfig, stamp: str | None) -> datetime.date | None:
    """Return the session that a bar belongs to.

    Parameters
    ----------
    series : SeriesConfig
        The bar's series.
    stamp : str or None
        When the bar opens, ISO 8601; UTC where it names no zone.

    Examples
    --------
    The session of the 2nd opens on the evening of the 1st in Chicago:

    >>> crude = SeriesConfig(symbol="CL", provider="csv", exchange="CMES", start="2020-01-01",
    ...                      options={"path": "x"})
    >>> last_session(crude, "2026-03-01T23:00:00")
    datetime.date(2026, 3, 2)
    """
    if stamp is None:
        return None
    instant = datetime.datetime.fromisoformat(stamp)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=datetime.UTC)
    sessions = sessions_of(series.exchange)
    place = int(sessions.index_at(np.array([_microseconds(instant)]))[0])
    return instant.date() if place < 0 else _date(int(sessions.days[place]))


def upcoming_nights(
    config: MarketDataConfig, now: datetime.datetime, settings: NightlySettings
) -> list[Night]:
    """Return the next night of each exchange that has series to come, the earliest first."""
    live = live_series(config, now.date())
    delay = datetime.timedelta(minutes=settings.delay_minutes)
    found = [next_night(exchange, now, delay)[0] for exchange in live]
    if live and settings.saturday is not None:
        found.append(saturdays(config, now, settings.saturday)[1])
    return sorted(found, key=lambda night: (night.due, night.exchange))


def _night(exchange: str, sessions: Sessions, place: int, delay: datetime.timedelta) -> Night:
    closed = datetime.datetime.fromtimestamp(int(sessions.closes[place]) / 1e6, datetime.UTC)
    return Night(exchange, _date(int(sessions.days[place])), closed + delay, sessions.timezone)


def _microseconds(instant: datetime.datetime) -> int:
    return int(instant.timestamp() * 1_000_000)


def _day_number(day: datetime.date) -> int:
    return (day - datetime.date(1970, 1, 1)).days


def _date(day: int) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=day)

"""Longer bars made of the bars of a path: which bars each holds, and from which bar it is seen.

They begin with each session, and again behind its lunch break, so the last of a session may be
short; bars outside the sessions are in none. A longer bar is seen by whoever decides at the close
of a bar that ends no earlier than it does. Where bars have instants these decide, with the
exchange's holidays and half days; else the sessions of the model's calendar, counted from the
first bar on which the strategy trades.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES, BarCalendar
from engine.errors import Refusal
from engine.execution.schedule import Schedule, schedule_around
from engine.local_time import days_of_bars, session_days
from engine.timeframes import LONG_TIMEFRAMES, intraday_minutes

__all__ = ["LongerBars", "Timeline", "bars_within", "check_timeframe"]

_MINUTE: Final = 60_000_000
_ALWAYS_OPEN: Final = "24/7"
# Sessions of the longest month, by the days of a week.
_SESSIONS_OF_A_MONTH: Final = {5: 23, 7: 31}


class LongerBars(NamedTuple):
    """Longer bars on a path.

    Parameters
    ----------
    group : ndarray of int64, shape (bars,)
        Number of the longer bar that each bar is part of, -1 for none.
    seen : ndarray of int64, shape (groups,)
        First bar at whose close each longer bar has closed; never falls.
    """

    group: NDArray[np.int64]
    seen: NDArray[np.int64]


def check_timeframe(where: str, timeframe: str, calendar: BarCalendar) -> None:
    """Refuse a timeframe that bars of a calendar cannot be joined to.

    Raises
    ------
    Refusal
        If it is shorter, or its bars would cut theirs in two.
    """
    base, minutes = intraday_minutes(calendar.timeframe), intraday_minutes(timeframe)
    if timeframe == calendar.timeframe:
        return
    if base is not None:
        fits = minutes is None or minutes % base == 0
        allowed = f"whole multiples of {calendar.timeframe}, or 1d, 1w or 1mo"
    else:
        # Months do not consist of whole weeks.
        fits = calendar.timeframe == "1d" and timeframe in LONG_TIMEFRAMES
        allowed = "1d, 1w or 1mo" if calendar.timeframe == "1d" else calendar.timeframe
    if not fits:
        raise Refusal(where, f"timeframe {timeframe} on bars of {calendar.timeframe}", allowed)


def bars_within(timeframe: str, calendar: BarCalendar, bars_per_session: float) -> int:
    """Return how many bars of a calendar a longer bar holds at most.

    Parameters
    ----------
    timeframe : str
        Of the longer bar.
    calendar : BarCalendar
        Of the bars.
    bars_per_session : float
        Of the sessions as they are: more than the calendar's where there are extended hours.

    Examples
    --------
    >>> minutes = BarCalendar("XNYS", "1m")
    >>> bars_within("1h", minutes, 390.0), bars_within("1d", minutes, 390.0)
    (60, 390)
    """
    if timeframe == calendar.timeframe:
        return 1
    base, minutes = intraday_minutes(calendar.timeframe), intraday_minutes(timeframe)
    session = 1
    if base is not None:
        session = math.ceil(max(calendar.bars_per_session, bars_per_session))
    if base is not None and minutes is not None:
        longer = BarCalendar(calendar.exchange, timeframe).bars_per_session
        return max(minutes // base, math.ceil(session / longer))
    days = EXCHANGES[calendar.exchange].days_per_week
    return session * {"1d": 1, "1w": days, "1mo": _SESSIONS_OF_A_MONTH[days]}[timeframe]


class Timeline:
    """When the bars of a path are, and the longer bars that they make.

    Parameters
    ----------
    calendar : BarCalendar
        Exchange and timeframe of the bars.
    bar_count : int
        Of the path.
    first_trading_bar : int
        From which the sessions of bars without instants are counted.
    bars_per_session : float
        Of the sessions as they are.
    timestamps : ndarray of int64, shape (bars,), optional
        Opening instants, microseconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        calendar: BarCalendar,
        bar_count: int,
        *,
        first_trading_bar: int = 0,
        bars_per_session: float = 1.0,
        timestamps: NDArray[np.int64] | None = None,
    ) -> None:
        self.calendar = calendar
        self.bar_count = bar_count
        self.bars_per_session = bars_per_session
        self._first = first_trading_bar
        self._timestamps = timestamps
        self._terms = EXCHANGES[calendar.exchange]
        self._minutes = intraday_minutes(calendar.timeframe)
        self._made: dict[str, LongerBars] = {}
        self._sessions: list[NDArray[np.float64]] = []

    @classmethod
    def of(
        cls, timeframe: str | None, exchange: str | None, bar_count: int, **more: Any
    ) -> Timeline | None:
        """Return the timeline of bars of a timeframe, None of bars whose timeframe is unknown.

        Parameters
        ----------
        timeframe, exchange : str, optional
            Without an exchange sessions are days in UTC.
        bar_count : int
            Of the path.
        **more
            As of the class.
        """
        if timeframe is None:
            return None
        return cls(BarCalendar(exchange or _ALWAYS_OPEN, timeframe), bar_count, **more)

    def longer_bars(self, where: str, timeframe: str) -> LongerBars:
        """Return the longer bars of a timeframe.

        Raises
        ------
        Refusal
            If the bars cannot be joined to it; names `where`.
        """
        check_timeframe(where, timeframe, self.calendar)
        made = self._made.get(timeframe)
        # Plans hold addresses: of what two threads make at once, both must be given the one kept.
        return made or self._made.setdefault(timeframe, self._make(timeframe))

    def sessions(self) -> NDArray[np.float64]:
        """Return the day of the session of each bar, a number that never falls.

        Returns
        -------
        ndarray of float64, shape (bars,)
            The same array at every call.
        """
        if not self._sessions:
            if self._timestamps is None:
                days = self._places[0] if self._minutes is not None else self._counted
            elif self._minutes is None:
                days = days_of_bars(self._timestamps, self.calendar.exchange)
            else:
                days = session_days(self._timestamps, self.calendar.exchange)
            self._sessions.append(days.astype(np.float64))
        return self._sessions[0]

    def _make(self, timeframe: str) -> LongerBars:
        if timeframe == self.calendar.timeframe:
            every = np.arange(self.bar_count)
            return LongerBars(every, every)
        if self._timestamps is None:
            return self._of_counted_sessions(timeframe)
        if self._minutes is None:
            return self._of_days(timeframe, self._timestamps)
        return self._of_instants(timeframe, self._timestamps, self._minutes)

    # --- bars with instants --------------------------------------------------------------

    @cached_property
    def _schedule(self) -> Schedule:
        assert self._timestamps is not None
        first, last = int(self._timestamps[0]), int(self._timestamps[-1])
        return schedule_around(first, last, self.calendar.exchange)

    def _of_days(self, timeframe: str, timestamps: NDArray[np.int64]) -> LongerBars:
        days = days_of_bars(timestamps, self.calendar.exchange)
        known = self._schedule.days
        following = np.minimum(np.searchsorted(known, days, side="right"), len(known) - 1)
        period = _period(days, timeframe)
        ends = period != _period(known[following], timeframe)
        return _joined(period, np.ones(self.bar_count, dtype=np.bool_), ends)

    def _of_instants(self, timeframe: str, timestamps: NDArray[np.int64], base: int) -> LongerBars:
        schedule = self._schedule
        place = schedule.place_of(timestamps)
        inside, place = place >= 0, np.maximum(place, 0)
        if not inside.any():
            exchange = self.calendar.exchange
            raise Refusal(
                "bars",
                f"none lies inside the sessions of {exchange}",
                hint="name the exchange on which they were traded",
            )
        minutes = intraday_minutes(timeframe)
        resumed = timestamps >= schedule.break_ends[place]
        end = np.where(resumed, schedule.closes[place], schedule.break_starts[place])
        if minutes is not None:
            begin = np.where(resumed, schedule.break_ends[place], schedule.opens[place])
            length = minutes * _MINUTE
            number = (timestamps - begin) // length
            closes = np.minimum(begin + (number + 1) * length, end)
            key = (place * 2 + resumed) * 1440 + number
        else:
            days = schedule.days
            following = np.minimum(place + 1, len(days) - 1)
            key = _period(days[place], timeframe)
            last = key != _period(days[following], timeframe)
            closes = np.where(last, schedule.closes[place], np.iinfo(np.int64).max)
        ended = np.minimum(timestamps + base * _MINUTE, end) >= closes
        return _joined(key, inside, ended)

    # --- bars without --------------------------------------------------------------------

    @property
    def _counted(self) -> NDArray[np.int64]:
        """Number of each bar from the first trading bar on."""
        return np.arange(self.bar_count, dtype=np.int64) - self._first

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Session of each bar, and the number of the bar within it."""
        length = max(1, math.ceil(self.bars_per_session - 1e-9))
        session, place = np.divmod(self._counted, length)
        return session, place

    def _of_counted_sessions(self, timeframe: str) -> LongerBars:
        if self._minutes is None:
            session = self._counted
            last_of_session = np.ones(self.bar_count, dtype=np.bool_)
        else:
            session, place = self._places
            length = max(1, math.ceil(self.bars_per_session - 1e-9))
            last_of_session = place == length - 1
        minutes = intraday_minutes(timeframe)
        everywhere = np.ones(self.bar_count, dtype=np.bool_)
        if minutes is not None:
            assert self._minutes is not None
            lengths = [math.ceil((end - start) / self._minutes) for start, end in self._terms.parts]
            if sum(lengths) != length:
                lengths = [length]  # not the hours of the calendar: a session without a break
            starts = np.cumsum([0, *lengths[:-1]])
            part = np.searchsorted(starts, place, side="right") - 1
            within = place - starts[part]
            step = minutes // self._minutes
            ends = ((within + 1) % step == 0) | (within + 1 == np.array(lengths)[part])
            return _joined(
                (session * len(lengths) + part) * 1440 + within // step, everywhere, ends
            )
        period, following = (
            self._counted_period(item, timeframe) for item in (session, session + 1)
        )
        return _joined(period, everywhere, last_of_session & (period != following))

    def _counted_period(self, session: NDArray[np.int64], timeframe: str) -> NDArray[np.int64]:
        if timeframe == "1d":
            return session
        if timeframe == "1w":
            return np.asarray(session // self._terms.days_per_week)
        months = np.floor(session * (12.0 / self._terms.sessions_per_year))
        return np.asarray(months.astype(np.int64))


def _period(days: NDArray[np.int64], timeframe: str) -> NDArray[np.int64]:
    """Return the number of the day, week or month of each day."""
    if timeframe == "1d":
        return days
    if timeframe == "1w":
        # 1970-01-01 was a Thursday: weeks start on Monday.
        return np.asarray((days + 3) // 7)
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray(months.astype(np.int64))


def _joined(
    key: NDArray[np.int64], inside: NDArray[np.bool_], ended: NDArray[np.bool_]
) -> LongerBars:
    """Join neighbours of one key.

    `ended` says of each bar whether the longer bar that it is part of closes no later than it;
    where the last bar of one does not say so, that is known at the next.
    """
    places = np.flatnonzero(inside)
    group = np.full(len(key), -1, dtype=np.int64)
    if len(places) == 0:
        return LongerBars(group, np.empty(0, dtype=np.int64))
    keys = key[places]
    group[places] = np.cumsum(np.diff(keys, prepend=keys[:1]) != 0)
    last = places[np.append(np.diff(keys) != 0, True)]
    return LongerBars(group, np.where(ended[last], last, last + 1))

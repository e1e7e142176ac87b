r"""The time that bars of history take: the years of a series, from bar to bar.

Time is counted by timestamps, in the weeks of the exchange: a week of five sessions is 7 / 365.25
years, whatever bars it has.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES, WEEKS_PER_YEAR, BarCalendar, Exchange
from engine.local_time import days_of_bars, evening, session_days, wall_clock
from engine.timeframes import intraday_minutes

__all__ = [
    "REGULAR_SHARE",
    "TradingTime",
    "bar_years",
    "session_bars",
    "time_between",
    "trading_time",
    "years_of",
]

#: Bars over those that the calendar counts, at which a series matches it: a year without holidays
#: has 3.5 % more.
REGULAR_SHARE: Final = (0.97, 1.04)

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
_YEAR: Final = 365.25 * _DAY
# Of bars that are no number of minutes.
_SHORTEST: Final = {"1d": _DAY, "1w": 7 * _DAY, "1mo": 28 * _DAY}
# No exchange closes for more weekdays in a row; a longer pause is a hole in the series.
_LONGEST_CLOSURE: Final = 8


def years_of(timestamps: NDArray[np.int64], calendar: BarCalendar) -> float:
    """Return how many years a series takes, from the open of its first bar to the end of its last.

    Bars of a day or less take the weekdays from the first session to the last, both included, at
    5 x 365.25 / 7 a year, and of the first and last session the part from the first open and to
    the last close; where markets never close, the time itself. Weeks and months are counted.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC, strictly increasing; at least one.
    calendar : BarCalendar
        Exchange and timeframe.

    Examples
    --------
    >>> days = np.arange("2019-01-02", "2020-01-01", dtype="datetime64[D]")
    >>> stamps = days[np.is_busday(days)].astype("datetime64[us]").astype(np.int64)
    >>> round(years_of(stamps, BarCalendar("XNYS", "1d")), 4)
    0.9966
    """
    minutes = intraday_minutes(calendar.timeframe)
    # Bars outside the sessions take time too: no more fit in a year than its minutes have room for.
    length = minutes * _MINUTE if minutes is not None else _SHORTEST[calendar.timeframe]
    shortest = len(timestamps) * length / _YEAR
    found = _years(int(timestamps[0]), int(timestamps[-1]), calendar, minutes)
    return max(found if found > 0.0 else len(timestamps) * calendar.dt, shortest)


def session_bars(timestamps: NDArray[np.int64], calendar: BarCalendar) -> float:
    """Return how many bars the sessions of a series have: the median.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC.
    calendar : BarCalendar
        Exchange and timeframe; nominal for bars of a day or longer.
    """
    if intraday_minutes(calendar.timeframe) is None:
        return calendar.bars_per_session
    _, counts = np.unique(session_days(timestamps, calendar.exchange), return_counts=True)
    return float(np.median(counts))


def time_between(timestamps: NDArray[np.int64], bars_per_year: float) -> NDArray[np.float64]:
    """Return the time from the open of the bar before to that of each bar, in mean bars.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC.
    bars_per_year : float
        Of the series; one over it is the length of a mean bar in years.

    Returns
    -------
    ndarray of float64, shape (bars,)
        That of the first bar, which has none before it, is 1. From Friday to Monday a daily bar
        takes three days of 365.25 a year, so the charges of a year add up to its rate.
    """
    return np.diff(timestamps, prepend=timestamps[:1]) * (bars_per_year / _YEAR) + np.where(
        np.arange(len(timestamps)) == 0, 1.0, 0.0
    )


def bar_years(bars_per_year: float, calendar: BarCalendar) -> float:
    """Return the length of a bar in years that estimates count with.

    It is the calendar's, which simulated paths have too, where the bars of a series match it: no
    more than 3 % missing, or 4 % beside those. Otherwise it follows from the bars that exist.

    Parameters
    ----------
    bars_per_year : float
        Of the series, as they exist.
    calendar : BarCalendar
        Exchange and timeframe.

    Examples
    --------
    >>> 1.0 / bar_years(251.3, BarCalendar("XNYS", "1d"))
    252.0
    >>> round(1.0 / bar_years(49_000.0, BarCalendar("XNYS", "1m")))
    49000
    """
    least, most = REGULAR_SHARE
    regular = least <= bars_per_year / calendar.bars_per_year <= most
    return calendar.dt if regular else 1.0 / bars_per_year


class TradingTime(NamedTuple):
    """The trading time from each bar of a series to the next.

    Parameters
    ----------
    bar_counts : ndarray of float64, shape (bars - 1,)
        Bars of trading time, at least 1.
    inside : ndarray of bool, shape (bars - 1,)
        Whether both bars lie in one session; for bars of a session or more, always.
    dt : float
        Length of one bar of trading time in years.
    """

    bar_counts: NDArray[np.float64]
    inside: NDArray[np.bool_]
    dt: float


def trading_time(timestamps: NDArray[np.int64], calendar: BarCalendar) -> TradingTime:
    """Count the bars of trading time from each bar to the next.

    Inside a session these are its elapsed bars, whether they exist or not, without the lunch break;
    across a break between sessions, one. Daily bars are one session apart, over weekends and
    holidays: but where the series lacks more than 3 % of its calendar's sessions, or more than
    eight weekdays in a row, they are the weekdays between them. Missing weeks and months count.
    The length of a bar is by `bar_years`.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC; at least one.
    calendar : BarCalendar
        Exchange and timeframe.
    """
    minutes = intraday_minutes(calendar.timeframe)
    if minutes is None:
        bar_counts, lacking = _elapsed_sessions(timestamps, calendar)
        bar_counts = np.maximum(bar_counts, 1.0)
        inside = np.ones(len(bar_counts), dtype=np.bool_)
    else:
        bar_counts, inside = _elapsed_bars(timestamps, calendar, minutes)
        lacking = False
    count = float(bar_counts.sum()) + 1.0
    if minutes is not None and EXCHANGES[calendar.exchange].minutes_open_to_close < 1440.0:
        count = max(count, _bars_of_whole_sessions(timestamps, calendar, bar_counts))
    per_year = count / years_of(timestamps, calendar)
    # Steps of weekdays are shorter than the calendar's sessions.
    dt = 1.0 / per_year if lacking else bar_years(per_year, calendar)
    return TradingTime(bar_counts, inside, dt)


def _years(first: int, last: int, calendar: BarCalendar, minutes: int | None) -> float:
    if calendar.timeframe == "1w":
        return ((last - first) / (7 * _DAY) + 1.0) / WEEKS_PER_YEAR
    if calendar.timeframe == "1mo":
        edges = _months(np.array([first, last]))
        return float(edges[1] - edges[0] + 1) / 12.0
    terms = EXCHANGES[calendar.exchange]
    if minutes is None:
        edges = days_of_bars(np.array([first, last]), calendar.exchange)
        days = float(_sessions_before(edges[1] + 1, terms) - _sessions_before(edges[0], terms))
    else:
        end = last + minutes * _MINUTE
        days = _sessions_until(end, terms) - _sessions_until(first, terms)
    return days / (WEEKS_PER_YEAR * terms.days_per_week)


def _elapsed_bars(
    timestamps: NDArray[np.int64], calendar: BarCalendar, minutes: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    terms = EXCHANGES[calendar.exchange]
    gaps = np.diff(timestamps)
    closed = 1440.0 - terms.minutes_open_to_close
    if closed == 0.0:
        closed = 2880.0 if terms.days_per_week < 7 else np.inf
    inside = gaps <= max(0.5 * closed, minutes) * _MINUTE
    traded = gaps - _lunch(timestamps, terms)
    bar_counts = np.where(inside, np.maximum(np.round(traded / (minutes * _MINUTE)), 1.0), 1.0)
    return bar_counts, inside


def _bars_of_whole_sessions(
    timestamps: NDArray[np.int64], calendar: BarCalendar, bar_counts: NDArray[np.float64]
) -> float:
    """Return the bars of trading time of all sessions.

    Where few minutes have a trade, those before the first and after the last of a session are
    between no two bars: a session is as long as nine of ten are short of.
    """
    days = session_days(timestamps, calendar.exchange)
    first = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    within = np.where(np.diff(days) == 0, bar_counts, 0.0)
    lengths = np.add.reduceat(np.append(within, 0.0), first) + 1.0
    return float(len(first) * np.quantile(lengths, 0.9))


def _elapsed_sessions(
    timestamps: NDArray[np.int64], calendar: BarCalendar
) -> tuple[NDArray[np.float64], bool]:
    """Return the bars from each bar to the next, and whether they are weekdays."""
    if calendar.timeframe == "1w":
        return np.round(np.diff(timestamps) / (7.0 * _DAY)), False
    if calendar.timeframe == "1mo":
        return np.diff(_months(timestamps)).astype(np.float64), False
    terms = EXCHANGES[calendar.exchange]
    weekdays = np.diff(_sessions_before(days_of_bars(timestamps, calendar.exchange), terms)).astype(
        np.float64
    )
    nominal = calendar.sessions_per_year / (WEEKS_PER_YEAR * terms.days_per_week)
    if len(weekdays) >= REGULAR_SHARE[0] * nominal * float(weekdays.sum()):
        return np.where(weekdays > _LONGEST_CLOSURE, weekdays, 1.0), False
    return weekdays, True


def _lunch(timestamps: NDArray[np.int64], terms: Exchange) -> NDArray[np.float64]:
    """Return the microseconds of lunch break between each bar and the next of the same day."""
    total = np.zeros(max(len(timestamps) - 1, 0))
    if len(terms.parts) == 1:
        return total
    minute = wall_clock(timestamps, terms.zone) % _DAY / _MINUTE
    for (_, begin), (end, _) in zip(terms.parts, terms.parts[1:], strict=False):
        taken = np.clip(minute, begin, end)
        total += np.maximum(np.diff(taken), 0.0) * _MINUTE
    return total


def _months(timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
    # A month may open on the evening before its first day.
    return (timestamps + 3 * _DAY).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _sessions_before(days: NDArray[np.int64], terms: Exchange) -> NDArray[np.int64]:
    """Return the number of days with a session, holidays aside, before each day."""
    if terms.days_per_week == 7:
        return days
    # 1970-01-01 was a Thursday.
    week, weekday = np.divmod(days + 3, 7)
    return np.asarray(week * 5 + np.minimum(weekday, 5))


def _sessions_until(instant: int, terms: Exchange) -> float:
    """Return the sessions, holidays aside, up to an instant, and the part of its own by then."""
    seconds, rest = divmod(instant, 1_000_000)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(terms.zone))
    wall = int(local.replace(tzinfo=UTC).timestamp()) * 1_000_000 + rest
    day = (wall + evening(terms)) // _DAY
    whole = _sessions_before(np.array([day]), terms)[0]
    if terms.days_per_week < 7 and (day + 3) % 7 >= 5:
        return float(whole)
    minute = (wall - day * _DAY) / _MINUTE
    over = sum(min(max(minute - start, 0.0), end - start) for start, end in terms.parts)
    return float(whole) + over / terms.minutes_per_session

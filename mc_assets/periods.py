"""Periods: the partitions in time of what is made as of a date.

A weekday of the newest weeks is a period of its own, a month of this year and the last before
them, a year what lies further back. So a series has about a hundred periods instead of a weekday
each since it began, and those that a person looks at every day are still days. What is stored does
not know them: dates are rows.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from engine.calendar import EXCHANGES
from engine.errors import Refusal

if TYPE_CHECKING:
    from mc_assets.market_data.config import MarketDataConfig

__all__ = [
    "as_of_span",
    "chosen_dates",
    "dates_in",
    "has_weekends",
    "period_keys",
    "period_of",
]

_PERIOD: Final = re.compile(r"\d{4}(-\d{2}){0,2}", re.ASCII)
# Days are offered of every month that one of the last two weeks lies in.
_NEWEST: Final = datetime.timedelta(days=14)


def as_of_span(
    config: MarketDataConfig, today: datetime.date | None = None
) -> tuple[datetime.date, datetime.date]:
    """First and last day that anything can be made as of: where bars may be.

    Parameters
    ----------
    config : MarketDataConfig
        The series file.
    today : datetime.date, optional
        By default today's, UTC.

    Returns
    -------
    tuple of datetime.date
        From the year in which the first series begins to today, or to the end of the year in
        which the last one ends.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    first = min((series.start.year for series in config.series), default=today.year)
    ends = [series.end for series in config.series]
    last = today
    if ends and None not in ends:
        newest = max(end.year for end in ends if end is not None)
        last = min(today, datetime.date(newest, 12, 31))
    return datetime.date(min(first, last.year), 1, 1), last


def has_weekends(config: MarketDataConfig) -> bool:
    """Whether one of the series trades on Saturdays and Sundays, as of which it is calibrated."""
    return any(EXCHANGES[series.exchange].days_per_week == 7 for series in config.series)


def period_keys(
    first: datetime.date,
    last: datetime.date,
    today: datetime.date | None = None,
    *,
    weekends: bool = False,
) -> list[str]:
    """Keys of the periods between two days, oldest first.

    Parameters
    ----------
    first, last : datetime.date
        Both belong to a period.
    today : datetime.date, optional
        What is new is counted from it; by default today's, UTC.
    weekends : bool
        Whether Saturdays and Sundays of the newest weeks have a period.

    Returns
    -------
    list of str
        Years ``2024``, then months ``2025-01``, then weekdays ``2026-11-02``, of which each day is
        in one.

    Examples
    --------
    >>> from datetime import date
    >>> period_keys(date(2023, 1, 1), date(2026, 1, 20), date(2026, 1, 20))[:4]
    ['2023', '2024', '2025-01', '2025-02']
    >>> period_keys(date(2023, 1, 1), date(2026, 1, 20), date(2026, 1, 20))[-2:]
    ['2026-01-19', '2026-01-20']
    """
    day = datetime.timedelta(days=1)
    found: dict[str, None] = {}
    at = first
    while at <= last:
        key = period_of(at, today)
        if len(key) < 10 or weekends or at.weekday() < 5:
            found[key] = None
        at = _next(key) if len(key) < 10 else at + day
    return list(found)


def period_of(day: datetime.date, today: datetime.date | None = None) -> str:
    """Key of the period that a day belongs to; `today` as for `period_keys`.

    Examples
    --------
    >>> from datetime import date
    >>> [period_of(day, date(2026, 11, 27)) for day in (date(2024, 3, 4), date(2025, 3, 4))]
    ['2024', '2025-03']
    >>> period_of(date(2026, 11, 2), date(2026, 11, 27))
    '2026-11-02'
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    if day >= (today - _NEWEST).replace(day=1):
        return day.isoformat()
    return f"{day:%Y-%m}" if day.year >= today.year - 1 else f"{day:%Y}"


def dates_in(period: str) -> list[datetime.date]:
    """Dates of a period, oldest first: of a month or a year its weekdays, none after today, UTC.

    Raises
    ------
    Refusal
        If it is no period.
    """
    try:
        if _PERIOD.fullmatch(period) is None:
            raise ValueError
        first = datetime.date.fromisoformat(f"{period}-01-01"[:10])
    except ValueError:
        raise Refusal(
            "period", repr(period), "a year, a month YYYY-MM, or a day YYYY-MM-DD"
        ) from None
    today = datetime.datetime.now(datetime.UTC).date()
    count = (min(_next(period), today + datetime.timedelta(days=1)) - first).days
    days = (first + datetime.timedelta(days=number) for number in range(count))
    return [day for day in days if len(period) == 10 or day.weekday() < 5]


def chosen_dates(
    period: str,
    chosen: Sequence[str] = (),
    *,
    between: tuple[datetime.date, datetime.date] | None = None,
) -> list[datetime.date]:
    """Dates of a period that a run is to make.

    Parameters
    ----------
    period : str
        Key of a period.
    chosen : sequence of str
        Only these of its days, where there are any; they may lie in other periods, too, and on
        weekends.
    between : tuple of datetime.date, optional
        First and last day of the bars: where nothing is chosen, of a month or a year only weekdays
        between them.

    Raises
    ------
    Refusal
        If one of `chosen` is no date.
    """
    dates = dates_in(period)
    if chosen:
        today = datetime.datetime.now(datetime.UTC).date()
        of_period = f"{period}-"
        return [
            day
            for day in sorted(_dates(chosen))
            if f"{day}-".startswith(of_period) and day <= today
        ]
    if between is None or len(period) == 10:
        return dates
    first, last = between
    return [day for day in dates if first <= day <= last]


def _dates(texts: Iterable[str]) -> set[datetime.date]:
    found = set()
    for text in texts:
        try:
            found.add(datetime.date.fromisoformat(text))
        except ValueError:
            raise Refusal("dates", repr(text), "a date YYYY-MM-DD") from None
    return found


def _next(period: str) -> datetime.date:
    """Day after a period."""
    first = datetime.date.fromisoformat(f"{period}-01-01"[:10])
    if len(period) == 10:
        return first + datetime.timedelta(days=1)
    months = 12 if len(period) == 4 else 1
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return datetime.date(year, month + 1, 1)

"""The days on which listed options expire, by the rules of their exchanges."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.schedule import schedule_around

__all__ = ["RULES", "business_days", "crude_future_last_trade"]

Days = NDArray[np.datetime64]

# Years whose trading days are asked for at once.
_BLOCK: Final = 20
# Until 2012 the Nymex did not trade on the Friday after Thanksgiving; it closed on one Monday more.
_LONG_UNTIL: Final = 2012
_NYMEX_CLOSED: Final = (np.datetime64("2007-12-24"),)
_FRIDAY: Final = 4
_QUARTERS: Final = (3, 6, 9, 12)


def business_days(first_year: int, last_year: int, market: str = "XNYS") -> Days:
    """Return the trading days of some years: of New York's exchange, or of ``"nymex"``.

    Returns
    -------
    ndarray of datetime64, shape (days,)
        From the start of the first year to the end of the last.
    """
    return _business_days(first_year, last_year, market)


@lru_cache(maxsize=512)
def _business_days(first_year: int, last_year: int, market: str) -> Days:
    blocks = range(first_year // _BLOCK, last_year // _BLOCK + 1)
    days = np.concatenate([_block_of(block) for block in blocks])
    start = np.datetime64(f"{first_year}-01-01", "D")
    days = days[(days >= start) & (days < np.datetime64(f"{last_year + 1}-01-01", "D"))]
    if market == "nymex":
        closed = [_nth_weekday(year, 11, 3, 4) + 1 for year in range(first_year, _LONG_UNTIL + 1)]
        days = np.setdiff1d(days, [*_NYMEX_CLOSED, *closed])
    days.flags.writeable = False
    return days


@lru_cache(maxsize=16)
def _block_of(block: int) -> Days:
    """Return the trading days of some years at once: a calendar takes half a second."""
    first = np.datetime64(f"{block * _BLOCK}-01-01", "D")
    after = np.datetime64(f"{(block + 1) * _BLOCK}-01-01", "D")
    middle = [day.astype("datetime64[us]").astype(np.int64) for day in (first, after - 1)]
    days = schedule_around(int(middle[0]), int(middle[1]), "XNYS").days.astype("datetime64[D]")
    return np.asarray(days[(days >= first) & (days < after)])


def crude_future_last_trade(year: int, month: int) -> np.datetime64:
    """Return the last trading day of a crude oil future.

    The third business day before the 25th of the month before the contract month; where the 25th
    is no business day, the third before the last business day that precedes it (NYMEX Rulebook,
    chapter 200).

    Examples
    --------
    >>> str(crude_future_last_trade(2020, 5))
    '2020-04-21'
    """
    return _before_the_25th(year, month, 3)


def _before_the_25th(year: int, month: int, count: int) -> np.datetime64:
    before = np.datetime64(f"{year}-{month:02d}") - 1
    day = before.astype("datetime64[D]") + 24
    at = int(day.astype("datetime64[Y]").astype(int)) + 1970
    days = business_days(at - 1, at, "nymex")
    # The 25th itself, or the business day before it.
    anchor = int(np.searchsorted(days, day, side="right")) - 1
    return np.datetime64(days[anchor - count])


def _crude_monthly(year: int, month: int) -> list[np.datetime64]:
    """Three business days before the future's last (NYMEX Rulebook, chapter 310)."""
    return [_before_the_25th(year, month, 6)]


def _third_friday(year: int, month: int) -> list[np.datetime64]:
    return [_on_or_before(_nth_weekday(year, month, _FRIDAY, 3))]


def _quarterly_friday(year: int, month: int) -> list[np.datetime64]:
    return _third_friday(year, month) if month in _QUARTERS else []


def _other_fridays(year: int, month: int) -> list[np.datetime64]:
    """Every Friday but the third, or the business day before."""
    third = _nth_weekday(year, month, _FRIDAY, 3)
    first = _nth_weekday(year, month, _FRIDAY, 1)
    after = (np.datetime64(f"{year}-{month:02d}") + 1).astype("datetime64[D]")
    fridays = np.arange(first, after, 7)
    return [_on_or_before(day) for day in fridays if day != third]


def _every_friday(year: int, month: int) -> list[np.datetime64]:
    return sorted([*_other_fridays(year, month), *_third_friday(year, month)])


def _last_business_day(year: int, month: int) -> list[np.datetime64]:
    after = (np.datetime64(f"{year}-{month:02d}") + 1).astype("datetime64[D]")
    return [_on_or_before(after - 1)]


def _every_day(year: int, month: int) -> list[np.datetime64]:
    days = business_days(year, year)
    return list(days[days.astype("datetime64[M]") == np.datetime64(f"{year}-{month:02d}")])


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> np.datetime64:
    first = np.datetime64(f"{year}-{month:02d}-01", "D")
    # 1970-01-01 was a Thursday.
    ahead = (weekday - (int(first.astype(int)) + 3)) % 7
    return np.datetime64(first + ahead + 7 * (nth - 1))


def _on_or_before(day: np.datetime64) -> np.datetime64:
    year = int(day.astype("datetime64[Y]").astype(int)) + 1970
    days = business_days(year - 1, year)
    return np.datetime64(days[int(np.searchsorted(days, day, side="right")) - 1])


#: Expiries of one month, by the name of the rule. Of `crude` the month is that of the future.
RULES: Final[dict[str, Callable[[int, int], list[np.datetime64]]]] = {
    "crude": _crude_monthly,
    "third friday": _third_friday,
    "quarterly friday": _quarterly_friday,
    "other fridays": _other_fridays,
    "every friday": _every_friday,
    "month end": _last_business_day,
    "every day": _every_day,
}

"""Windows by the calendar: so many years to choose on, or the days on which to choose anew."""

from __future__ import annotations

import calendar
import datetime
import itertools
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.search.windows import WalkForwardWindow

__all__ = ["bars_in", "dated_windows"]

Days = NDArray[np.int64]

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3})(d|w|mo|y)")
_LENGTHS_ALLOWED: Final = "a length such as 3y, 6mo, 26w or 90d"
_DAYS_OF: Final = {"d": 1, "w": 7}
_MONTHS_OF: Final = {"mo": 1, "y": 12}
_YEARS_OF: Final = {"d": 1 / 365.25, "w": 7 / 365.25, "mo": 1 / 12, "y": 1.0}
_EPOCH: Final = datetime.date(1970, 1, 1)
# A year of bars that begins on its first session may end on its last: so many days without a
# session, a weekend and holidays, may lie on either side of it.
_WITHOUT_SESSION: Final = datetime.timedelta(days=5)


def dated_windows(
    days: Days,
    *,
    in_sample: str | None = None,
    out_of_sample: str | None = None,
    dates: Sequence[datetime.date] | None = None,
    anchored: bool = False,
    purge: int = 0,
) -> list[WalkForwardWindow]:
    """Lay windows over bars by the days that they are of.

    Parameters
    ----------
    days : ndarray of int64, shape (bars,)
        The day of each bar, days since 1970-01-01, ascending.
    in_sample, out_of_sample : str, optional
        Lengths such as ``"3y"``, ``"6mo"``, ``"26w"`` or ``"90d"``: the first window begins on the
        day of the first bar, and windows move by what is out of sample.
    dates : sequence of date, optional
        In place of `out_of_sample`: the days on which sets are chosen anew. Each is judged up to
        the next, the last to the last bar. Without `in_sample` all bars before are chosen on.
    anchored : bool
        Whether every window begins at the first bar.
    purge : int
        Bars at the end of what is in sample that are left out.

    Returns
    -------
    list of WalkForwardWindow
        Whole ones.

    Raises
    ------
    Refusal
        If a length or the dates cannot be read, or a window has no bars.

    Examples
    --------
    >>> days = np.arange(np.datetime64("2020-01-01"), np.datetime64("2023-01-01")).astype(np.int64)
    >>> [window.first_out for window in dated_windows(days, in_sample="1y", out_of_sample="1y")]
    [366, 731]
    """
    first, last = _date(days[0]), _date(days[-1])
    begins: list[datetime.date]
    if dates is not None:
        ends = _seams(dates, first, last)
        begins = [first] * (len(ends) - 1)
        if in_sample is not None:
            begins = [_moved(day, (in_sample, -1, "in_sample")) for day in ends[:-1]]
            if begins[0] < first - _WITHOUT_SESSION:
                raise Refusal(
                    "windows.dates",
                    f"{ends[0]}, {in_sample} before which there are no bars",
                    f"days that lie {in_sample} after the first bar, of {first}",
                )
    else:
        if in_sample is None or out_of_sample is None:
            raise Refusal("windows", "one length", "in_sample and out_of_sample, a count, or dates")
        begins, ends = _rolling(first, last, in_sample, out_of_sample)
    # Bars of a day are together, in sample or out of it.
    at_begin, at_end = (
        np.searchsorted(days, [(day - _EPOCH).days for day in edges]).tolist()
        for edges in (begins, ends)
    )
    found = [
        WalkForwardWindow(0 if anchored else begin, out - 1 - purge, out, end - 1)
        for begin, (out, end) in zip(at_begin, itertools.pairwise(at_end), strict=True)
    ]
    for window in found:
        if window.last_in < window.first_in or window.last_out < window.first_out:
            raise Refusal(
                "windows",
                f"a window around {_date(days[min(window.first_out, len(days) - 1)])} without bars",
                "bars in sample, beyond those left out, and out of sample",
            )
    return found


def bars_in(length: str, bars_per_year: float, field: str) -> int:
    """Return how many bars of a path without dates a length has, at least one.

    Raises
    ------
    Refusal
        If it is no length; `field` says which.

    Examples
    --------
    >>> bars_in("6mo", 252.0, "in_sample")
    126
    """
    count, unit = _read(length, field)
    return max(round(count * _YEARS_OF[unit] * bars_per_year), 1)


def _rolling(
    first: datetime.date, last: datetime.date, in_sample: str, out_of_sample: str
) -> tuple[list[datetime.date], list[datetime.date]]:
    """Return where windows begin, and the edges of what is out of sample, one more."""
    begins: list[datetime.date] = []
    edges = [_moved(first, (in_sample, 1, "in_sample"))]
    # From the first day each time: the 31st does not become the 28th for good.
    for number in itertools.count(1):
        edge = _moved(first, (in_sample, 1, "in_sample"), (out_of_sample, number, "out_of_sample"))
        if edge > last + _WITHOUT_SESSION:
            break
        edges.append(edge)
        begins.append(_moved(first, (out_of_sample, number - 1, "out_of_sample")))
    if not begins:
        raise Refusal(
            "windows",
            f"{in_sample} in sample and {out_of_sample} out of sample",
            f"together at most the bars there are, {first} to {last}",
        )
    return begins, edges


def _seams(
    dates: Sequence[datetime.date], first: datetime.date, last: datetime.date
) -> list[datetime.date]:
    """Return the days of choosing, with the end behind them."""
    told = [str(day) for day in dates]
    if not dates or any(later <= day for day, later in itertools.pairwise(dates)):
        raise Refusal("windows.dates", ", ".join(told) or "none", "days, each after the last")
    if dates[0] <= first or dates[-1] > last:
        raise Refusal(
            "windows.dates", f"{told[0]} to {told[-1]}", f"days after {first}, up to {last}"
        )
    return [*dates, last + datetime.timedelta(days=1)]


def _moved(day: datetime.date, *moves: tuple[str, int, str]) -> datetime.date:
    """Return a day so many lengths later: months first; of one that is too short its last day.

    A move is a length, how often, and the field that it is from.
    """
    months = days = 0
    for length, times, field in moves:
        count, unit = _read(length, field)
        months += times * count * _MONTHS_OF.get(unit, 0)
        days += times * count * _DAYS_OF.get(unit, 0)
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    try:
        longest = calendar.monthrange(year, month + 1)[1]
        moved = day.replace(year=year, month=month + 1, day=min(day.day, longest))
        return moved + datetime.timedelta(days=days)
    except (OverflowError, ValueError):
        length, _, field = moves[-1]
        raise Refusal(field, repr(length), "a length that the calendar holds") from None


def _read(length: str, field: str) -> tuple[int, str]:
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise Refusal(field, repr(length), f"a whole number of bars, or {_LENGTHS_ALLOWED}")
    return int(found[1]), found[2]


def _date(day: np.int64) -> datetime.date:
    return _EPOCH + datetime.timedelta(days=int(day))

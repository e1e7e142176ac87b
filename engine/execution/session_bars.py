"""Which bars a symbol trades on, and up to which an order for the day lives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.layout import OFF_HOURS, RESTS
from engine.execution.schedule import sessions_of_bars
from engine.execution.session import Session

__all__ = ["closed_bars", "closed_of", "last_bars_of", "last_bars_of_days"]

_MINUTE: Final = 60_000_000
_DAY_MINUTES: Final = 1440


def closed_bars(
    hours: Session | str | None, timestamps: NDArray[np.int64], minutes: int | None
) -> NDArray[np.int64]:
    """Return on which bars a symbol does not trade, or trades outside its exchange's hours.

    Parameters
    ----------
    hours : Session or str, optional
        Of its instrument, outside which it does not trade; or its exchange, whose market orders
        for an open wait for the regular one.
    timestamps : ndarray of int64, shape (bars,)
        Opening instants of the bars, microseconds since 1970-01-01 UTC.
    minutes : int, optional
        Length of a bar; None: the shortest time between two of them.

    Returns
    -------
    ndarray of int64, shape (bars,)
        0, RESTS or OFF_HOURS.

    Examples
    --------
    >>> stamps = np.array(["2024-01-16T14:00", "2024-01-16T14:30"], "datetime64[us]")
    >>> closed_bars("XNYS", stamps.astype(np.int64), 30).tolist()
    [2, 0]
    """
    minutes = _length(timestamps, minutes)
    if isinstance(hours, Session):
        return np.where(hours.holds(timestamps, minutes), 0, RESTS)
    if hours is None or hours == "24/7" or minutes >= _DAY_MINUTES:
        return np.zeros(len(timestamps), dtype=np.int64)
    opens = sessions_of_bars(timestamps, hours).opens
    return np.where(timestamps + minutes * _MINUTE <= opens, OFF_HOURS, 0)


def closed_of(
    hours: Sequence[Session | str | None],
    timestamps: NDArray[np.int64] | None,
    minutes: int | None,
) -> NDArray[np.int64] | None:
    """Return `closed_bars` of several symbols, None if they trade in a session on all bars.

    Raises
    ------
    Refusal
        If an instrument has hours and the bars have no timestamps.
    """
    if timestamps is not None:
        found = np.stack([closed_bars(item, timestamps, minutes) for item in hours])
        return found if found.any() else None
    if any(isinstance(item, Session) for item in hours):
        raise Refusal(
            "execution.instrument.session",
            "bars without timestamps",
            "history, whose bars have them",
        )
    return None


def last_bars_of(
    hours: Session | str,
    timestamps: NDArray[np.int64],
    minutes: int | None,
    traded: NDArray[np.bool_] | None,
) -> NDArray[np.int64]:
    """Return the last bar on which an order of a symbol for the day may fill, by its first.

    Parameters
    ----------
    hours : Session or str
        Of its instrument, outside which it does not trade; or its exchange, whose sessions end
        with their regular close, while it may trade before and behind them.
    timestamps : ndarray of int64, shape (bars,)
        Opening instants of the bars, microseconds since 1970-01-01 UTC.
    minutes : int, optional
        Length of a bar; None: the shortest time between two of them. Bars of a day or longer are
        a session each.
    traded : ndarray of bool, shape (bars,), optional
        Which bars are its own; None: all.

    Returns
    -------
    ndarray of int64, shape (bars,)
        The number of bars where it is none of them.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> last_bars_of("24/7", np.arange(20, 28) * hour, 60, None).tolist()
    [3, 3, 3, 3, 8, 8, 8, 8]
    """
    minutes = _length(timestamps, minutes)
    opens = np.ones(len(timestamps), dtype=np.bool_) if traded is None else traded
    session = hours if isinstance(hours, Session) else Session(exchange=hours)
    if session is hours:
        opens = opens & session.holds(timestamps, minutes)
    if minutes >= _DAY_MINUTES:
        return last_bars_of_days(np.arange(len(timestamps)), opens, is_over=True)
    until = int(timestamps[-1]) + minutes * _MINUTE
    is_over = not opens.any() or session.is_over(timestamps[opens], until)
    return last_bars_of_days(session.days(timestamps), opens, is_over)


def _length(timestamps: NDArray[np.int64], minutes: int | None) -> int:
    """Return the length of a bar; bars that lie far closer than it is said to be are as short."""
    said = _DAY_MINUTES if minutes is None else minutes
    apart = int(np.diff(timestamps).min(initial=said * _MINUTE) // _MINUTE)
    # Days are 23 hours apart where clocks change.
    return said if 2 * apart >= said else max(apart, 1)


def last_bars_of_days(
    days: NDArray[np.int64], is_open: NDArray[np.bool_], is_over: bool
) -> NDArray[np.int64]:
    """Return the last bar on which an order for the day may fill, by the bar it is placed for.

    Where bars at the end of a session are missing, it ends with the last that there is.

    Parameters
    ----------
    days : ndarray of int64, shape (bars,)
        Number of the day of each bar.
    is_open : ndarray of bool, shape (bars,)
        Whether orders fill at the bar. Placed for one at which they do not, an order is for the
        day of the next at which they do.
    is_over : bool
        Whether the last day has ended, so that no bar of it is to come.

    Returns
    -------
    ndarray of int64, shape (bars,)
        The number of bars where it is none of them.
    """
    count = len(days)
    places = np.flatnonzero(is_open)
    if len(places) == 0:
        return np.full(count, count, dtype=np.int64)
    opened = days[places]
    last_of_day = places[np.searchsorted(opened, opened, side="right") - 1]
    if not is_over:
        last_of_day = np.where(opened == opened[-1], count, last_of_day)
    following = np.searchsorted(places, np.arange(count))
    found = last_of_day[np.minimum(following, len(places) - 1)]
    return np.where(following < len(places), found, count).astype(np.int64)

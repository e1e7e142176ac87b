"""Up to which bar an order for the day lives."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.session import Session

__all__ = ["last_bars_of", "last_bars_of_days"]

_MINUTE: Final = 60_000_000
_DAY_MINUTES: Final = 1440


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
        Of its instrument, outside which it does not trade; or its exchange, whose sessions end,
        while its bars may lie outside them.
    timestamps : ndarray of int64, shape (bars,)
        Opening instants of the bars, microseconds since 1970-01-01 UTC.
    minutes : int, optional
        Length of a bar; None: the shortest time between two of them.
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
    if minutes is None:
        minutes = int(np.diff(timestamps).min(initial=_DAY_MINUTES * _MINUTE) // _MINUTE)
    until = int(timestamps[-1]) + minutes * _MINUTE
    if isinstance(hours, Session):
        session, opens = hours, hours.holds(timestamps)
    else:
        session, opens = Session(exchange=hours), np.ones(len(timestamps), dtype=np.bool_)
    if traded is not None:
        opens = opens & traded
    is_over = minutes >= _DAY_MINUTES or not opens.any()
    is_over = is_over or session.is_over(timestamps[opens], until, minutes)
    return last_bars_of_days(session.days(timestamps), opens, is_over)


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

"""Timeframes: the length of a bar, as series, studies and folders spell it."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import Refusal

__all__ = [
    "LONG_TIMEFRAMES",
    "TIMEFRAMES_ALLOWED",
    "bar_minutes",
    "canonical_timeframe",
    "intraday_minutes",
]

#: Bars of one or more whole sessions. Months are ``mo``, for ``M`` and ``m`` are one folder on
#: file systems that do not tell capitals apart.
LONG_TIMEFRAMES: Final = ("1d", "1w", "1mo")
#: What an error says is allowed.
TIMEFRAMES_ALLOWED: Final = (
    "whole minutes or hours below a day such as 1m, 10m or 4h, or 1d, 1w or 1mo"
)

_INTRADAY: Final = re.compile(r"([1-9][0-9]{0,3})([mh])")
_DAY: Final = 1440


def canonical_timeframe(timeframe: str) -> str:
    """Return the one spelling of a timeframe: whole hours in hours.

    Parameters
    ----------
    timeframe : str
        Whole minutes or hours below a day (``2m``, ``10m``, ``4h``), ``1d``, ``1w`` or ``1mo``.

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> canonical_timeframe("240m")
    '4h'
    """
    minutes = intraday_minutes(timeframe)
    if minutes is None:
        return timeframe
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def intraday_minutes(timeframe: str) -> int | None:
    """Return the minutes of an intraday bar, None for bars of one or more whole sessions.

    Parameters
    ----------
    timeframe : str
        As of `canonical_timeframe`.

    Raises
    ------
    ValueError
        If it is no timeframe.
    """
    if timeframe in LONG_TIMEFRAMES:
        return None
    found = _INTRADAY.fullmatch(timeframe)
    minutes = int(found[1]) * (60 if found[2] == "h" else 1) if found else _DAY
    if minutes >= _DAY:
        raise Refusal("timeframe", repr(timeframe), str(TIMEFRAMES_ALLOWED))
    return minutes


def bar_minutes(timeframe: str) -> int:
    """Return the minutes of a bar: of days, weeks and months those of 1, 7 and 28 whole days.

    Parameters
    ----------
    timeframe : str
        As of `canonical_timeframe`.

    Raises
    ------
    ValueError
        If it is no timeframe.

    Examples
    --------
    >>> bar_minutes("1h"), bar_minutes("1d"), bar_minutes("1w")
    (60, 1440, 10080)
    """
    return intraday_minutes(timeframe) or {"1d": 1, "1w": 7, "1mo": 28}[timeframe] * _DAY

"""Opening instants of the bars of real sessions, for tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.tables.sessions import Sessions, sessions_of

MINUTE = 60_000_000
DAY = 1440 * MINUTE
YEAR = 365.25 * DAY


@cache
def sessions(exchange: str) -> Sessions:
    pytest.importorskip("exchange_calendars")
    return sessions_of(exchange)


def instant(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


def bars_of_sessions(exchange: str, first: str, last: str, minutes: int) -> np.ndarray:
    """Opening instants of all bars of the sessions of the days from `first` to `last`."""
    known = sessions(exchange)
    days = [int(np.datetime64(day, "D").astype(np.int64)) for day in (first, last)]
    stamps: list[np.ndarray] = []
    for place in range(*np.searchsorted(known.days, [days[0], days[1] + 1])):
        pause, resumed = known.break_starts[place], known.break_ends[place]
        # Globex is closed for an hour that `exchange_calendars` counts as open.
        end = known.closes[place] - (60 * MINUTE if exchange == "CMES" else 0)
        stamps.append(np.arange(known.opens[place], min(pause, end), minutes * MINUTE))
        if pause < end:
            stamps.append(np.arange(resumed, end, minutes * MINUTE))
    return np.concatenate(stamps)


def opens_of(exchange: str, first: str, last: str) -> np.ndarray:
    known = sessions(exchange)
    days = [int(np.datetime64(day, "D").astype(np.int64)) for day in (first, last)]
    return known.opens[slice(*np.searchsorted(known.days, [days[0], days[1] + 1]))]

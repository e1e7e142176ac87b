"""When the bars of an audited path are."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from engine.calendar import BarCalendar
from engine.strategies.clock_reads import clock_reads
from engine.strategies.expression import SESSION, Field
from engine.strategies.strategy import Strategy
from engine.timeframes import canonical_timeframe, intraday_minutes

__all__ = ["audited_calendar", "time_of"]

_HOUR: Final = 3_600_000_000  # microseconds


def audited_calendar(strategy: type[Strategy]) -> BarCalendar | None:
    """Return a calendar whose bars make several of each longer bar that indicators ask for.

    Parameters
    ----------
    strategy : type of Strategy
        What is audited.

    Returns
    -------
    BarCalendar, optional
        None where no indicator asks.
    """
    declared = strategy.indicators.values()
    asked = {timeframe for item in declared for timeframe in item.timeframes()}
    intraday = [minutes for minutes in map(intraday_minutes, asked) if minutes is not None]
    if intraday:
        least = math.gcd(*intraday)
        count = next(count for count in (4, 3, 2, 1) if least % count == 0)
        return BarCalendar(timeframe=canonical_timeframe(f"{least // count}m"))
    of_sessions = any(
        isinstance(part, Field) and part.name == SESSION
        for item in declared
        for part in item.walk()
    )
    if "1d" in asked or of_sessions:
        return BarCalendar(timeframe="1h")
    return BarCalendar() if asked else None


def time_of(
    cls: type[Strategy], fields: tuple[str, ...], bar_count: int, calendar: BarCalendar | None
) -> dict[str, Any]:
    """Return when the bars of an audited path are, as `prepare_strategy` takes it.

    Parameters
    ----------
    cls : type of Strategy
        What is audited; where it reads the clock, bars have instants.
    fields : tuple of str
        Of the bars.
    bar_count : int
        Of the path.
    calendar : BarCalendar, optional
        Of the bars.
    """
    found: dict[str, Any] = {}
    step = _HOUR
    if calendar is not None:
        found["timeframe"] = calendar.timeframe
        found["exchange"] = calendar.exchange
        found["bars_per_session"] = max(1.0, calendar.bars_per_session)
        minutes = intraday_minutes(calendar.timeframe)
        step = _HOUR * 24 if minutes is None else _HOUR * minutes // 60
    if clock_reads(cls, fields):
        # Bars around the clock: each of them has a session.
        found["timestamps"] = step * np.arange(bar_count)
        found["exchange"] = "24/7" if calendar is not None else None
    return found

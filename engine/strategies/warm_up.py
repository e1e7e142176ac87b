"""How many bars pass before a declared indicator or expression has a value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.strategies.expression import Expression
from engine.strategies.longer_bars import bars_within, check_timeframe

__all__ = ["bars_before", "check_timeframes"]


def bars_before(
    declared: Expression,
    parameters: Mapping[str, float],
    calendar: BarCalendar | None = None,
    bars_per_session: float = 1.0,
) -> int | None:
    """Return the bars of the path before the first value.

    Parameters
    ----------
    declared : Expression
        An indicator or what is made of some.
    parameters : mapping
        Encoded parameters of the strategy by name.
    calendar : BarCalendar, optional
        Of the bars; longer ones need it. Each of these counts as all bars that it can hold.
    bars_per_session : float
        Of the sessions as they are.

    Returns
    -------
    int, optional
        None where a parameter is None, so that there is never a value.

    Raises
    ------
    Refusal
        If it is computed on longer bars, and those of the path are unknown or cannot be joined.
    """
    before = 0
    for item in declared.inputs:
        found = bars_before(item, parameters, calendar, bars_per_session)
        if found is None:
            return None
        before = max(before, found)
    values = declared.values_of(parameters)
    if any(map(math.isnan, values)):
        return None
    before += declared.bars_before(values)
    timeframe = declared.timeframe_for(parameters)
    if timeframe is None:
        return before
    if calendar is None:
        raise Refusal("warm_up", f"timeframe {timeframe} without a calendar", "a BarCalendar")
    check_timeframe("timeframe", timeframe, calendar)
    return (before + 1) * bars_within(timeframe, calendar, bars_per_session) - 1


def check_timeframes(where: str, declared: Mapping[str, Expression], calendar: BarCalendar) -> None:
    """Refuse indicators on bars that those of a calendar cannot be joined to.

    Parameters
    ----------
    where : str
        Name of the strategy.
    declared : mapping of str to Expression
        Its indicators by name.
    calendar : BarCalendar
        Of the bars.
    """
    for name, item in declared.items():
        for timeframe in item.timeframes():
            check_timeframe(f"{where}.{name}", timeframe, calendar)

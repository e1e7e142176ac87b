"""When a bar is complete."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from engine.tables.sessions import Sessions
from engine.timeframes import intraday_minutes

__all__ = ["bar_ends"]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE
# The first session of a month may open on the previous evening or after holidays.
_INTO_THE_MONTH: Final = 3 * _DAY


def bar_ends(opens: pl.Series, timeframe: str, sessions: Sessions) -> pl.Series:
    """Instants at which bars end.

    Parameters
    ----------
    opens : polars.Series of Int64
        Open instants, microseconds since 1970-01-01 UTC; null counts as 1970.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.
    sessions : Sessions
        Of the series' exchange.

    Returns
    -------
    polars.Series of Int64
        Intraday: the open plus the length of the bar. Day: the close of its session; around the
        clock, for a bar that does not open with a session, 24 hours after its open. Week: seven
        days after its open. Month: the end of the month in UTC.
    """
    minutes = intraday_minutes(timeframe)
    if minutes is not None:
        return opens + minutes * _MINUTE
    values = opens.fill_null(0).to_numpy()
    if timeframe == "1w":
        return pl.Series(values + 7 * _DAY)
    if timeframe == "1mo":
        months = (values + _INTO_THE_MONTH).astype("datetime64[us]").astype("datetime64[M]")
        return pl.Series((months + 1).astype("datetime64[us]").astype(np.int64))
    place = np.maximum(np.searchsorted(sessions.opens, values, side="right") - 1, 0)
    ends = np.maximum(sessions.closes[place], values)
    if sessions.around_the_clock:
        ends = np.where(values == sessions.opens[place], ends, values + _DAY)
    return pl.Series(ends)

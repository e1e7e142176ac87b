"""From what a provider stamps to the instant the bar opens."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.calendar import TIMEFRAMES
from mc_assets.market_data.sessions import Sessions

__all__ = ["guess_stamp", "open_instants", "to_instants"]

_DAY: Final = 86_400_000_000
_MINUTE: Final = 60_000_000
_SECOND: Final = 1_000_000
_MISSING: Final = np.iinfo(np.int64).min


def open_instants(
    stamps: pl.DataFrame,
    *,
    timeframe: str,
    sessions: Sessions,
    timezone: str | None = None,
    stamp: Literal["open", "end"] | None = None,
) -> pl.Series:
    """UTC instants at which the bars open.

    Parameters
    ----------
    stamps : polars.DataFrame
        Columns of `timestamps.parse_stamps`.
    timeframe : str
        A key of `engine.calendar.TIMEFRAMES`.
    sessions : Sessions
        Of the series' exchange.
    timezone : str, optional
        Zone of stamps that carry none; the exchange's by default.
    stamp : {"open", "end"}, optional
        Which end of the bar is stamped; the open by default.

    Returns
    -------
    polars.Series of Int64
        Microseconds since 1970-01-01 UTC, null where there is no such instant.

    Notes
    -----
    A daily bar opens when its session opens, whatever the provider stamps: a plain day, that
    day's midnight in the exchange's zone (Alpaca's 04:00Z or 05:00Z), in the written offset
    (Yahoo) or in UTC, or an instant inside the session. A weekly bar opens with the first
    session of its week.
    """
    minutes = TIMEFRAMES[timeframe]
    if minutes is None:
        days = _session_days(stamps, sessions, timezone or sessions.timezone, stamp)
        known = days != _MISSING
        if timeframe == "1w":
            days[known] = _first_session_of_week(days[known], sessions)
        opens = np.full(len(days), _MISSING, dtype=np.int64)
        opens[known] = sessions.open_of(days[known])
        return _series(opens)
    instants = to_instants(stamps, timezone or sessions.timezone)
    if stamp == "end":
        # Binance ends a minute at 59.999 s: up to the whole minute first.
        whole = -((-instants) // _MINUTE) * _MINUTE
        instants = whole - int(minutes * _MINUTE)
    return instants.alias("open_instant")


def to_instants(stamps: pl.DataFrame, timezone: str) -> pl.Series:
    """Stamps as UTC microseconds; wall clocks without a zone are of `timezone`.

    A wall-clock time that a change to summer time skips is null. The hour that a change to
    winter time repeats: the first row with a time is the earlier instant, the next the later;
    the other way round in a table whose newest row comes first.
    """
    utc = stamps["utc"]
    if not utc.has_nulls() or timezone == "UTC":
        return stamps.select(pl.coalesce("utc", "wall")).to_series()
    naive = stamps["wall"].cast(pl.Datetime("us"))
    earliest = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    latest = naive.dt.replace_time_zone(timezone, ambiguous="latest", non_existent="null")
    first, last = earliest.dt.epoch("us"), latest.dt.epoch("us")
    if (first != last).any():
        moves = stamps["wall"].diff().sign()
        backwards = bool((moves < 0).sum() > (moves > 0).sum())
        count = pl.col("wall").cum_count(reverse=backwards)
        occurrence = stamps.select(count.over("wall")).to_series()
        first = pl.select(pl.when(occurrence > 1).then(last).otherwise(first)).to_series()
    return pl.select(pl.coalesce(utc, first)).to_series()


def guess_stamp(instants: pl.Series, timeframe: str, sessions: Sessions) -> Literal["open", "end"]:
    """Which end of a bar is stamped, from the first and last bars of sessions.

    Bars stamped at their end never carry the session's open and do carry its close, or all
    carry the last second of a minute. Of daily bars this only matters where one session ends
    as the next begins.
    """
    values = instants.drop_nulls().to_numpy()
    if TIMEFRAMES[timeframe] is None:
        if not (sessions.opens[1:] == sessions.closes[:-1]).any():
            return "open"
    # Binance ends a minute at 59.999 s, others at 59 s.
    elif len(values) and (values % _MINUTE >= _MINUTE - _SECOND).all():
        return "end"
    if sessions.exchange in ("24/7", "24/5"):
        return "open"
    at_open, at_close = _among(values, sessions.opens), _among(values, sessions.closes)
    # Where one session ends as the next begins, the instant says nothing.
    opening, closing = at_open & ~at_close, at_close & ~at_open
    return "end" if closing.any() and not opening.any() else "open"


def _among(values: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[place] == values)


def _session_days(
    stamps: pl.DataFrame,
    sessions: Sessions,
    timezone: str,
    stamp: Literal["open", "end"] | None,
) -> NDArray[np.int64]:
    """Session of each daily stamp, days since 1970-01-01."""
    wall = stamps["wall"].fill_null(_MISSING).to_numpy()
    known = wall != _MISSING
    days = np.where(known, wall // _DAY, _MISSING)
    timed = known & ~stamps["dated"].fill_null(value=True).to_numpy()
    if timed.any():
        instants = to_instants(stamps, timezone).fill_null(_MISSING).to_numpy()
        timed &= instants != _MISSING
        local = (
            pl.Series(instants[timed])
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(sessions.timezone)
            .dt.replace_time_zone(None)
            .dt.epoch("us")
            .to_numpy()
        )
        days[timed] = _timed_days(instants[timed], wall[timed], local, sessions, stamp)
    if stamp == "end":
        # The end of a day written as the next midnight belongs to the session before it.
        midnight = known & (wall % _DAY == 0)
        place = np.searchsorted(sessions.days, days[midnight]) - 1
        days[midnight] = sessions.days[np.maximum(place, 0)]
    return days


def _timed_days(
    instants: NDArray[np.int64],
    wall: NDArray[np.int64],
    local: NDArray[np.int64],
    sessions: Sessions,
    stamp: Literal["open", "end"] | None,
) -> NDArray[np.int64]:
    inside = sessions.index_at(instants)
    at_close = sessions.index_at(instants - 1)
    first, second = (at_close, inside) if stamp == "end" else (inside, at_close)
    place = np.where(first >= 0, first, second)
    # The first instant of a day, or its last second, is how a day is written.
    written = [clock % _DAY for clock in (local, wall, instants)]
    conditions = [(rest == 0) | (rest >= _DAY - _SECOND) for rest in written] + [place >= 0]
    choices = [local // _DAY, wall // _DAY, instants // _DAY, sessions.days[place]]
    return np.select(conditions, choices, default=local // _DAY)


def _first_session_of_week(days: NDArray[np.int64], sessions: Sessions) -> NDArray[np.int64]:
    # 1970-01-01 was a Thursday. A weekend label starts the week after it, except where the
    # weekend trades.
    weekday = (days + 3) % 7
    monday = days - weekday
    if sessions.exchange != "24/7":
        monday = np.where(weekday >= 5, monday + 7, monday)
    place = np.minimum(np.searchsorted(sessions.days, monday), len(sessions.days) - 1)
    first = sessions.days[place]
    return np.where(first - monday < 7, np.maximum(first, monday), monday)


def _series(values: NDArray[np.int64]) -> pl.Series:
    column = pl.Series("open_instant", values)
    return pl.select(pl.when(column != _MISSING).then(column)).to_series()

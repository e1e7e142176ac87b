"""From a provider's timestamps to the instants at which bars open."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.tables.sessions import Sessions
from engine.timeframes import intraday_minutes

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
        As of `engine.timeframes.canonical_timeframe`.
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
    A daily bar opens with its session, whatever the provider stamps: a date, midnight in the
    exchange's zone (Alpaca's 04:00Z or 05:00Z), in the written offset (Yahoo) or in UTC, or an
    instant inside the session. Bars of a week or month open with their first session.

    Markets that trade around the clock have no opening time, so the written instant is kept, for
    example for crypto days that begin at 06:00Z or at midnight in Singapore. In currencies a date
    means the session of that name, from 17:00 to 17:00 New York.
    """
    zone = timezone or sessions.timezone
    minutes = intraday_minutes(timeframe)
    if minutes is None:
        opens = _opens_of_long_bars(stamps, timeframe, sessions, zone, stamp)
        return _series(opens)
    instants = to_instants(stamps, zone)
    if stamp == "end":
        # Binance stamps the end of a minute at 59.999 s, so round up first.
        whole = -((-instants) // _MINUTE) * _MINUTE
        instants = whole - minutes * _MINUTE
    else:
        # A leap second belongs to the minute that it extends.
        leap = instants % _MINUTE == _MINUTE - 1
        instants = instants - leap.cast(pl.Int64) * (_MINUTE - 1)
    return instants.alias("open_instant")


def to_instants(stamps: pl.DataFrame, timezone: str) -> pl.Series:
    """Timestamps in UTC microseconds; those without a zone are in `timezone`.

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
    """Guess which end of a bar is stamped from the first and last bars of sessions.

    Bars stamped at their end never carry the session's open and do carry its close, or all
    carry the last second of a minute. Of daily bars this only matters where one session ends
    as the next begins.
    """
    values = instants.drop_nulls().to_numpy()
    if intraday_minutes(timeframe) is None:
        if not (sessions.opens[1:] == sessions.closes[:-1]).any():
            return "open"
    # Binance stamps the end of a minute at 59.999 s, other vendors at 59 s.
    elif len(values) and (values % _MINUTE >= _MINUTE - _SECOND).all():
        return "end"
    if sessions.around_the_clock:
        return "open"
    at_open, at_close = _among(values, sessions.opens), _among(values, sessions.closes)
    # An instant that is both a close and an open is ambiguous.
    opening, closing = at_open & ~at_close, at_close & ~at_open
    return "end" if closing.any() and not opening.any() else "open"


def _among(values: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[place] == values)


def _opens_of_long_bars(
    stamps: pl.DataFrame,
    timeframe: str,
    sessions: Sessions,
    timezone: str,
    stamp: Literal["open", "end"] | None,
) -> NDArray[np.int64]:
    """Open instants of bars of one or more sessions, `_MISSING` where there is none."""
    if sessions.exchange == "24/7":
        return _around_the_clock(stamps, timeframe, sessions, timezone, stamp)
    days = _session_days(stamps, sessions, timezone, stamp)
    known = days != _MISSING
    opens = np.full(len(days), _MISSING, dtype=np.int64)
    opens[known] = sessions.open_of(_FIRST_SESSION[timeframe](days[known], sessions))
    if sessions.exchange == "24/5":
        return _currencies(opens, stamps, timeframe, sessions, timezone, stamp)
    return opens


def _around_the_clock(
    stamps: pl.DataFrame,
    timeframe: str,
    sessions: Sessions,
    timezone: str,
    stamp: Literal["open", "end"] | None,
) -> NDArray[np.int64]:
    """Open instants of a 24/7 market: as written.

    For weeks and months, a date, a UTC midnight or an end stands for the period it lies in.
    """
    ends = _ends(stamps, stamp)
    stamps = _a_day_earlier(stamps, ends)
    instants = to_instants(stamps, timezone).fill_null(_MISSING).to_numpy().copy()
    if timeframe == "1d":
        return instants
    known = instants != _MISSING
    dated = stamps["dated"].fill_null(value=True).to_numpy()
    named = known & (dated | ends.to_numpy() | (instants % _DAY == 0))
    days = stamps["wall"].to_numpy()[named].astype(np.int64) // _DAY
    first = _FIRST_SESSION[timeframe](days, sessions)
    begins = pl.DataFrame({"wall": first * _DAY}).with_columns(utc=pl.lit(None, dtype=pl.Int64))
    instants[named] = to_instants(begins, timezone).fill_null(_MISSING).to_numpy()
    return instants


def _currencies(
    opens: NDArray[np.int64],
    stamps: pl.DataFrame,
    timeframe: str,
    sessions: Sessions,
    timezone: str,
    stamp: Literal["open", "end"] | None,
) -> NDArray[np.int64]:
    """Open instants of currencies: a date means its session, a time is kept.

    Midnight without a zone and the last second of a day count as dates.
    """
    naive_midnight = stamps["utc"].is_null() & (stamps["wall"] % _DAY == 0)
    ends = _ends(stamps, stamp)
    last_second = _ends(stamps, None)
    day = stamps["dated"].fill_null(value=True) | naive_midnight | last_second
    instants = to_instants(stamps, timezone).fill_null(_MISSING).to_numpy()
    timed = (~day.fill_null(value=True)).to_numpy() & (instants != _MISSING)
    at, ended = instants[timed], ends.to_numpy()[timed]
    # The session that contains the instant, or the next one; an end belongs to the session
    # before it.
    place = np.searchsorted(sessions.closes, np.where(ended, at - 1, at), side="right")
    place = np.minimum(place, len(sessions.days) - 1)
    if timeframe == "1d":
        closes = at == sessions.closes[place]
        found = np.where(ended, np.where(closes, sessions.opens[place], at - _DAY), at)
    else:
        found = sessions.open_of(_FIRST_SESSION[timeframe](sessions.days[place], sessions))
    opens[timed] = found
    return opens


def _ends(stamps: pl.DataFrame, stamp: Literal["open", "end"] | None) -> pl.Series:
    """Whether each timestamp marks the end of a bar: all, or those in a day's last second."""
    if stamp == "end":
        return pl.repeat(value=True, n=stamps.height, dtype=pl.Boolean, eager=True)
    last = [(pl.col(name) % _DAY >= _DAY - _SECOND).fill_null(value=False)
            for name in ("utc", "wall")]  # fmt: skip
    return stamps.select(last[0] | last[1]).to_series()


def _a_day_earlier(stamps: pl.DataFrame, ends: pl.Series) -> pl.DataFrame:
    """Move ends, which may be written as the last second of a day, one day back."""
    moved = [
        pl.when(ends).then(-((-pl.col(name)) // _MINUTE) * _MINUTE - _DAY).otherwise(name)
        for name in ("utc", "wall")
    ]
    return stamps.with_columns(moved[0].alias("utc"), moved[1].alias("wall"))


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
        # Midnight as the end of a day belongs to the session before it.
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
    # The first instant or the last second of a day stands for the day.
    written = [clock % _DAY for clock in (local, wall, instants)]
    conditions = [(rest == 0) | (rest >= _DAY - _SECOND) for rest in written] + [place >= 0]
    choices = [local // _DAY, wall // _DAY, instants // _DAY, sessions.days[place]]
    return np.select(conditions, choices, default=local // _DAY)


def _same(days: NDArray[np.int64], sessions: Sessions) -> NDArray[np.int64]:
    return days


def _first_session_of_week(days: NDArray[np.int64], sessions: Sessions) -> NDArray[np.int64]:
    # 1970-01-01 was a Thursday. A weekend label means the following week, unless the market
    # trades on weekends.
    weekday = (days + 3) % 7
    monday = days - weekday
    if sessions.exchange != "24/7":
        monday = np.where(weekday >= 5, monday + 7, monday)
    first = _session_from(monday, sessions)
    return np.where(first - monday < 7, np.maximum(first, monday), monday)


def _first_session_of_month(days: NDArray[np.int64], sessions: Sessions) -> NDArray[np.int64]:
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    begins, ends = ((months + k).astype("datetime64[D]").astype(np.int64) for k in (0, 1))
    first = _session_from(begins, sessions)
    return np.where(first < ends, np.maximum(first, begins), begins)


def _session_from(days: NDArray[np.int64], sessions: Sessions) -> NDArray[np.int64]:
    """First session on or after each day, or the last known session."""
    place = np.minimum(np.searchsorted(sessions.days, days), len(sessions.days) - 1)
    return np.asarray(sessions.days[place])


_FIRST_SESSION: Final = {
    "1d": _same,
    "1w": _first_session_of_week,
    "1mo": _first_session_of_month,
}


def _series(values: NDArray[np.int64]) -> pl.Series:
    column = pl.Series("open_instant", values)
    return pl.select(pl.when(column != _MISSING).then(column)).to_series()

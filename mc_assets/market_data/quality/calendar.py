"""Checks against the exchange's calendar: bars that are missing, bars that should not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.clock import REGULAR_SHARE
from engine.tables.sessions import Sessions
from engine.timeframes import intraday_minutes
from mc_assets.market_data.quality.findings import QualityFinding, finding
from mc_assets.market_data.severities import QualityConfig

__all__ = ["bar_ordinals", "calendar_findings"]

_DAY: Final = 86_400_000_000
# Tolerance for clock changes of the hour at which a day opens.
_CLOCK_CHANGES: Final = 2 * 3_600_000_000
_MINUTE: Final = 60_000_000


def calendar_findings(
    bars: pl.DataFrame,
    *,
    timeframe: str,
    sessions: Sessions,
    quality: QualityConfig,
    start: int,
    end: int,
) -> list[QualityFinding]:
    """Compare bars with the calendar.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical bars of one series, oldest first.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.
    sessions : Sessions
        Of the series' exchange.
    quality : QualityConfig
        Severities.
    start, end : int
        Range in which bars are expected, microseconds since 1970-01-01 UTC, half open.

    Returns
    -------
    list of QualityFinding
        ``no_bars``, ``gap`` (one row per run of missing bars, `count` counts bars),
        ``off_session`` and ``bar_count`` (its value is the share of the calendar's bars).
    """
    opens = bars["timestamp"].dt.epoch("us").to_numpy()
    opens = opens[(opens >= start) & (opens < end)]
    if sessions.exchange == "24/7" and timeframe == "1d":
        sessions = _days_as_stamped(opens, sessions)
    expected = sessions.opens[(sessions.opens >= start) & (sessions.closes <= end)]
    if len(opens) == 0:
        missing = None
        if len(expected):
            text = (
                f"found no bars from {_text(expected[0])} to {_text(expected[-1])}, "
                f"allowed bars in {len(expected)} sessions"
            )
            missing = _table([int(expected[0])], [float(len(expected))], [text])
        return [
            finding("no_bars", quality, missing),
            finding("gap", quality),
            finding("off_session", quality),
            finding("bar_count", quality),
        ]
    ordinals, inside = bar_ordinals(opens, timeframe, sessions)
    return [
        finding("no_bars", quality),
        _gaps(opens[inside], ordinals[inside], timeframe, sessions, quality, expected),
        _off_session(opens[~inside], sessions, quality),
        _bar_count(opens, timeframe, sessions, quality, start, end),
    ]


def bar_ordinals(
    opens: NDArray[np.int64], timeframe: str, sessions: Sessions
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the number of each bar in a complete series.

    Parameters
    ----------
    opens : ndarray of int64, shape (n,)
        Open instants, microseconds since 1970-01-01 UTC.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.
    sessions : Sessions
        Of the exchange.

    Returns
    -------
    ordinals : ndarray of int64, shape (n,)
        Consecutive bars have consecutive numbers, over closes, holidays and lunch breaks.
    inside : ndarray of bool, shape (n,)
        Whether the bar opens when the exchange is open.
    """
    minutes = intraday_minutes(timeframe)
    session = sessions.index_at(opens)
    place = np.maximum(session, 0)
    if minutes is None:
        inside = session >= 0
        if not sessions.around_the_clock:
            inside &= opens == sessions.opens[place]
        elif timeframe == "1d" and sessions.exchange == "24/7":
            inside &= opens - sessions.opens[place] <= 2 * _CLOCK_CHANGES
        days = sessions.days[place]
        if timeframe == "1w":
            # 1970-01-01 was a Thursday.
            return (days + 3) // 7, inside
        if timeframe == "1mo":
            return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64), inside
        return session, inside
    step = minutes * _MINUTE
    morning, afternoon = _bars_in(sessions, step)
    before = np.concatenate([[0], np.cumsum(morning + afternoon)])
    after_break = opens >= sessions.break_ends[place]
    begin = np.where(after_break, sessions.break_ends[place], sessions.opens[place])
    first = before[place] + np.where(after_break, morning[place], 0)
    in_break = (opens >= sessions.break_starts[place]) & ~after_break
    return first + (opens - begin) // step, (session >= 0) & ~in_break


def _bars_in(sessions: Sessions, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bars of each session before and after its lunch break; the last of each may be short."""
    morning = -(-(sessions.break_starts - sessions.opens) // step)
    return morning, -(-(sessions.closes - sessions.break_ends) // step)


def _days_as_stamped(opens: NDArray[np.int64], sessions: Sessions) -> Sessions:
    """Sessions shifted to the hour at which most bars open, with tolerance for clock changes."""
    if len(opens) == 0:
        return sessions
    hours, counts = np.unique(opens % _DAY, return_counts=True)
    begin = int(hours[counts.argmax()]) - _CLOCK_CHANGES
    moved = sessions.opens + begin % _DAY - (_DAY if begin % _DAY > _DAY // 2 else 0)
    # A day is complete when the latest bar that may open in it is.
    ends = moved + _DAY + 2 * _CLOCK_CHANGES
    return replace(sessions, opens=moved, closes=ends, break_starts=ends, break_ends=ends)


def _gaps(
    opens: NDArray[np.int64],
    ordinals: NDArray[np.int64],
    timeframe: str,
    sessions: Sessions,
    quality: QualityConfig,
    expected: NDArray[np.int64],
) -> QualityFinding:
    missing = np.diff(ordinals) - 1
    holes = np.flatnonzero(missing > 0)
    stamps = [int(opens[hole]) for hole in holes]
    counts = [int(missing[hole]) for hole in holes]
    texts = [
        f"found {count} missing {timeframe} bar{'s' * (count > 1)} between "
        f"{_text(opens[hole])} and {_text(opens[hole + 1])}"
        for hole, count in zip(holes, counts, strict=True)
    ]
    # Before the first and after the last bar, count whole sessions.
    if len(opens) and timeframe not in ("1w", "1mo"):
        for edge, side in (
            (expected[expected < _session_open(opens[0], sessions)], "before the first bar"),
            (expected[expected > opens[-1]], "after the last bar"),
        ):
            if len(edge):
                stamps.append(int(edge[0]))
                counts.append(len(edge))
                texts.append(
                    f"found {len(edge)} session{'s' * (len(edge) > 1)} without bars {side}, "
                    f"{_text(edge[0])} to {_text(edge[-1])}"
                )
    rows = _table(stamps, [float(count) for count in counts], texts)
    return finding("gap", quality, rows, count=sum(counts))


def _off_session(
    opens: NDArray[np.int64], sessions: Sessions, quality: QualityConfig
) -> QualityFinding:
    texts = [
        f"found a bar at {_text(instant)}, allowed only sessions of {sessions.exchange}"
        for instant in opens[:1000]
    ]
    kept = [int(instant) for instant in opens[:1000]]
    rows = _table(kept, [None] * len(kept), texts)
    return finding("off_session", quality, rows, count=len(opens))


def _bar_count(
    opens: NDArray[np.int64],
    timeframe: str,
    sessions: Sessions,
    quality: QualityConfig,
    start: int,
    end: int,
) -> QualityFinding:
    """Find a series that has other than the calendar's bars: its years are not the nominal ones."""
    held = (sessions.opens >= start) & (sessions.closes <= end)
    if not held.any():
        return finding("bar_count", quality)
    # A session that is not over has not all of its bars yet.
    opens = opens[opens < sessions.closes[held][-1]]
    minutes = intraday_minutes(timeframe)
    if minutes is not None:
        nominal = BarCalendar(sessions.exchange, timeframe).bars_per_session
        morning, afternoon = _bars_in(sessions, minutes * _MINUTE)
        expected = int(np.minimum(morning + afternoon, nominal)[held].sum())
    else:
        # A week or month opens with its first session.
        ordinals, _ = bar_ordinals(sessions.opens, timeframe, sessions)
        expected = int((held & (np.diff(ordinals, prepend=-1) > 0)).sum())
    least, most = REGULAR_SHARE
    share = len(opens) / max(expected, 1)
    if abs(len(opens) - expected) <= 1 or least <= share <= most:
        return finding("bar_count", quality)
    text = (
        f"found {len(opens):,} {timeframe} bars where {sessions.exchange} has {expected:,} "
        f"({share:.0%}); annual figures follow the bars that exist"
    )
    return finding("bar_count", quality, _table([int(sessions.opens[held][0])], [share], [text]))


def _session_open(instant: np.int64, sessions: Sessions) -> np.int64:
    place = max(int(np.searchsorted(sessions.opens, instant, side="right")) - 1, 0)
    return np.int64(sessions.opens[place])


def _table(
    stamps: list[int], values: list[float] | list[None], messages: list[str]
) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"timestamp": stamps, "value": values, "message": messages},
        schema={"timestamp": pl.Int64, "value": pl.Float64, "message": pl.String},
    ).sort("timestamp")
    return frame.with_columns(
        timestamp=pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )


def _text(instant: np.int64) -> str:
    return f"{np.datetime64(int(instant), 'us').astype('datetime64[m]')}Z".replace("T", " ")

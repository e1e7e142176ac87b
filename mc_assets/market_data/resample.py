"""Longer bars from shorter ones: minute to hour to day, by session."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.tables.sessions import Sessions, sessions_of
from engine.timeframes import LONG_TIMEFRAMES, canonical_timeframe, intraday_minutes
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.providers import MarketDataError

__all__ = ["resample"]

_MINUTE: Final = 60_000_000
_DAY: Final = 1440 * _MINUTE


def resample(
    bars: pl.DataFrame, *, timeframe: str, to: str, exchange: str = "XNYS"
) -> pl.DataFrame:
    """Make longer bars.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical bars of one or more symbols.
    timeframe, to : str
        As of `engine.timeframes.canonical_timeframe`; `to` is the longer.
    exchange : str
        Name in `exchange_calendars`.

    Returns
    -------
    polars.DataFrame
        Canonical bars. Intraday bars start at the session's open and again after its lunch break
        (the last one of each part may be shorter), a daily bar is one session and opens with it, a
        bar of a week or month opens with
        its first session. Bars outside sessions are not part of a longer bar. Open is the first
        bar's, high and low the extremes, close the last bar's, volume and trade count the
        sums, vwap weighted by volume.

    Raises
    ------
    MarketDataError
        If `to` is not longer, or its bars would cut shorter ones in two.
    """
    lengths = []
    for field, value in (("timeframe", timeframe), ("to", to)):
        try:
            lengths.append(intraday_minutes(canonical_timeframe(value)))
        except ValueError as error:
            raise MarketDataError("", str(error).replace("timeframe", field, 1)) from None
    short, long = lengths
    longer = long > short if short and long else _rank(to) > _rank(timeframe)
    # Months do not consist of whole weeks.
    if not longer or (short and long and long % short) or (timeframe, to) == ("1w", "1mo"):
        raise MarketDataError("to", repr(to), f"a multiple of {timeframe}")
    sessions = sessions_of(exchange)
    opens = bars["timestamp"].dt.epoch("us").to_numpy()
    stamped = sessions.around_the_clock and timeframe == "1d"
    # A day that does not begin at midnight UTC belongs to the UTC day that covers most of it.
    place = sessions.index_at(opens + _DAY // 2 if stamped else opens)
    inside = place >= 0
    starts = _bar_opens(opens, np.maximum(place, 0), to, sessions)
    stamp = pl.from_epoch(pl.Series(starts), "us").dt.replace_time_zone("UTC")
    weight = pl.col("volume") * pl.col("vwap")
    return (
        bars.with_columns(start=stamp)
        .filter(pl.Series(inside))
        .sort("symbol", "timestamp")
        .group_by("symbol", "start", maintain_order=True)
        .agg(
            first=pl.first("timestamp"),
            open=pl.first("open"),
            high=pl.max("high"),
            low=pl.min("low"),
            close=pl.last("close"),
            volume=pl.when(pl.col("volume").count() > 0).then(pl.col("volume").sum()),
            vwap=pl.when((pl.sum("volume") > 0) & ~pl.col("vwap").has_nulls()).then(
                weight.sum() / pl.sum("volume")
            ),
            trade_count=pl.when(pl.col("trade_count").count() > 0).then(
                pl.col("trade_count").sum()
            ),
            source=pl.first("source"),
            adjustment=pl.first("adjustment"),
        )
        .with_columns(timestamp="first" if stamped else "start")
        .select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())
    )


def _rank(timeframe: str) -> int:
    return LONG_TIMEFRAMES.index(timeframe) + 1 if timeframe in LONG_TIMEFRAMES else 0


def _bar_opens(
    opens: NDArray[np.int64], place: NDArray[np.int64], to: str, sessions: Sessions
) -> NDArray[np.int64]:
    minutes = intraday_minutes(to)
    session_open = sessions.opens[place]
    if minutes is not None:
        step = minutes * _MINUTE
        resumed = sessions.break_ends[place]
        begin = np.where(opens >= resumed, resumed, session_open)
        return np.asarray(begin + (opens - begin) // step * step)
    if to == "1d":
        return session_open
    days = sessions.days[place]
    if to == "1mo":
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]")
        begins = months.astype(np.int64)
    else:
        # 1970-01-01 was a Thursday: weeks start on Monday.
        begins = days - (days + 3) % 7
    return np.asarray(sessions.opens[np.searchsorted(sessions.days, begins)])

"""Longer bars from shorter ones: minute to hour to day, by session."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from engine.calendar import TIMEFRAMES
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.market_data.sessions import Sessions, sessions_of
from mc_assets.providers import MarketDataError

__all__ = ["resample"]

_MINUTE: Final = 60_000_000
_ORDER: Final = list(TIMEFRAMES)


def resample(
    bars: pl.DataFrame, *, timeframe: str, to: str, exchange: str = "XNYS"
) -> pl.DataFrame:
    """Make longer bars.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical bars of one or more symbols.
    timeframe, to : str
        Keys of `engine.calendar.TIMEFRAMES`; `to` is the longer.
    exchange : str
        Name in `exchange_calendars`.

    Returns
    -------
    polars.DataFrame
        Canonical bars. Intraday bars start at the session's open (the last one may be
        shorter), a daily bar is one session and opens with it, a weekly bar opens with its
        first session. Bars outside sessions are not part of a longer bar. Open is the first
        bar's, high and low the extremes, close the last bar's, volume and trade count the
        sums, vwap weighted by volume.

    Raises
    ------
    MarketDataError
        If `to` is not longer, or its bars would cut shorter ones in two.
    """
    for field, value in (("timeframe", timeframe), ("to", to)):
        if value not in TIMEFRAMES:
            raise MarketDataError(f"{field}: found {value!r}, allowed {', '.join(TIMEFRAMES)}")
    short, long = TIMEFRAMES[timeframe], TIMEFRAMES[to]
    if _ORDER.index(to) <= _ORDER.index(timeframe) or (short and long and long % short):
        raise MarketDataError(f"to: found {to!r}, allowed a multiple of {timeframe}")
    sessions = sessions_of(exchange)
    opens = bars["timestamp"].dt.epoch("us").to_numpy()
    place = sessions.index_at(opens)
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
            pl.first("open"),
            pl.max("high"),
            pl.min("low"),
            pl.last("close"),
            pl.sum("volume"),
            vwap=pl.when((pl.sum("volume") > 0) & ~pl.col("vwap").has_nulls()).then(
                weight.sum() / pl.sum("volume")
            ),
            trade_count=pl.when(pl.col("trade_count").count() > 0).then(
                pl.col("trade_count").sum()
            ),
            source=pl.first("source"),
            adjustment=pl.first("adjustment"),
        )
        .rename({"start": "timestamp"})
        .select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())
    )


def _bar_opens(opens: np.ndarray, place: np.ndarray, to: str, sessions: Sessions) -> np.ndarray:
    minutes = TIMEFRAMES[to]
    session_open = sessions.opens[place]
    if minutes is not None:
        step = int(minutes * _MINUTE)
        starts: np.ndarray = session_open + (opens - session_open) // step * step
        return starts
    if to == "1d":
        return session_open
    # 1970-01-01 was a Thursday: weeks start on Monday.
    monday = sessions.days[place] - (sessions.days[place] + 3) % 7
    return sessions.opens[np.searchsorted(sessions.days, monday)]

"""Columns of a canonical file of ticks, each with its type and what it holds."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import polars as pl

__all__ = ["TICK_COLUMNS"]

#: Type and meaning by name, in the order of the file.
TICK_COLUMNS: Final = MappingProxyType(
    {
        "ts": (pl.Int64, "exchange time, nanoseconds since 1970-01-01 UTC"),
        "local_ts": (pl.Int64, "time of arrival, nanoseconds; -1 where nobody knows"),
        "bid_px": (pl.Float64, "best bid once the event has happened; NaN: no such side"),
        "ask_px": (pl.Float64, "best ask once the event has happened; NaN: no such side"),
        "bid_sz": (pl.Float64, "units bid for at the best price; NaN: no such side"),
        "ask_sz": (pl.Float64, "units offered at the best price; NaN: no such side"),
        "trade_px": (pl.Float64, "price of the trade; NaN where the event is none"),
        "trade_sz": (pl.Float64, "units traded; NaN where the event is none"),
        "trade_side": (pl.Int8, "who took: 1 a buyer, -1 a seller, 0 unknown or no trade"),
        "symbol": (pl.String, "name of the instrument"),
        "exchange": (pl.String, "where it is traded"),
    }
)

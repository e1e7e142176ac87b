"""The canonical columns of bars and of their quarantine."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import polars as pl
from polars._typing import PolarsDataType

__all__ = ["BARS_SCHEMA", "QUARANTINE_SCHEMA", "canonical_schema"]

BARS_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {
        "symbol": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
        "vwap": pl.Float64,
        "trade_count": pl.Float64,
        "source": pl.String,
        "adjustment": pl.String,
    }
)

QUARANTINE_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {
        "symbol": pl.String,
        "timeframe": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "reason": pl.String,
        "severity": pl.String,
        "message": pl.String,
        "source": pl.String,
        "file": pl.String,
        "line": pl.Int64,
        "raw": pl.String,
    }
)

_MEANING: Final[MappingProxyType[str, str]] = MappingProxyType(
    {
        "symbol": "Name of the instrument",
        "timestamp": "Instant at which the bar opens, UTC",
        "open": "First price of the bar, quote currency",
        "high": "Highest price of the bar, quote currency",
        "low": "Lowest price of the bar, quote currency",
        "close": "Last price of the bar, quote currency",
        "volume": "Traded volume, units of the instrument; null where it is not given",
        "vwap": "Volume-weighted average price, where the provider sends one",
        "trade_count": "Number of trades, where the provider sends one",
        "source": "Provider of the bar",
        "adjustment": "What prices are adjusted for: raw, split, dividend or all",
    }
)


def canonical_schema() -> list[tuple[str, str, str]]:
    """Name, type and meaning of each canonical bar column, in order."""
    return [(name, str(dtype), _MEANING[name]) for name, dtype in BARS_SCHEMA.items()]

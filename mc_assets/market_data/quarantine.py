"""Describe rows that are not bars: reason, message and raw values."""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl

from mc_assets.market_data.canonical import QUARANTINE_SCHEMA
from mc_assets.market_data.severities import QualityConfig
from mc_assets.providers import RawTable

__all__ = ["quarantine_rows"]

# Rows processed at a time: a file may consist of bad rows only, and Python objects are large.
_ROWS_AT_ONCE: Final = 20_000


def quarantine_rows(raw: RawTable, bad: pl.DataFrame, quality: QualityConfig) -> pl.DataFrame:
    """Describe rows that could not become bars.

    Parameters
    ----------
    raw : RawTable
        The table they are in.
    bad : polars.DataFrame
        Rows of `normalise.read_rows` with a ``reason``.
    quality : QualityConfig
        Gives each reason its severity.

    Returns
    -------
    polars.DataFrame
        In `canonical.QUARANTINE_SCHEMA`; ``message`` names file, line, column, what was found
        and what is allowed; ``raw`` is the row as a JSON object.
    """
    frames = [pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))]
    for some in bad.iter_slices(_ROWS_AT_ONCE):
        frames.append(_described(raw, some, quality))
    return pl.concat(frames)


def _described(raw: RawTable, bad: pl.DataFrame, quality: QualityConfig) -> pl.DataFrame:
    sources = raw.frame[bad["row"]].iter_rows(named=True)
    records = []
    for row, source in zip(bad.iter_rows(named=True), sources, strict=True):
        reason = row["reason"]
        line = source.get("_line")
        message = source.get("_message")
        if message is None:
            message = _place(raw, source) + _sentence(reason, row, source, raw)
        records.append(
            {
                "symbol": raw.symbol,
                "timeframe": raw.timeframe,
                "timestamp": row["instant"],
                "reason": reason,
                "severity": quality.severity(reason),
                "message": message,
                "source": raw.provider,
                "file": source.get("_file"),
                "line": None if line is None else int(line),
                "raw": json.dumps(
                    {k: v for k, v in source.items() if not k.startswith("_")}, default=str
                ),
            }
        )
    schema = {**QUARANTINE_SCHEMA, "timestamp": pl.Int64}
    frame = pl.DataFrame(records, schema=schema)
    stamp = pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(timestamp=stamp)


def _place(raw: RawTable, source: dict[str, Any]) -> str:
    if source.get("_file") is None:
        return f"{raw.provider} {raw.symbol}@{raw.timeframe}: "
    return f"{source['_file']} line {source['_line']}, "


def _sentence(reason: str, row: dict[str, Any], source: dict[str, Any], raw: RawTable) -> str:
    columns = raw.layout.columns
    if reason == "text_cell":
        column = row["text_in"]
        return f"column {column}: found {source[column]!r}, allowed a number"
    if reason == "bad_timestamp":
        column = columns["timestamp"]
        return f"column {column}: found {source[column]!r}, allowed a date or time"
    if reason == "note":
        return "found a remark without a date or a number, allowed a bar"
    if reason == "bad_row":
        return f"found surplus cells {source['_surplus']!r}, allowed one cell per column"
    if reason == "missing_price":
        names = ("open", "high", "low", "close")
        if all(row[name] == 0 for name in names):
            return "found zeros in place of prices, allowed prices (or no row for a day without)"
        name = next(name for name in names if row[name] is None)
        column = columns.get(name) or columns["price"]
        return f"column {column}: found no price, allowed a number"
    if reason == "non_finite":
        return f"found {_prices(row)}, allowed finite numbers"
    if reason == "ohlc_order":
        return f"found {_prices(row)}, allowed low <= open, close <= high"
    if reason == "negative_volume":
        return f"column {columns['volume']}: found {row['volume']:g}, allowed >= 0"
    if reason == "future":
        return f"found a bar that opens at {source[columns['timestamp']]}, allowed the past"
    return f"found the time {source[columns['timestamp']]} again, allowed once"


def _prices(row: dict[str, Any]) -> str:
    shown = (f"{name} {row[name]:.10g}" for name in ("open", "high", "low", "close"))
    return ", ".join(shown)

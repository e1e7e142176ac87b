"""The days of ticks in a data folder as a table."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["tick_days"]


def tick_days(data: Path) -> pl.DataFrame:
    """Return a row for each symbol, exchange and day of ticks that is stored.

    Parameters
    ----------
    data : Path
        The data folder.

    Raises
    ------
    DamagedFile
        If a file is none of ticks.
    """
    from engine.ticks import stored_days

    rows = [
        asdict(day)
        | {"first": _instant(day.first), "last": _instant(day.last), "path": str(day.path)}
        for day in stored_days(data)
    ]
    instant = pl.Datetime("us", "UTC")
    schema: dict[str, Any] = {
        "symbol": pl.String, "exchange": pl.String, "day": pl.Date, "events": pl.Int64,
        "first": instant, "last": instant, "content": pl.String, "path": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _instant(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp // 10**9, UTC).replace(microsecond=stamp // 1000 % 10**6)

"""Rows that a provider restated or withdrew."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl
from polars._typing import PolarsDataType

from engine.tables.columns import PRICES
from engine.tables.rows import read_rows
from engine.tables.sessions import Sessions
from mc_assets.providers import RawTable

__all__ = ["live_rows", "revisions"]

_SCHEMA: Final[dict[str, PolarsDataType]] = {
    "check": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    "value": pl.Float64,
    "message": pl.String,
}


def live_rows(table: RawTable) -> RawTable:
    """Rows of a stored raw table that are current."""
    return replace(table, frame=table.frame.filter(pl.col("_until").is_null()))


def revisions(tables: list[RawTable], bars: pl.DataFrame, sessions: Sessions) -> pl.DataFrame:
    """Restated and withdrawn rows of a series' year.

    Parameters
    ----------
    tables : list of RawTable
        What `RawStore.read` returned.
    bars : polars.DataFrame
        Canonical bars made of their live rows.
    sessions : Sessions
        Of the series' exchange.

    Returns
    -------
    polars.DataFrame
        ``check`` (``restated`` or ``withdrawn``), ``timestamp``, ``value`` (the old close)
        and ``message``, oldest first.
    """
    today = bars.select(
        instant=pl.col("timestamp").dt.epoch("us"),
        **{f"{name}_now": pl.col(name) for name in (*PRICES, "volume")},
    )
    frames = [pl.DataFrame(schema=_SCHEMA)]
    for table in tables:
        marked = pl.col("_until").is_not_null() | pl.col("_absent").is_not_null()
        frame = table.frame.filter(marked)
        if frame.is_empty():
            continue
        old = read_rows(replace(table, frame=frame), sessions)
        old = old.with_columns(frame.select("_until", "_absent"))
        joined = old.join(today, on="instant", how="left", maintain_order="left")
        frames.append(joined.select(**_described()))
    return pl.concat(frames).sort("timestamp", maintain_order=True)


def _described() -> dict[str, pl.Expr]:
    stamp = pl.col("instant").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    day = stamp.dt.strftime("%Y-%m-%d %H:%MZ").fill_null("an unreadable time")
    gone = pl.col("_absent").is_not_null()
    old, new = pl.col("close").cast(pl.String), pl.col("close_now").cast(pl.String)
    same_close = (pl.col("close") == pl.col("close_now")).fill_null(value=False)
    restated = (
        pl.when(pl.col("close_now").is_null())
        .then(pl.format("{}: found no bar in place of close {}", day, old.fill_null("none")))
        .when(same_close)
        .then(pl.format("{}: found other values at the same close {}", day, old))
        .otherwise(pl.format("{}: found close {} in place of {}", day, new, old.fill_null("none")))
    )
    kept = pl.when(pl.col("_until").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped"))
    withdrawn = pl.format(
        "{}: found no such row any more, close {} is {}", day, old.fill_null("-"), kept
    )
    return {
        "check": pl.when(gone).then(pl.lit("withdrawn")).otherwise(pl.lit("restated")),
        "timestamp": stamp,
        "value": pl.col("close"),
        "message": pl.when(gone).then(withdrawn).otherwise(restated),
    }

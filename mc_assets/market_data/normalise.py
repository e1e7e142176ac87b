"""From a provider's raw table to canonical bars; other rows go to the quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from engine.tables.columns import PRICES
from engine.tables.errors import MarketDataError
from engine.tables.judging import judge_rows
from engine.tables.numbers import parse_numbers
from engine.tables.raw_table import RawTable
from engine.tables.rows import (
    instants_of_rows,
    mapped_columns,
    read_rows,
    resolve_layout,
    stamp_cells,
    where_of,
)
from engine.tables.sessions import Sessions, sessions_of
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.market_data.quarantine import quarantine_rows
from mc_assets.market_data.repair import repair_unit_errors
from mc_assets.market_data.severities import QualityConfig

__all__ = ["Normalised", "normalise", "readable_bars", "row_keys"]


class Normalised(NamedTuple):
    """Canonical bars, and the rows that could not become bars."""

    bars: pl.DataFrame
    quarantine: pl.DataFrame


def normalise(
    raw: RawTable,
    *,
    exchange: str = "XNYS",
    repair: bool = False,
    quality: QualityConfig | None = None,
    now: datetime | None = None,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> Normalised:
    """Make canonical bars of a raw table.

    Parameters
    ----------
    raw : RawTable
        What a provider sent.
    exchange : str
        Name in `exchange_calendars`; gives sessions and time zone.
    repair : bool
        Repair 100× unit errors (`repair_unit_errors`) before anything is judged.
    quality : QualityConfig, optional
        Severities written into the quarantine.
    now : datetime, optional
        A bar that opens later is from the future.
    columns : mapping of str to str
        Further columns of the table to keep as numbers, by the name that they get.

    Returns
    -------
    Normalised
        ``bars`` in `canonical.BARS_SCHEMA`, and `columns` behind it, sorted, one per open instant;
        ``quarantine`` in `canonical.QUARANTINE_SCHEMA`, one row per row that is no bar,
        with the reason. Every raw row is in one of the two.

    Raises
    ------
    MarketDataError
        If columns of stamps or prices, or those of `columns`, cannot be found.

    Notes
    -----
    If several rows have the same open instant, the first valid one is kept and the others go to
    the quarantine. A high below an open or close (or a low above) by less than 1e-9 of the price
    is rounding of an adjusted price: it is set to that price. A volume that is not given is null,
    not zero. A row with zeros in place of all prices and without volume is an
    export's way to mark a day without data (`judging`).
    """
    sessions = sessions_of(exchange)
    raw = resolve_layout(raw, sessions)
    rows = _judged(raw, sessions, repair, now or datetime.now(UTC), columns)
    faultless = rows["reason"].null_count() == rows.height
    good = rows if faultless else rows.filter(pl.col("reason").is_null())
    bars = good.with_columns(
        symbol=pl.lit(raw.symbol),
        timestamp=pl.col("instant").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        high=pl.max_horizontal(PRICES),
        low=pl.min_horizontal(PRICES),
        source=pl.lit(raw.provider),
        adjustment=pl.lit(raw.adjustment),
    ).select(*(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items()), *columns)
    if not bars["timestamp"].is_sorted():
        bars = bars.sort("timestamp")
    bad = rows.clear() if faultless else rows.filter(pl.col("reason").is_not_null())
    return Normalised(bars, quarantine_rows(raw, bad, quality or QualityConfig()))


def readable_bars(
    raw: RawTable, sessions: Sessions, *, repair: bool, now: datetime
) -> pl.DataFrame:
    """Rows of a raw table that are valid bars.

    Parameters
    ----------
    raw, repair, now
        As of `normalise`.
    sessions : Sessions
        Of the series' exchange.

    Returns
    -------
    polars.DataFrame
        ``row`` (position in the table), ``instant`` (Int64, microseconds since 1970-01-01 UTC)
        and ``stamp`` (String, as it stands in the table) of each bar.
    """
    rows = _judged(raw, sessions, repair, now)
    stamps = stamp_cells(raw.frame, mapped_columns(raw)).cast(pl.String)
    bars = rows.select("row", "instant", "reason", stamp=stamps)
    return bars.filter(pl.col("reason").is_null()).drop("reason")


def row_keys(raw: RawTable, sessions: Sessions) -> tuple[pl.Series, pl.Series]:
    """Key and position in time of each raw row.

    Parameters
    ----------
    raw : RawTable
        Layout settled, or an empty table.
    sessions : Sessions
        Of the series' exchange.

    Returns
    -------
    keys : polars.Series of String
        The open instant in microseconds, or the raw stamp where it cannot be read.
    places : polars.Series of Int64
        The open instant; a row without one has its neighbour's.
    """
    if raw.frame.is_empty():
        return pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.Int64)
    mapped = mapped_columns(raw)
    instants = instants_of_rows(raw, mapped, sessions)
    unread = "stamp " + stamp_cells(raw.frame, mapped).cast(pl.String).fill_null("")
    keys = pl.select(pl.coalesce(instants.cast(pl.String), unread)).to_series()
    return keys, instants.forward_fill().backward_fill()


def _judged(
    raw: RawTable,
    sessions: Sessions,
    repair: bool,
    now: datetime,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pl.DataFrame:
    """Parse rows and add the reason why each is not a bar, or null."""
    rows = read_rows(raw, sessions)
    if columns:
        rows = _with_own(raw, rows, columns)
    if repair:
        rows = repair_unit_errors(rows)
    return judge_rows(rows, now)


def _with_own(raw: RawTable, rows: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Add the columns that the series keeps; text in one counts as text in a price."""
    text_in = rows["text_in"]
    found = []
    for name, column in columns.items():
        if column not in raw.frame.columns:
            shown = ", ".join(name for name in raw.frame.columns if not name.startswith("_"))
            raise MarketDataError(f"{where_of(raw)}: columns", f"no {column!r}", shown)
        values, is_text = parse_numbers(raw.frame[column], raw.layout.decimal or ".")
        found.append(values.alias(name))
        if is_text.any():
            said = pl.when(is_text).then(pl.lit(column))
            text_in = pl.select(pl.coalesce(text_in, said)).to_series()
    return rows.with_columns(*found, text_in=text_in)

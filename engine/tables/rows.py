"""Rows of a raw table as instants and numbers, once what its layout leaves open is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from engine.tables.columns import NUMBERS, PRICES, ColumnMap, map_columns
from engine.tables.errors import MarketDataError
from engine.tables.numbers import decimal_mark, groups_thousands_by_apostrophe, parse_numbers
from engine.tables.opens import guess_stamp, open_instants, to_instants
from engine.tables.raw_table import RawTable
from engine.tables.sessions import Sessions
from engine.tables.timestamps import detect_format, parse_stamps
from engine.tables.zones import zone_named

__all__ = [
    "instants_of_rows",
    "mapped_columns",
    "read_rows",
    "resolve_layout",
    "stamp_cells",
    "where_of",
]

# 0.001 in units of 1e-9.
_BILLIONTHS: Final = 1e6
# Rows used to decide which end of the bar is stamped: some months of minutes.
_DECIDING: Final = 50_000


def resolve_layout(raw: RawTable, sessions: Sessions) -> RawTable:
    """Determine everything that the layout leaves open from the whole table.

    Done when the table arrives, because a part of it may lack the row that decides.
    """
    layout = raw.layout
    mapped = mapped_columns(raw)
    _check_types(raw, mapped)
    _check_units(raw, mapped)
    raw = _rows_of_symbol(raw, mapped)
    columns = dict(mapped.columns)
    if mapped.price_only:
        columns["price"] = columns.pop("close")
    cells = stamp_cells(raw.frame, mapped)
    date_format = layout.date_format or detect_format(cells)
    if layout.date_format:
        _check_format(cells.head(1000).drop_nulls().head(100), layout.date_format, where_of(raw))
    decimal = layout.decimal or decimal_mark(
        [raw.frame[mapped.columns[name]] for name in NUMBERS if name in mapped.columns],
        layout.delimiter,
    )
    ticks = layout.ticks
    if ticks is None:
        prices = [raw.frame[mapped.columns[name]] for name in PRICES if name in mapped.columns]
        ticks = not groups_thousands_by_apostrophe(prices)
    told = [columns[name] for name in ("timestamp", "clock") if name in columns]
    zones = (zone_named(name, where_of(raw)) for name in told)
    timezone = layout.timezone or next(filter(None, zones), sessions.timezone)
    stamp = layout.stamp
    if stamp is None:
        instants = to_instants(parse_stamps(cells.head(_DECIDING), date_format), timezone)
        stamp = guess_stamp(instants, raw.timeframe, sessions)
    settled = layout.model_copy(
        update={
            "columns": columns,
            "date_format": date_format,
            "decimal": decimal,
            "ticks": ticks,
            "timezone": timezone,
            "stamp": stamp,
        }
    )
    return replace(raw, layout=settled)


def read_rows(raw: RawTable, sessions: Sessions) -> pl.DataFrame:
    """Parse a raw table whose layout is settled.

    Returns
    -------
    polars.DataFrame
        One row per raw row, in order: ``row`` (position), ``instant`` (Int64, microseconds
        since 1970-01-01 UTC or null), the numbers (Float64 or null), ``text_in`` (name of the
        first column that holds text where a number belongs), ``surplus`` (too many cells),
        ``refused`` (the reason, where the provider found that the row is no bar) and ``worded``
        (words stand in place of the stamp).
    """
    layout = raw.layout
    mapped = mapped_columns(raw)
    instants = instants_of_rows(raw, mapped, sessions)
    parsed: dict[str, pl.Series] = {"instant": instants}
    cells = sorted({mapped.columns[name] for name in NUMBERS if name in mapped.columns})
    plain = raw.frame.select(pl.col(cells).cast(pl.Float64, strict=False))
    text_in = pl.repeat(None, len(instants), dtype=pl.String, eager=True)
    for name in NUMBERS:
        column = mapped.columns.get(name)
        if column is None:
            parsed[name] = pl.repeat(None, len(instants), dtype=pl.Float64, eager=True)
            continue
        # Only prices are written in points and 32nds; in volumes, apostrophes group thousands.
        ticks = layout.ticks is not False and name in (*PRICES, "vwap")
        values, is_text = parse_numbers(
            raw.frame[column], layout.decimal or ".", plain[column], ticks=ticks
        )
        parsed[name] = values
        if is_text.any():
            text_in = pl.select(
                pl.coalesce(text_in, pl.when(is_text).then(pl.lit(column)))
            ).to_series()
    if mapped.price_only:
        parsed |= dict.fromkeys(PRICES, parsed["close"])
    surplus = (
        raw.frame["_surplus"].fill_null("") != ""
        if "_surplus" in raw.frame.columns
        else pl.repeat(value=False, n=len(instants), dtype=pl.Boolean, eager=True)
    )
    refused = pl.repeat(None, n=len(instants), dtype=pl.String, eager=True)
    if "_reason" in raw.frame.columns:
        refused = raw.frame["_reason"]
    worded = pl.repeat(value=False, n=len(instants), dtype=pl.Boolean, eager=True)
    if instants.has_nulls():
        worded = stamp_cells(raw.frame, mapped).cast(pl.String).str.contains("[A-Za-z]{2}")
    return pl.DataFrame(parsed).with_columns(
        pl.int_range(pl.len()).alias("row"),
        text_in=text_in,
        surplus=surplus,
        refused=refused,
        worded=worded,
    )


def mapped_columns(raw: RawTable) -> ColumnMap:
    """Return which column of a raw table is which."""
    names = [name for name in raw.frame.columns if not name.startswith("_")]
    return map_columns(names, raw.layout.columns, symbol=raw.symbol, where=where_of(raw))


def where_of(raw: RawTable) -> str:
    """Return how an error's sentence about a raw table begins."""
    return f"{raw.provider} {raw.symbol}@{raw.timeframe}"


def instants_of_rows(raw: RawTable, mapped: ColumnMap, sessions: Sessions) -> pl.Series:
    """Return the instants at which the bars of a raw table open, microseconds, null where none."""
    layout = raw.layout
    return open_instants(
        parse_stamps(stamp_cells(raw.frame, mapped), layout.date_format),
        timeframe=raw.timeframe,
        sessions=sessions,
        timezone=layout.timezone,
        stamp=layout.stamp,
    )


def stamp_cells(frame: pl.DataFrame, mapped: ColumnMap) -> pl.Series:
    """Return the cells of the stamps, put together where they stand in several columns."""
    stamp = frame[mapped.columns["timestamp"]]
    if "year" in mapped.columns:
        # Year, month and day in columns of their own.
        parts = [frame[mapped.columns["year"]], frame[mapped.columns["month"]], stamp]
        stamp = pl.select(
            pl.concat_str([part.cast(pl.String).str.strip_chars() for part in parts], separator="-")
        ).to_series()
    clock = mapped.columns.get("clock")
    if clock is None or isinstance(stamp.dtype, pl.Datetime):
        return stamp
    # In a numeric column 09:30 is 930.
    time = frame[clock].cast(pl.String).str.replace(r"^\s*(\d{3}|\d{5})\s*$", "0$1")
    joined = stamp.cast(pl.String) + " " + time
    return joined.alias(stamp.name)


def _check_format(cells: pl.Series, date_format: str, where: str) -> None:
    """Refuse a configured format that matches no cell although the cells are timestamps."""
    unread = parse_stamps(cells, date_format, strictly=True)["wall"].null_count() == len(cells)
    if unread and detect_format(cells):
        raise MarketDataError(
            f"{where}: date_format",
            f"{date_format!r}, which reads no cell such as {str(cells[0])!r}",
            "the strptime format of the stamps",
        )


def _check_types(raw: RawTable, mapped: ColumnMap) -> None:
    """Refuse columns that hold neither numbers nor text nor timestamps."""
    for name, column in mapped.columns.items():
        kind = raw.frame.schema[column]
        stamps = name == "timestamp" and kind in (pl.Date, pl.Datetime)
        clocks = name == "clock" and kind == pl.Time
        if not (kind == pl.String or kind.is_numeric() or stamps or clocks or kind == pl.Null):
            allowed = "dates or times" if name in ("timestamp", "clock") else "numbers"
            raise MarketDataError(
                f"{where_of(raw)}: column {column}", f"type {kind}", f"{allowed}, or text of them"
            )


def _check_units(raw: RawTable, mapped: ColumnMap) -> None:
    """Refuse Databento's integer prices in units of 1e-9."""
    if not {"rtype", "publisher_id"} <= set(raw.frame.columns):
        return
    closes = parse_numbers(raw.frame[mapped.columns["close"]])[0].drop_nulls()
    if len(closes) and (closes % 1 == 0).all() and (closes.abs() >= _BILLIONTHS).all():
        raise MarketDataError(
            f"{where_of(raw)}: column {mapped.columns['close']}",
            f"{closes[0]:.0f}, a price in units of 1e-9",
            "decimal prices (Databento's pretty_px)",
        )


def _rows_of_symbol(raw: RawTable, mapped: ColumnMap) -> RawTable:
    """Keep the rows of the series' symbol if the table holds several symbols."""
    column = mapped.columns.get("symbol")
    if column is None:
        return raw
    names = raw.frame[column].cast(pl.String).str.strip_chars()
    if names.n_unique() < 2:
        return raw
    if not (names == raw.symbol).any():
        shown = ", ".join(names.unique().sort().head(5).to_list())
        raise MarketDataError(f"{where_of(raw)}: column {column}", shown, f"rows of {raw.symbol}")
    return replace(raw, frame=raw.frame.filter(names == raw.symbol))

"""From a provider's raw table to canonical bars; other rows go to the quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from mc_assets.market_data.canonical import BARS_SCHEMA, PRICES
from mc_assets.market_data.columns import NUMBERS, ColumnMap, map_columns
from mc_assets.market_data.judging import judge_rows
from mc_assets.market_data.numbers import (
    decimal_mark,
    groups_thousands_by_apostrophe,
    parse_numbers,
)
from mc_assets.market_data.opens import guess_stamp, open_instants, to_instants
from mc_assets.market_data.quarantine import quarantine_rows
from mc_assets.market_data.repair import repair_unit_errors
from mc_assets.market_data.sessions import Sessions, sessions_of
from mc_assets.market_data.severities import QualityConfig
from mc_assets.market_data.timestamps import detect_format, parse_stamps
from mc_assets.market_data.zones import zone_named
from mc_assets.providers import MarketDataError, RawTable

__all__ = [
    "Normalised",
    "normalise",
    "read_rows",
    "readable_bars",
    "resolve_layout",
    "row_keys",
]

# 0.001 in units of 1e-9.
_BILLIONTHS: Final = 1e6
# Rows used to decide which end of the bar is stamped: some months of minutes.
_DECIDING: Final = 50_000


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
    stamps = _stamp_cells(raw.frame, _mapped(raw)).cast(pl.String)
    bars = rows.select("row", "instant", "reason", stamp=stamps)
    return bars.filter(pl.col("reason").is_null()).drop("reason")


def resolve_layout(raw: RawTable, sessions: Sessions) -> RawTable:
    """Determine everything that the layout leaves open from the whole table.

    Done when the table arrives, because a part of it may lack the row that decides.
    """
    layout = raw.layout
    mapped = _mapped(raw)
    _check_types(raw, mapped)
    _check_units(raw, mapped)
    raw = _rows_of_symbol(raw, mapped)
    columns = dict(mapped.columns)
    if mapped.price_only:
        columns["price"] = columns.pop("close")
    cells = _stamp_cells(raw.frame, mapped)
    date_format = layout.date_format or detect_format(cells)
    if layout.date_format:
        _check_format(cells.head(1000).drop_nulls().head(100), layout.date_format, _where(raw))
    decimal = layout.decimal or decimal_mark(
        [raw.frame[mapped.columns[name]] for name in NUMBERS if name in mapped.columns],
        layout.delimiter,
    )
    ticks = layout.ticks
    if ticks is None:
        prices = [raw.frame[mapped.columns[name]] for name in PRICES if name in mapped.columns]
        ticks = not groups_thousands_by_apostrophe(prices)
    told = [columns[name] for name in ("timestamp", "clock") if name in columns]
    zones = (zone_named(name, _where(raw)) for name in told)
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
    mapped = _mapped(raw)
    instants = _instants(raw, mapped, sessions)
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
        worded = _stamp_cells(raw.frame, mapped).cast(pl.String).str.contains("[A-Za-z]{2}")
    return pl.DataFrame(parsed).with_columns(
        pl.int_range(pl.len()).alias("row"),
        text_in=text_in,
        surplus=surplus,
        refused=refused,
        worded=worded,
    )


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
    mapped = _mapped(raw)
    instants = _instants(raw, mapped, sessions)
    unread = "stamp " + _stamp_cells(raw.frame, mapped).cast(pl.String).fill_null("")
    keys = pl.select(pl.coalesce(instants.cast(pl.String), unread)).to_series()
    return keys, instants.forward_fill().backward_fill()


def _mapped(raw: RawTable) -> ColumnMap:
    names = [name for name in raw.frame.columns if not name.startswith("_")]
    return map_columns(names, raw.layout.columns, symbol=raw.symbol, where=_where(raw))


def _where(raw: RawTable) -> str:
    return f"{raw.provider} {raw.symbol}@{raw.timeframe}"


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
                f"{_where(raw)}: column {column}", f"type {kind}", f"{allowed}, or text of them"
            )


def _check_units(raw: RawTable, mapped: ColumnMap) -> None:
    """Refuse Databento's integer prices in units of 1e-9."""
    if not {"rtype", "publisher_id"} <= set(raw.frame.columns):
        return
    closes = parse_numbers(raw.frame[mapped.columns["close"]])[0].drop_nulls()
    if len(closes) and (closes % 1 == 0).all() and (closes.abs() >= _BILLIONTHS).all():
        raise MarketDataError(
            f"{_where(raw)}: column {mapped.columns['close']}",
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
        raise MarketDataError(f"{_where(raw)}: column {column}", shown, f"rows of {raw.symbol}")
    return replace(raw, frame=raw.frame.filter(names == raw.symbol))


def _instants(raw: RawTable, mapped: ColumnMap, sessions: Sessions) -> pl.Series:
    layout = raw.layout
    return open_instants(
        parse_stamps(_stamp_cells(raw.frame, mapped), layout.date_format),
        timeframe=raw.timeframe,
        sessions=sessions,
        timezone=layout.timezone,
        stamp=layout.stamp,
    )


def _stamp_cells(frame: pl.DataFrame, mapped: ColumnMap) -> pl.Series:
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
            raise MarketDataError(f"{_where(raw)}: columns", f"no {column!r}", shown)
        values, is_text = parse_numbers(raw.frame[column], raw.layout.decimal or ".")
        found.append(values.alias(name))
        if is_text.any():
            said = pl.when(is_text).then(pl.lit(column))
            text_in = pl.select(pl.coalesce(text_in, said)).to_series()
    return rows.with_columns(*found, text_in=text_in)

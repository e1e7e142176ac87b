"""Level-1 quotes and trades: canonical columns, checks, one batch at a time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import polars as pl
from polars._typing import PolarsDataType

from mc_assets.market_data.numbers import (
    decimal_mark,
    groups_thousands_by_apostrophe,
    parse_numbers,
)
from mc_assets.market_data.timestamps import SECONDS, detect_format, parse_stamps
from mc_assets.providers import MarketDataError

__all__ = [
    "QUOTES_SCHEMA",
    "TRADES_SCHEMA",
    "QuoteCounts",
    "TickLayout",
    "Ticks",
    "normalise_ticks",
]

TICK: Final = pl.Datetime("ns", "UTC")
QUOTES_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {
        "ts": TICK,
        "bid_px": pl.Float64,
        "ask_px": pl.Float64,
        "bid_sz": pl.Float64,
        "ask_sz": pl.Float64,
    }
)
TRADES_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {"ts": TICK, "price": pl.Float64, "size": pl.Float64, "aggressor": pl.String}
)
BAD_TICKS_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {"row": pl.Int64, "reason": pl.String, "message": pl.String, "raw": pl.String}
)
_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "ts": (
        "ts", "timestamp", "localtsns", "localts", "localtimestamp", "exchtsms", "exchts", "tsns",
        "tsevent", "siptimestamp", "participanttimestamp", "time", "datetime", "gmttime",
        "utctime", "t", "transacttime", "eventtime", "asof", "date",
    ),
    "bid_px": ("bidpx", "bid", "bidprice", "bp", "bestbid", "bestbidprice", "bidpx00", "b"),
    "ask_px": ("askpx", "ask", "askprice", "ap", "bestask", "bestaskprice", "askpx00", "a"),
    "bid_sz": (
        "bidsz", "bidsize", "bs", "bidqty", "bestbidqty", "bidamount", "bidsz00", "bidvolume",
        "bidsiz",
    ),
    "ask_sz": (
        "asksz", "asksize", "as", "askqty", "bestaskqty", "askamount", "asksz00", "askvolume",
        "asksiz",
    ),
    "price": ("price", "px", "p", "last", "tradeprice"),
    "size": ("size", "sz", "qty", "quantity", "amount", "s", "volume"),
    "aggressor": ("aggressor", "side", "takerside", "aggressorside"),
}  # fmt: skip
# Binance's book ticker: lower-case names for prices, upper-case names for sizes.
_CAPITALS: Final = {"bid_sz": ("b", "B"), "ask_sz": ("a", "A")}
# Columns that may hold the time of day beside a date column.
_CLOCKS: Final = ("time", "timem", "clock", "timeofday")
_SYMBOLS: Final = ("symbol", "ticker", "sym", "instrument")
# Digits after the decimal point that make up whole nanoseconds.
_DIGITS: Final = {"epoch_s": 9, "epoch_ms": 6, "epoch_us": 3, "epoch_ns": 0}
_ROWS_AT_ONCE: Final = 5_000
Kind = Literal["quotes", "trades"]


@dataclass(frozen=True)
class TickLayout:
    """How to read a file of ticks, determined from its first batch.

    Parameters
    ----------
    kind : {"quotes", "trades"}
        What the rows are.
    columns : dict
        Canonical name to the file's column.
    date_format : str, optional
        Format of the stamps (`timestamps.detect_format`).
    decimal : {".", ","}
        Decimal mark.
    clock : str, optional
        Column of the time of day, where the stamps' column holds the day alone.
    symbol : tuple of str, optional
        Column that names the instrument, and the first name in it.
    where : str
        The file, the start of an error's sentence.
    ticks : bool
        Prices such as ``110'165`` are points and 32nds, and not thousands.
    """

    kind: Kind
    columns: dict[str, str]
    date_format: str | None
    decimal: Literal[".", ","] = "."
    clock: str | None = None
    symbol: tuple[str, str] | None = None
    where: str = ""
    ticks: bool = True

    @classmethod
    def of(
        cls,
        first: pl.DataFrame,
        kind: Kind,
        given: dict[str, str],
        where: str,
        delimiter: str | None = None,
    ) -> TickLayout:
        """Find the columns of a first batch.

        Raises
        ------
        MarketDataError
            If a stamp, a bid and an ask (or a price) cannot be found.
        """
        plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(first.columns)}
        schema = QUOTES_SCHEMA if kind == "quotes" else TRADES_SCHEMA
        columns = dict(given)
        if kind == "quotes":
            for name, pair in _CAPITALS.items():
                if set(pair) <= set(first.columns):
                    columns.setdefault(name, pair[1])
        for name in schema:
            if name not in columns:
                match = next((plain[item] for item in _SPELLINGS[name] if item in plain), None)
                if match is not None:
                    columns[name] = match
        for name in ("ts", "bid_px", "ask_px") if kind == "quotes" else ("ts", "price"):
            if columns.get(name) not in first.columns:
                raise MarketDataError(
                    f"{where}: found columns {', '.join(first.columns)}, allowed {kind} with a "
                    f"{name} column"
                )
        clock = None
        if "ts" not in given and "date" in plain:
            clock = next((plain[name] for name in _CLOCKS if name in plain), None)
            if clock is not None and _is_clock(first[clock]):
                columns["ts"] = plain["date"]
            else:
                clock = None
        numbers = [first[columns[name]] for name in list(schema)[1:] if name in columns]
        date_format = detect_format(_stamp_cells(first, columns["ts"], clock))
        _check_instants(first, columns, date_format, clock, where)
        named = next((plain[item] for item in _SYMBOLS if item in plain), None)
        names = first[named].cast(pl.String).drop_nulls().to_list() if named else []
        return cls(
            kind,
            columns,
            date_format,
            decimal_mark(numbers, delimiter),
            clock,
            (named, names[0]) if named and names else None,
            where,
            not groups_thousands_by_apostrophe(numbers),
        )


@dataclass
class QuoteCounts:
    """Counts of a stream.

    Parameters
    ----------
    rows, quarantined : int
        Rows kept, and rows that could not be.
    out_of_order : int
        Quarantined because they are earlier than a row before them.
    crossed, locked, one_sided : int
        Kept quotes with bid above ask, bid equal to ask, or a side missing.
    first, last : int, optional
        Stamps of the first and last kept row, nanoseconds since 1970-01-01 UTC.
    """

    rows: int = 0
    quarantined: int = 0
    out_of_order: int = 0
    crossed: int = 0
    locked: int = 0
    one_sided: int = 0
    first: int | None = field(default=None)
    last: int | None = field(default=None)


class Ticks(NamedTuple):
    """Canonical ticks of a batch, and its rows that are not ticks."""

    ticks: pl.DataFrame
    quarantine: pl.DataFrame


def normalise_ticks(
    raw: pl.DataFrame, layout: TickLayout, counts: QuoteCounts, first_row: int = 1
) -> Ticks:
    """Make canonical ticks of one batch, in file order.

    Parameters
    ----------
    raw : polars.DataFrame
        Rows of a file, strings or numbers.
    layout : TickLayout
        Of the file.
    counts : QuoteCounts
        Of the batches before; brought up to date.
    first_row : int
        Number of the batch's first row (a line of a CSV file).

    Returns
    -------
    Ticks
        ``ticks`` in `QUOTES_SCHEMA` or `TRADES_SCHEMA`. A missing side of a quote is null;
        crossed, locked and one-sided quotes are kept and counted. ``quarantine`` holds rows
        with an unreadable stamp or number, a negative size, or a stamp earlier than one
        before it.

    Raises
    ------
    MarketDataError
        If the rows are of several instruments: their quotes are no one book.
    """
    _check_symbol(raw, layout)
    schema = QUOTES_SCHEMA if layout.kind == "quotes" else TRADES_SCHEMA
    columns = {
        "ts": _nanoseconds(
            _stamp_cells(raw, layout.columns["ts"], layout.clock), layout.date_format
        )
    }
    text_in = pl.repeat(None, raw.height, dtype=pl.String, eager=True)
    for name in list(schema)[1:]:
        column = layout.columns.get(name)
        if column is None:
            columns[name] = pl.repeat(None, raw.height, dtype=schema[name], eager=True)
        elif schema[name] == pl.String:
            columns[name] = raw[column].cast(pl.String)
        else:
            ticks = layout.ticks and not name.endswith(("sz", "size"))
            columns[name], is_text = parse_numbers(raw[column], layout.decimal, ticks=ticks)
            if is_text.any():
                found = pl.when(is_text).then(pl.lit(column))
                text_in = pl.select(pl.coalesce(text_in, found)).to_series()
    frame = pl.DataFrame(columns).with_columns(text_in=text_in)
    if layout.kind == "quotes":
        frame = _without_empty_sides(frame)
    frame = frame.with_columns(reason=_reason(layout.kind))
    usable = pl.when(pl.col("reason").is_null()).then("ts")
    newest = usable.cum_max().shift(1).forward_fill()
    newest = pl.max_horizontal(newest, pl.lit(counts.last, dtype=pl.Int64))
    late = pl.col("reason").is_null() & (pl.col("ts") < newest).fill_null(value=False)
    frame = frame.with_columns(
        reason=pl.when(late).then(pl.lit("out_of_order")).otherwise("reason")
    )
    good = frame.filter(pl.col("reason").is_null())
    _count(good, frame, layout.kind, counts)
    stamp = pl.col("ts").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    return Ticks(
        good.select(stamp, *list(schema)[1:]),
        _quarantine(raw, frame.with_columns(number=pl.int_range(pl.len())), layout, first_row),
    )


def _nanoseconds(column: pl.Series, date_format: str | None) -> pl.Series:
    digits = _DIGITS.get(date_format or "")
    if digits is not None:
        return _epochs(column, digits)
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("ns")
    parsed = parse_stamps(column, date_format).with_columns(cell=column.cast(pl.String))
    # Timestamps are parsed to microseconds; further digits are added as nanoseconds.
    rest = pl.col("cell").str.extract(r":\d{2}\.\d{6}(\d{1,3})").str.pad_end(3, "0")
    return parsed.select(
        pl.coalesce("utc", "wall") * 1000 + rest.cast(pl.Int64).fill_null(0)
    ).to_series()


def _epochs(column: pl.Series, digits: int) -> pl.Series:
    """Nanoseconds of a count of units that are ``10**digits`` of them; its fraction counts."""
    if column.dtype.is_integer():
        return _scaled(column.cast(pl.Int64, strict=False), digits)
    if column.dtype == pl.String:
        whole = _scaled(column.str.strip_chars().cast(pl.Int64, strict=False), digits)
        if whole.null_count() == column.null_count():
            return whole
        parts = column.str.extract_groups(r"^\s*(\d+)\.(\d+)\s*$").struct.unnest()
        fraction = parts["2"].str.pad_end(digits, "0").str.slice(0, digits)
        written = parts["1"].cast(pl.Int64) * 10**digits + fraction.cast(pl.Int64, strict=False)
    else:
        whole = written = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(column))
    # A float64 holds an instant of today to the microsecond.
    rounded = (column.cast(pl.Float64, strict=False) * 10.0 ** (digits - 3)).round()
    return pl.select(
        pl.coalesce(whole, written, rounded.cast(pl.Int64, strict=False) * 1000)
    ).to_series()


def _scaled(counts: pl.Series, digits: int) -> pl.Series:
    """Nanoseconds of whole counts; a count that is plainly of another unit is read in that."""
    scaled: pl.Series = counts * 10**digits
    first, last = SECONDS
    if counts.is_between(first * 10 ** (9 - digits), last * 10 ** (9 - digits)).all():
        return scaled
    for other in set(_DIGITS.values()) - {digits}:
        inside = counts.is_between(first * 10 ** (9 - other), last * 10 ** (9 - other))
        scaled = pl.select(pl.when(inside).then(counts * 10**other).otherwise(scaled)).to_series()
    return scaled


def _stamp_cells(frame: pl.DataFrame, column: str, clock: str | None) -> pl.Series:
    if clock is None:
        return frame[column]
    return frame[column].cast(pl.String) + " " + frame[clock].cast(pl.String)


def _check_instants(
    first: pl.DataFrame,
    columns: dict[str, str],
    date_format: str | None,
    clock: str | None,
    where: str,
) -> None:
    """Refuse days without a time, and Databento's whole numbers, which count billionths."""
    stamps = parse_stamps(_stamp_cells(first, columns["ts"], clock), date_format)
    known = stamps.filter(pl.col("wall").is_not_null())
    if known.height and known["dated"].all() and date_format != "excel":
        raise MarketDataError(
            f"{where}: column {columns['ts']}: found days without a time, allowed instants"
        )
    price = columns.get("bid_px") or columns["price"]
    if {"rtype", "publisher_id"} <= set(first.columns):
        prices = parse_numbers(first[price])[0].drop_nulls()
        if len(prices) and (prices % 1 == 0).all() and (prices.abs() >= 1e6).all():
            raise MarketDataError(
                f"{where}: column {price}: found {prices[0]:.0f}, a price in units of 1e-9, "
                "allowed decimal prices (Databento's pretty_px)"
            )


def _is_clock(column: pl.Series) -> bool:
    """Whether cells are times of a day, without the day."""
    cells = column.drop_nulls().head(20)
    return cells.dtype == pl.String and bool(cells.str.contains(r"^\s*\d{1,2}:\d{2}").all())


def _check_symbol(raw: pl.DataFrame, layout: TickLayout) -> None:
    if layout.symbol is None:
        return
    column, name = layout.symbol
    others = raw[column].cast(pl.String).drop_nulls()
    others = others.filter(others != name)
    if len(others):
        raise MarketDataError(
            f"{layout.where}: column {column}: found {name} and {others[0]}, allowed one "
            "instrument in a file"
        )


def _without_empty_sides(frame: pl.DataFrame) -> pl.DataFrame:
    """Null a side without price or size; feeds write 0 for a side that is not there."""
    gone = {
        side: pl.col(f"{side}_px").is_null()
        | (pl.col(f"{side}_px") == 0)
        | (pl.col(f"{side}_sz") == 0).fill_null(value=False)
        for side in ("bid", "ask")
    }
    return frame.with_columns(
        pl.when(gone[side]).then(None).otherwise(f"{side}_{part}").alias(f"{side}_{part}")
        for side in ("bid", "ask")
        for part in ("px", "sz")
    )


def _reason(kind: Kind) -> pl.Expr:
    numbers = ["bid_px", "ask_px", "bid_sz", "ask_sz"] if kind == "quotes" else ["price", "size"]
    prices = [name for name in numbers if name.endswith(("px", "price"))]
    sizes = [name for name in numbers if name not in prices]
    empty = pl.all_horizontal(pl.col(name).is_null() for name in prices)
    negative = pl.any_horizontal(pl.col(name) < 0 for name in sizes)
    infinite = pl.any_horizontal(~pl.col(name).is_finite() for name in numbers)
    return (
        pl.when(pl.col("ts").is_null()).then(pl.lit("bad_timestamp"))
        .when(pl.col("text_in").is_not_null()).then(pl.lit("text_cell"))
        .when(empty).then(pl.lit("missing_price"))
        .when(infinite).then(pl.lit("non_finite"))
        .when(negative).then(pl.lit("negative_size"))
    )  # fmt: skip


def _count(good: pl.DataFrame, frame: pl.DataFrame, kind: Kind, counts: QuoteCounts) -> None:
    counts.rows += good.height
    counts.quarantined += frame.height - good.height
    counts.out_of_order += int((frame["reason"] == "out_of_order").sum())
    if kind == "quotes":
        counts.crossed += int((good["bid_px"] > good["ask_px"]).sum())
        counts.locked += int((good["bid_px"] == good["ask_px"]).sum())
        one_sided = good["bid_px"].is_null() | good["ask_px"].is_null()
        counts.one_sided += int(one_sided.sum())
    if good.height:
        counts.first = counts.first if counts.first is not None else int(good["ts"][0])
        counts.last = int(good["ts"][-1])


def _quarantine(
    raw: pl.DataFrame, frame: pl.DataFrame, layout: TickLayout, first_row: int
) -> pl.DataFrame:
    bad = frame.filter(pl.col("reason").is_not_null())
    # Python's objects of a whole batch would take more memory than everything else.
    parts = [
        _faults(raw[part["number"]], part, layout, first_row)
        for part in bad.iter_slices(_ROWS_AT_ONCE)
    ]
    return pl.concat([pl.DataFrame(schema=dict(BAD_TICKS_SCHEMA)), *parts])


def _faults(
    sources: pl.DataFrame, bad: pl.DataFrame, layout: TickLayout, first_row: int
) -> pl.DataFrame:
    """Say what is wrong with each row, and how it stands in the file."""
    records = []
    rows = zip(sources.iter_rows(named=True), bad.iter_rows(named=True), strict=True)
    for source, row in rows:
        reason = row["reason"]
        stamp = source[layout.columns["ts"]]
        said = {
            "bad_timestamp": f"found {stamp!r}, allowed a time",
            "missing_price": "found no price, allowed a number",
            "non_finite": "found an infinite number, allowed finite numbers",
            "negative_size": "found a negative size, allowed >= 0",
            "out_of_order": f"found the time {stamp}, earlier than a row before it",
        }
        if reason == "text_cell":
            column = row["text_in"]
            message = f"column {column}: found {source[column]!r}, allowed a number"
        else:
            message = said[reason]
        number = first_row + row["number"]
        records.append(
            {
                "row": number,
                "reason": reason,
                "message": f"row {number}, {message}",
                "raw": json.dumps(source, default=str),
            }
        )
    return pl.DataFrame(records, schema=dict(BAD_TICKS_SCHEMA))

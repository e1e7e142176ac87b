"""Futures curves: settlements by day and contract, with days to maturity."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from engine.tables.csv_text import read_text_table
from engine.tables.numbers import (
    decimal_mark,
    groups_thousands_by_apostrophe,
    parse_numbers,
)
from engine.tables.timestamps import detect_format, parse_stamps
from mc_assets.market_data.futures.contracts import contract_labels, contract_name, names_month
from mc_assets.providers import MarketDataError

__all__ = ["CURVE_SCHEMA", "Curve", "read_curve"]

CURVE_SCHEMA: Final = {
    "date": pl.Date,
    "contract": pl.String,
    "expiry": pl.Date,
    "days": pl.Int32,
    "rank": pl.Int32,
    "price": pl.Float64,
    "volume": pl.Float64,
}
_PRICE: Final = ("settle", "settlement", "price", "close", "settlementprice", "last", "value")
_DATE: Final = ("date", "day", "timestamp", "tradedate", "tradingday", "asof", "settlementdate",
                "observationdate", "time", "datetime", "tsevent")  # fmt: skip
_CONTRACT: Final = ("contract", "symbol", "ticker", "contractcode", "instrument", "maturity",
                    "contractmonth", "expirymonth", "expiry", "expirydate", "expiration",
                    "expirationdate", "lasttradedate", "lasttrade", "strip", "delivery",
                    "deliverymonth", "maturitydate", "maturitymonth", "futures",
                    "product")  # fmt: skip
_MONTH: Final = (("contractyear", "contractmonth"), ("year", "month"),
                 ("deliveryyear", "deliverymonth"), ("expiryyear", "expirymonth"))  # fmt: skip
_PLACE: Final = ("nearby", "rank", "series", "position", "tenor", "contractnumber", "generic")


class Curve(NamedTuple):
    """A curve, and the cells of its file that could not become part of it.

    Parameters
    ----------
    rows : polars.DataFrame
        `CURVE_SCHEMA`, one row per day and contract, oldest day and nearest contract first:
        ``days`` to the last trade date (calendar days), ``rank`` (1 = nearest contract that
        still trades), settlement ``price`` and ``volume`` (null where none is published).
    quarantine : polars.DataFrame
        ``file``, ``line``, ``date`` (null where the row has none), ``column``, ``cell`` (as it
        stands), ``reason`` (a row check of `severities.DEFAULT_SEVERITIES`) and ``message``.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame


def read_curve(path: Path | str, expiries: pl.DataFrame, root: str) -> Curve:
    """Read a curve from CSV, long or wide.

    Parameters
    ----------
    path : Path or str
        *Wide*: a date and one column per nearby contract (``CL01``, ``CL02``, ...) or per
        contract (``CLG07``, ``Feb-07``). *Long*: a date, a contract (code, month or last trade
        date), a settlement and, if published, a volume. `contract_labels` says how contracts
        may be called.
    expiries : polars.DataFrame
        What `read_expiries` returned.
    root : str
        The product's root symbol.

    Raises
    ------
    MarketDataError
        If the file is neither.

    Notes
    -----
    The nth nearby contract of a day is the nth whose last trade date is that day or later; of
    contracts whose year is written with one digit (``CLG7``) the nearest such is meant.
    """
    path = Path(path)
    table, delimiter = read_text_table(path)
    data = [name for name in table.columns if name[0] != "_"]
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(data)}
    date_column = next((plain[name] for name in _DATE if name in plain), data[0])
    walls = parse_stamps(table[date_column], detect_format(table[date_column]))["wall"]
    dates = walls.cast(pl.Datetime("us")).dt.date()
    # An unnamed first column holds row numbers.
    numbers = data[0] if data[0] == "column_1" else date_column
    rest = [name for name in data if name not in (date_column, numbers)]
    cells = _long(table, rest, root, expiries) or _wide(table, rest, root, expiries, path.name)
    if cells is None:
        raise MarketDataError(
            path.name,
            f"columns {', '.join(data[:6])}",
            f"nearby contracts ({root}01), contracts ({root}G07), or date, contract and settlement",
        )
    base = pl.DataFrame(
        {
            "date": dates,
            "line": table["_line"],
            "stamp": table[date_column],
            "surplus": table["_surplus"] if "_surplus" in table.columns else [""] * table.height,
        },
        schema_overrides={"surplus": pl.String},
    ).with_columns(stamp_column=pl.lit(date_column))
    prices = [column for _, column, _ in cells]
    decimal = decimal_mark(prices, delimiter)
    ticks = not groups_thousands_by_apostrophe(prices)
    parts = []
    for contract, column, volume in cells:
        price, text = parse_numbers(column, decimal, ticks=ticks)
        part = base.with_columns(
            contract=contract, cell=column, price=price, text=text, column=pl.lit(column.name)
        )
        if volume is None:
            part = part.with_columns(
                volume=pl.lit(None, dtype=pl.Float64),
                volume_cell=pl.lit(None, dtype=pl.String),
                volume_column=pl.lit(None, dtype=pl.String),
                volume_text=pl.lit(value=False),
            )
        else:
            traded, is_text = parse_numbers(volume, decimal)
            part = part.with_columns(
                volume=traded, volume_cell=volume, volume_text=is_text,
                volume_column=pl.lit(volume.name),
            )  # fmt: skip
        parts.append(part)
    long = _with_expiry(pl.concat(parts), expiries)
    return _split(long, path.name)


def _long(
    table: pl.DataFrame, names: list[str], root: str, expiries: pl.DataFrame
) -> list[tuple[pl.Series, pl.Series, pl.Series | None]] | None:
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in names}
    price = next((plain[name] for name in _PRICE if name in plain), None)
    contract = _contract_column(table, plain, root, expiries)
    if contract is None or price is None:
        return None
    volume = next((plain[name] for name in ("volume", "vol") if name in plain), None)
    return [(contract.alias("contract"), table[price], table[volume] if volume else None)]


def _contract_column(
    table: pl.DataFrame, plain: dict[str, str], root: str, expiries: pl.DataFrame
) -> pl.Series | None:
    """Labels of the contracts of a long file; None if no column names them.

    Codes with a whole year come first, then a year and a month, a code whose year has one digit,
    the date of maturity, and the place among the nearby contracts.
    """
    columns = [table[plain[name]] for name in _CONTRACT if name in plain]
    columns += [
        table.select(
            pl.concat_str(
                pl.col(plain[year]).str.strip_chars(),
                pl.col(plain[month]).str.strip_chars().str.zfill(2),
                separator="-",
            )
        ).to_series()
        for year, month in _MONTH
        if year in plain and month in plain
    ]
    places = [table[plain[name]] for name in _PLACE if name in plain]
    found = [(_labels(column, root, counting=False), column) for column in columns]
    found += [(_labels(column, root, counting=True), column) for column in places]
    for kind in ("", "?", "#"):
        for labels, column in found:
            if kind in {label[0] if label[0] in "?#" else "" for label in labels.values()}:
                return _labelled(column, labels)
    for column in columns:
        labels = _maturities(column, root, expiries)
        if labels:
            return _labelled(column, labels)
    return _labelled(columns[0], {}) if columns else None


def _labels(column: pl.Series, root: str, *, counting: bool) -> dict[str, str]:
    return contract_labels(column.unique().drop_nulls().to_list(), root, places=counting)


def _labelled(column: pl.Series, labels: dict[str, str]) -> pl.Series:
    """Replace cells by their labels; other cells stay and are not contracts."""
    codes = column.unique().drop_nulls().to_list()
    named = {code: labels.get(code, code) for code in codes}
    return column.replace_strict(named, default=None, return_dtype=pl.String)


def _maturities(column: pl.Series, root: str, expiries: pl.DataFrame) -> dict[str, str]:
    """Labels of contracts named by a date: the last trade date, or the first of the month."""
    codes = column.unique().drop_nulls()
    read: dict[str, date] = {}
    for form in (detect_format(codes), "%m/%d/%Y", "%d/%m/%Y"):
        walls = parse_stamps(codes, form, strictly=True)["wall"].cast(pl.Datetime("us")).dt.date()
        days = {code: day for code, day in zip(codes, walls, strict=True) if day is not None}
        if days and all(day.day == 1 for day in days.values()):
            return {code: contract_name(root, day.year, day.month) for code, day in days.items()}
        read = read or days
    ends = dict(zip(expiries["expiry"], expiries["contract"], strict=True))
    return {code: ends[day] for code, day in read.items() if day in ends}


def _wide(
    table: pl.DataFrame, names: list[str], root: str, expiries: pl.DataFrame, file: str
) -> list[tuple[pl.Series, pl.Series, pl.Series | None]] | None:
    labels = contract_labels(names, root)
    if not labels:
        labels = _maturities(pl.Series("contract", names), root, expiries)
    unnamed = [name for name in names if name not in labels and names_month(name)]
    if unnamed and any(names_month(name) for name in labels):
        raise MarketDataError(
            file,
            f"the column {unnamed[0]} beside {next(iter(labels))}",
            f"English names of months, or contracts such as {root}G07",
        )
    columns: dict[str, str] = {}
    for name, label in labels.items():
        other = columns.setdefault(label, name)
        if other != name:
            settled = [text for text in (other, name) if "settle" in text.lower()]
            if len(settled) != 1:
                raise MarketDataError(
                    file, f"the columns {other} and {name} of one contract", "one"
                )
            columns[label] = settled[0]
    cells: list[tuple[pl.Series, pl.Series, pl.Series | None]] = [
        (pl.Series("contract", [label]).new_from_index(0, table.height), table[name], None)
        for label, name in columns.items()
    ]
    return cells or None


def _with_expiry(long: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """Add expiry, days and rank; turn the nth nearby of a day into its contract."""
    ends = expiries["expiry"].cast(pl.Int32).to_numpy()
    names = expiries["contract"].to_list()
    day = long["date"].cast(pl.Int32)
    front = pl.Series(np.searchsorted(ends, day.fill_null(0).to_numpy(), side="left"))
    nearby = long["contract"].str.strip_prefix("#").cast(pl.Int64, strict=False)
    is_nearby = long["contract"].str.starts_with("#").fill_null(value=False)
    known = {name: place for place, name in enumerate(names)}
    own = long["contract"].replace_strict(known, default=None, return_dtype=pl.Int64)
    place = pl.select(pl.when(is_nearby).then(front + nearby - 1).otherwise(own)).to_series()
    place = _nearest_year(long["contract"], day, place, names, ends)
    inside = (place < len(names)).fill_null(value=False)
    place = pl.select(pl.when(inside).then(place)).to_series()
    calendar = pl.DataFrame(
        {"place": range(len(names)), "name": names, "expiry": expiries["expiry"]},
        schema={"place": pl.Int64, "name": pl.String, "expiry": pl.Date},
    )
    joined = long.with_columns(place=place.cast(pl.Int64), front=front).join(
        calendar, on="place", how="left", maintain_order="left"
    )
    return joined.with_columns(
        contract=pl.coalesce("name", pl.col("contract").str.strip_prefix("?")),
        days=(pl.col("expiry") - pl.col("date")).dt.total_days().cast(pl.Int32),
        rank=(pl.col("place") - pl.col("front") + 1).cast(pl.Int32),
    )


def _nearest_year(
    contracts: pl.Series, days: pl.Series, places: pl.Series, names: list[str], ends: np.ndarray
) -> pl.Series:
    """Positions of contracts with a one-digit year: the nearest that still trades."""
    short = [label for label in contracts.unique().drop_nulls() if label[0] == "?"]
    numbers = days.fill_null(0).to_numpy()
    for label in short:
        alike = [at for at, name in enumerate(names) if (name[-5], name[-1]) == tuple(label[1:])]
        # The expiry table ends before such a contract.
        after = np.array([*alike, len(names)])[np.searchsorted(ends[alike], numbers)]
        own = (contracts == label).fill_null(value=False)
        places = pl.select(pl.when(own).then(pl.Series(after)).otherwise(places)).to_series()
    return places


def _split(long: pl.DataFrame, file: str) -> Curve:
    """Separate valid rows from bad cells; empty cells are skipped."""
    reason = (
        pl.when(pl.col("surplus").fill_null("") != "").then(pl.lit("bad_row"))
        .when(pl.col("date").is_null()).then(pl.lit("bad_timestamp"))
        .when("text").then(pl.lit("text_cell"))
        .when(pl.col("price").is_null()).then(pl.lit("missing"))
        .when(~pl.col("price").is_finite()).then(pl.lit("non_finite"))
        .when(pl.col("expiry").is_null() | (pl.col("days") < 0)).then(pl.lit("bad_contract"))
    )  # fmt: skip
    judged = long.with_columns(reason=reason).with_row_index("number")
    # Keep the first valid price per day and contract.
    rank = pl.when(pl.col("reason").is_null()).then("number")
    later = rank > rank.min().over("date", "contract")
    judged = judged.with_columns(
        reason=pl.when(later.fill_null(value=False))
        .then(pl.lit("repeated_timestamp"))
        .otherwise("reason")
    )
    good = pl.col("reason").is_null()
    no_volume = pl.col("volume_text") | ~(pl.col("volume") >= 0)
    rows = (
        judged.filter(good)
        .with_columns(volume=pl.when(~no_volume).then("volume"))
        .select(pl.col(name).cast(dtype) for name, dtype in CURVE_SCHEMA.items())
        .sort("date", "expiry")
    )
    bad = judged.filter(~good & (pl.col("reason") != "missing"))
    # Keep the price when the volume is unreadable.
    unsized = judged.filter(good & no_volume).with_columns(
        reason=pl.when("volume_text").then(pl.lit("text_cell")).otherwise(pl.lit("negative_volume")),
        column="volume_column",
        cell="volume_cell",
    )  # fmt: skip
    faults = pl.concat([bad, unsized]).sort("line", maintain_order=True)
    quarantine = faults.select(
        file=pl.lit(file),
        line="line",
        date="date",
        column=pl.when(pl.col("reason") == "bad_timestamp")
        .then("stamp_column")
        .otherwise("column"),
        cell=pl.when(pl.col("reason") == "bad_timestamp").then("stamp").otherwise("cell"),
        reason="reason",
        message=_message(file),
    )
    # A row without a date or with surplus cells is reported once, not per column.
    whole = pl.col("reason").is_in(["bad_timestamp", "bad_row"])
    first = pl.int_range(pl.len()).over("line", "reason") == 0
    return Curve(rows, quarantine.filter(~whole | first))


def _message(file: str) -> pl.Expr:
    """Say where a fault is, what was found, and what is allowed."""
    reason, contract = pl.col("reason"), pl.col("contract").fill_null("")
    cell, stamp = pl.col("cell").fill_null(""), pl.col("stamp").fill_null("")
    line = pl.format("{} line {}, ", pl.lit(file), "line")
    where = pl.format("{}column {}: found ", line, "column")
    day = pl.col("date").cast(pl.String)
    return (
        pl.when(reason == "bad_row")
        .then(pl.format("{}found surplus cells '{}', allowed one per column", line, "surplus"))
        .when(reason == "bad_timestamp")
        .then(pl.format("{}column {}: found '{}', allowed a date", line, "stamp_column", stamp))
        .when(reason == "text_cell")
        .then(pl.format("{}'{}', allowed a number", where, cell))
        .when(reason == "non_finite")
        .then(pl.format("{}'{}', allowed a finite number", where, cell))
        .when(reason == "negative_volume")
        .then(pl.format("{}'{}', allowed >= 0", where, cell))
        .when((reason == "bad_contract") & pl.col("expiry").is_null())
        .then(
            pl.format(
                "{}a price of the contract '{}', allowed one of the expiry table", where, contract
            )
        )
        .when(reason == "bad_contract")
        .then(
            pl.format(
                "{}a price of {} on {}, after its last trade date {}",
                where, contract, day, pl.col("expiry").cast(pl.String),
            )
        )
        .otherwise(
            pl.format("{}{} again on {}, allowed once a day", where, contract, day)
        )
    )  # fmt: skip

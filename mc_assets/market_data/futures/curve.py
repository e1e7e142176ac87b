"""Futures curves: settlements by day and contract, with days to maturity."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from mc_assets.market_data.futures.expiry import parse_contract
from mc_assets.market_data.numbers import decimal_mark, parse_numbers
from mc_assets.market_data.timestamps import detect_format, parse_stamps
from mc_assets.providers import MarketDataError
from mc_assets.providers.csv_text import read_text_table

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
_CONTRACT: Final = ("contract", "symbol", "ticker", "contractcode", "instrument", "maturity",
                    "contractmonth", "expirymonth")  # fmt: skip


class Curve(NamedTuple):
    """A curve, and the cells of its file that could not become part of it.

    Parameters
    ----------
    rows : polars.DataFrame
        `CURVE_SCHEMA`, one row per day and contract, oldest day and nearest contract first:
        ``days`` to the last trade date (calendar days), ``rank`` (1 = nearest contract that
        still trades), settlement ``price`` and ``volume`` (null where none is published).
    quarantine : polars.DataFrame
        ``file``, ``line``, ``reason`` and ``message``.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame


def read_curve(path: Path | str, expiries: pl.DataFrame, root: str) -> Curve:
    """Read a curve from CSV, long or wide.

    Parameters
    ----------
    path : Path or str
        *Wide*: a date and one column per nearby contract (``CL01``, ``CL02``, ...) or per
        contract (``CLG07``). *Long*: a date, a contract (code or ``YYYYMM``), a settlement
        and, if published, a volume.
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
    The nth nearby contract of a day is the nth whose last trade date is that day or later.
    """
    path = Path(path)
    table, delimiter = read_text_table(path)
    data = [name for name in table.columns if name[0] != "_"]
    date_column = data[0]
    walls = parse_stamps(table[date_column], detect_format(table[date_column]))["wall"]
    dates = walls.cast(pl.Datetime("us")).dt.date()
    cells = _long(table, data[1:], root) or _wide(table, data[1:], root)
    if cells is None:
        raise MarketDataError(
            f"{path.name}: found columns {', '.join(data[:6])}, allowed nearby contracts "
            f"({root}01), contracts ({root}G07), or date, contract and settlement"
        )
    base = pl.DataFrame({"date": dates, "line": table["_line"], "stamp": table[date_column]})
    decimal = decimal_mark([column for _, column, _ in cells], delimiter)
    parts = []
    for contract, column, volume in cells:
        price, text = parse_numbers(column, decimal)
        traded = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(column))
        if volume is not None:
            traded, _ = parse_numbers(volume, decimal)
        parts.append(
            base.with_columns(
                contract=contract,
                cell=column,
                price=price,
                text=text,
                volume=traded,
                column=pl.lit(column.name),
            )
        )
    long = _with_expiry(pl.concat(parts), expiries)
    return _split(long, path.name)


def _long(
    table: pl.DataFrame, names: list[str], root: str
) -> list[tuple[pl.Series, pl.Series, pl.Series | None]] | None:
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in names}
    contract = next((plain[name] for name in _CONTRACT if name in plain), None)
    price = next((plain[name] for name in _PRICE if name in plain), None)
    if contract is None or price is None:
        return None
    codes = table[contract].unique().drop_nulls().to_list()
    named = {code: parse_contract(code, root) or code for code in codes}
    volume = next((plain[name] for name in ("volume", "vol") if name in plain), None)
    column = table[contract].replace_strict(named, default=None, return_dtype=pl.String)
    return [(column.alias("contract"), table[price], table[volume] if volume else None)]


def _wide(
    table: pl.DataFrame, names: list[str], root: str
) -> list[tuple[pl.Series, pl.Series, pl.Series | None]] | None:
    cells: list[tuple[pl.Series, pl.Series, pl.Series | None]] = []
    own = re.escape(root)
    for name in names:
        text = name.strip()
        # CL01 is the first nearby contract, CLG07 names one.
        nearby = re.fullmatch(rf"{own}[_ ]?(\d{{1,2}})", text)
        contract = parse_contract(text, root) if re.match(own, text) else None
        if nearby is None and contract is None:
            nearby = re.fullmatch(r"[A-Za-z]*[_ ]?(\d{1,2})", text)
        label = f"#{int(nearby[1])}" if nearby else contract
        if label is not None:
            column = pl.Series("contract", [label]).new_from_index(0, table.height)
            cells.append((column, table[name], None))
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
        contract=pl.coalesce("name", "contract"),
        days=(pl.col("expiry") - pl.col("date")).dt.total_days().cast(pl.Int32),
        rank=(pl.col("place") - pl.col("front") + 1).cast(pl.Int32),
    )


def _split(long: pl.DataFrame, file: str) -> Curve:
    """Tell rows of the curve from cells that are none; empty cells are simply no row."""
    where = pl.format("{} line {}, column {}: found ", pl.lit(file), "line", "column")
    reason = (
        pl.when(pl.col("date").is_null()).then(pl.lit("bad_timestamp"))
        .when("text").then(pl.lit("text_cell"))
        .when(pl.col("price").is_null()).then(None)
        .when(pl.col("expiry").is_null()).then(pl.lit("no_expiry"))
        .when(pl.col("days") < 0).then(pl.lit("after_expiry"))
        .when(pl.struct("date", "contract").is_duplicated()
              & (pl.int_range(pl.len()).over("date", "contract") > 0))
        .then(pl.lit("repeated"))
    )  # fmt: skip
    cell = pl.col("cell").fill_null("")
    message = (
        pl.when(pl.col("reason") == "bad_timestamp")
        .then(pl.format("{}'{}', allowed a date", where, pl.col("stamp").fill_null("")))
        .when(pl.col("reason") == "text_cell")
        .then(pl.format("{}'{}', allowed a number", where, cell))
        .when(pl.col("reason") == "no_expiry")
        .then(pl.format("{}{}, allowed a contract of the expiry table", where, "contract"))
        .when(pl.col("reason") == "after_expiry")
        .then(pl.format("{}a price after the expiry of {}", where, "contract"))
        .otherwise(pl.format("{}{} again, allowed once a day", where, "contract"))
    )
    judged = long.with_columns(reason=reason)
    rows = (
        judged.filter(pl.col("reason").is_null() & pl.col("price").is_not_null())
        .select(pl.col(name).cast(dtype) for name, dtype in CURVE_SCHEMA.items())
        .sort("date", "expiry")
    )
    bad = judged.filter(pl.col("reason").is_not_null())
    quarantine = bad.with_columns(message=message, file=pl.lit(file)).select(
        "file", "line", "reason", "message"
    )
    if "bad_timestamp" in quarantine["reason"].to_list():
        # A row without a date is one fault, not one per column.
        quarantine = quarantine.unique(["line", "reason"], keep="first", maintain_order=True)
    return Curve(rows, quarantine)

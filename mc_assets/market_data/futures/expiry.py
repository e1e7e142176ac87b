"""The expiry calendar: which contract trades until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from engine.tables.csv_text import read_text_table
from engine.tables.timestamps import detect_format, parse_stamps
from mc_assets.market_data.futures.contracts import MONTH_LETTERS, contract_labels, contract_name
from mc_assets.providers import MarketDataError

__all__ = ["read_expiries"]

_LAST_TRADE: Final = (
    "lasttrade", "lasttradedate", "lasttradingday", "lasttradingdate", "expiry", "expirydate",
    "expiration", "expirationdate", "ltd", "futlasttradedt",
)  # fmt: skip
_ROOT: Final = ("tickprefix", "root", "prefix", "product", "productcode", "rootsymbol")
_CONTRACT: Final = (
    "contract", "contractcode", "contractsymbol", "symbol", "rawsymbol", "ticker", "productcode",
    "instrument", "contractmonth", "deliverymonth", "month", "maturity", "strip",
)  # fmt: skip


def read_expiries(path: Path | str, root: str) -> pl.DataFrame:
    """Read the last trade dates of a product from CSV.

    Parameters
    ----------
    path : Path or str
        A table with a last trade date, and a contract code or a contract year and month;
        a table of several products names the product in a column.
    root : str
        The product's root symbol, such as ``CL``.

    Returns
    -------
    polars.DataFrame
        ``contract`` (`contract_name`) and ``expiry`` (Date), nearest first.

    Raises
    ------
    MarketDataError
        If columns are missing, a date cannot be read, or the product is not there.
    """
    path = Path(path)
    table, _ = read_text_table(path)
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(table.columns)}
    last_trade = _find(plain, _LAST_TRADE)
    if last_trade is None:
        shown = ", ".join(name for name in table.columns if name[0] != "_")
        raise MarketDataError(path.name, f"columns {shown}", "a last trade date")
    product = _find(plain, _ROOT)
    if product is not None:
        roots = table[product].str.strip_chars()
        own = roots.str.to_uppercase() == root.upper()
        # CME's calendar uses the product column for the contract code.
        if not own.any() and not _labels(table[product], root):
            known = ", ".join(sorted(roots.unique().drop_nulls().to_list()))
            raise MarketDataError(f"{path.name}: root", repr(root), known)
        table = table.filter(own) if own.any() else table
    walls = parse_stamps(table[last_trade], detect_format(table[last_trade]))["wall"]
    if walls.has_nulls():
        row = int(walls.is_null().arg_max() or 0)
        raise MarketDataError(
            f"{path.name} line {table['_line'][row]}, column {last_trade}",
            repr(table[last_trade][row]),
            "a date",
        )
    ends = walls.cast(pl.Datetime("us")).dt.date()
    names = _contracts(table, plain, ends.to_list(), root, path.name)
    expiries = (
        pl.DataFrame({"contract": names, "expiry": ends}, schema_overrides={"contract": pl.String})
        .unique()
        .sort("expiry", "contract")
    )
    twice = expiries["contract"].is_duplicated()
    if twice.any():
        name = expiries.filter(twice)["contract"][0]
        raise MarketDataError(path.name, f"{name} more than once", "once")
    return expiries


def _contracts(
    table: pl.DataFrame, plain: dict[str, str], ends: list[date], root: str, file: str
) -> list[str]:
    if "year" in plain and "month" in plain:
        # Data frames write 2007.0 if another row lacks the year.
        years, months = (
            table[plain[name]].str.strip_chars().str.replace(r"\.0*$", "")
            for name in ("year", "month")
        )
        codes = pl.select(
            pl.concat_str(
                pl.when(months.str.contains(r"^\d+$")).then(months.str.zfill(2) + "/").otherwise(
                    months
                ),
                pl.when(years.str.len_chars() != 2).then(years).when(years >= "70").then(
                    "19" + years
                ).otherwise("20" + years),
            )
        ).to_series()  # fmt: skip
        found = [
            f": found year {year!r}, month {month!r}, allowed a contract month"
            for year, month in zip(table[plain["year"]], table[plain["month"]], strict=True)
        ]
    else:
        columns = [plain[name] for name in _CONTRACT if name in plain]
        if not columns:
            raise MarketDataError(file, "no contract column", "a code or year and month")
        column = next((name for name in columns if _labels(table[name], root)), columns[0])
        codes = table[column]
        found = [
            f", column {column}: found {code!r}, allowed a contract such as {root}G07"
            for code in codes
        ]
    labels = _labels(codes, root)
    names = []
    for row, (code, end) in enumerate(zip(codes.to_list(), ends, strict=True)):
        label = labels.get(code or "")
        if label is None or label[0] == "#":
            raise MarketDataError("", f"{file} line {table['_line'][row]}{found[row]}")
        names.append(_whole_year(label, root, end))
    return names


def _labels(codes: pl.Series, root: str) -> dict[str, str]:
    return contract_labels(codes.unique().drop_nulls().to_list(), root, places=False)


def _whole_year(label: str, root: str, end: date) -> str:
    """Name of a contract; a one-digit year means the one nearest to `end`."""
    if label[0] != "?":
        return label
    month = MONTH_LETTERS.index(label[1]) + 1
    years = [year for year in range(end.year - 5, end.year + 6) if year % 10 == int(label[2])]
    year = min(years, key=lambda year: abs((date(year, month, 1) - end).days))
    return contract_name(root, year, month)


def _find(plain: dict[str, str], spellings: Sequence[str]) -> str | None:
    return next((plain[name] for name in spellings if name in plain), None)

"""The expiry calendar: which contract trades until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from mc_assets.market_data.futures.contracts import contract_name, parse_contract
from mc_assets.market_data.timestamps import detect_format, parse_stamps
from mc_assets.providers import MarketDataError
from mc_assets.providers.csv_text import read_text_table

__all__ = ["read_expiries"]

_LAST_TRADE: Final = (
    "lasttrade", "lasttradedate", "lasttradingday", "lasttradingdate", "expiry", "expirydate",
    "expiration", "expirationdate", "ltd",
)  # fmt: skip
_ROOT: Final = ("tickprefix", "root", "prefix", "product", "productcode", "rootsymbol")
_CONTRACT: Final = ("contract", "symbol", "ticker", "contractcode", "instrument")


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
        raise MarketDataError(f"{path.name}: found columns {shown}, allowed a last trade date")
    product = _find(plain, _ROOT)
    if product is not None:
        roots = table[product].str.strip_chars()
        own = roots.str.to_uppercase() == root.upper()
        if not own.any():
            known = ", ".join(sorted(roots.unique().drop_nulls().to_list()))
            raise MarketDataError(f"{path.name}: root: found {root!r}, allowed {known}")
        table = table.filter(own)
    walls = parse_stamps(table[last_trade], detect_format(table[last_trade]))["wall"]
    if walls.has_nulls():
        row = int(walls.is_null().arg_max() or 0)
        raise MarketDataError(
            f"{path.name} line {table['_line'][row]}, column {last_trade}: found "
            f"{table[last_trade][row]!r}, allowed a date"
        )
    expiries = (
        pl.DataFrame(
            {
                "contract": _contracts(table, plain, root, path.name),
                "expiry": walls.cast(pl.Datetime("us")).dt.date(),
            }
        )
        .unique()
        .sort("expiry", "contract")
    )
    twice = expiries["contract"].is_duplicated()
    if twice.any():
        name = expiries.filter(twice)["contract"][0]
        raise MarketDataError(f"{path.name}: found {name} more than once, allowed once")
    return expiries


def _contracts(table: pl.DataFrame, plain: dict[str, str], root: str, file: str) -> list[str]:
    if "year" in plain and "month" in plain:
        # Data frames write 2007.0 where another row has no year.
        years, months = (
            table[plain[name]].str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)
            for name in ("year", "month")
        )
        wrong = years.is_null() | ~months.is_between(1, 12).fill_null(value=False)
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise MarketDataError(
                f"{file} line {table['_line'][row]}: found year "
                f"{table[plain['year']][row]!r}, month {table[plain['month']][row]!r}, "
                "allowed a contract month"
            )
        return [contract_name(root, y, m) for y, m in zip(years, months, strict=True)]
    column = _find(plain, _CONTRACT)
    if column is None:
        raise MarketDataError(f"{file}: found no contract column, allowed a code or year and month")
    names = []
    for row, code in enumerate(table[column].to_list()):
        name = parse_contract(code or "", root)
        if name is None:
            raise MarketDataError(
                f"{file} line {table['_line'][row]}, column {column}: found {code!r}, allowed a "
                f"contract such as {root}G07"
            )
        names.append(name)
    return names


def _find(plain: dict[str, str], spellings: Sequence[str]) -> str | None:
    return next((plain[name] for name in spellings if name in plain), None)

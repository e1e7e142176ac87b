"""Columns of ticks: the canonical ones, and how they are found in a file of quotes or trades."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import polars as pl
from polars._typing import PolarsDataType

from engine.tables.numbers import (
    decimal_mark,
    groups_thousands_by_apostrophe,
    parse_numbers,
)
from engine.tables.timestamps import detect_format, parse_stamps
from mc_assets.market_data.tick_stamps import stamp_cells
from mc_assets.providers import MarketDataError

__all__ = ["BAD_TICKS_SCHEMA", "QUOTES_SCHEMA", "TRADES_SCHEMA", "Kind", "TickLayout"]

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
                    where,
                    f"columns {', '.join(first.columns)}",
                    f"{kind} with a {name} column",
                )
        clock = None
        if "ts" not in given and "date" in plain:
            clock = next((plain[name] for name in _CLOCKS if name in plain), None)
            if clock is not None and _is_clock(first[clock]):
                columns["ts"] = plain["date"]
            else:
                clock = None
        numbers = [first[columns[name]] for name in list(schema)[1:] if name in columns]
        date_format = detect_format(stamp_cells(first, columns["ts"], clock))
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


def _check_instants(
    first: pl.DataFrame,
    columns: dict[str, str],
    date_format: str | None,
    clock: str | None,
    where: str,
) -> None:
    """Refuse days without a time, and Databento's whole numbers, which count billionths."""
    stamps = parse_stamps(stamp_cells(first, columns["ts"], clock), date_format)
    known = stamps.filter(pl.col("wall").is_not_null())
    if known.height and known["dated"].all() and date_format != "excel":
        raise MarketDataError(f"{where}: column {columns['ts']}", "days without a time", "instants")
    price = columns.get("bid_px") or columns["price"]
    if {"rtype", "publisher_id"} <= set(first.columns):
        prices = parse_numbers(first[price])[0].drop_nulls()
        if len(prices) and (prices % 1 == 0).all() and (prices.abs() >= 1e6).all():
            raise MarketDataError(
                f"{where}: column {price}",
                f"{prices[0]:.0f}, a price in units of 1e-9",
                "decimal prices (Databento's pretty_px)",
            )


def _is_clock(column: pl.Series) -> bool:
    """Whether cells are times of a day, without the day."""
    cells = column.drop_nulls().head(20)
    return cells.dtype == pl.String and bool(cells.str.contains(r"^\s*\d{1,2}:\d{2}").all())

"""Columns of quotes and trades: how they are found in a file, and how its cells are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import polars as pl

from engine.tables.errors import MarketDataError
from engine.tables.numbers import decimal_mark, groups_thousands_by_apostrophe, parse_numbers
from engine.tables.timestamps import detect_format, parse_stamps
from engine.ticks.stamps import stamp_cells

__all__ = ["KINDS", "NAMED", "NUMBERS", "QUOTE", "TRADE", "Kind", "Naming", "TickLayout"]

Kind = Literal["quotes", "trades", "events"]
QUOTE: Final = ("bid_px", "ask_px", "bid_sz", "ask_sz")
TRADE: Final = ("trade_px", "trade_sz")
NUMBERS: Final = (*QUOTE, *TRADE)
#: What each kind of file must have beside a stamp.
KINDS: Final[MappingProxyType[Kind, tuple[str, ...]]] = MappingProxyType(
    {"quotes": QUOTE, "trades": TRADE, "events": (*QUOTE, *TRADE)}
)
_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "ts": (
        "ts", "timestamp", "exchtsns", "exchtsms", "exchts", "exchangets", "exchangetime", "tsns",
        "tsevent", "siptimestamp", "participanttimestamp", "time", "datetime", "gmttime",
        "utctime", "t", "transacttime", "eventtime", "asof", "date",
    ),
    "local_ts": (
        "localtsns", "localts", "localtime", "localtimestamp", "tsrecv", "recvts", "receivets",
        "receivedat", "arrivalts",
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
    "trade_px": ("tradepx", "tradeprice"),
    "trade_sz": ("tradesz", "tradesize", "tradeqty", "tradeamount", "tradevolume"),
    "trade_side": ("tradeside", "aggressor", "takerside", "aggressorside"),
    "id": ("tradeid", "updateid", "sequence"),
}  # fmt: skip
# What a file of trades alone calls them; beside quotes these would be the last trade's, again and
# again.
_OF_TRADES: Final = {
    "trade_px": ("price", "px", "p", "last"),
    "trade_sz": ("size", "sz", "qty", "quantity", "amount", "s", "volume"),
    "trade_side": ("side", "isbuyermaker"),
    "id": ("id",),
}
# Binance's book ticker: lower-case names for prices, upper-case names for sizes.
_CAPITALS: Final = {"bid_sz": ("b", "B"), "ask_sz": ("a", "A")}
# Columns that may hold the time of day beside a date column.
_CLOCKS: Final = ("time", "timem", "clock", "timeofday")
_SYMBOLS: Final = ("symbol", "ticker", "sym", "instrument")
_EXCHANGES: Final = ("exchange", "venue", "exch")
#: What the rows of a file are of one of: the field of `TickLayout`, and what it names.
NAMED: Final = {"symbol": "instrument", "exchange": "exchange"}


class Naming(NamedTuple):
    """A column that says of what, or from where, the rows are."""

    column: str
    #: The name whose rows are read.
    name: str
    #: Whether rows of other names are passed over; without, they are refused.
    chosen: bool

    @classmethod
    def of(
        cls,
        first: pl.DataFrame,
        plain: dict[str, str],
        spellings: tuple[str, ...],
        wanted: str | None,
    ) -> Naming | None:
        """Find it in a first batch, None where nothing is named; `plain` has simple spellings."""
        column = next((plain[item] for item in spellings if item in plain), None)
        names = first[column].cast(pl.String).drop_nulls().to_list() if column else []
        if column is None or not names:
            return None
        chosen = wanted is not None and wanted in names
        return cls(column, wanted if chosen and wanted else names[0], chosen)


@dataclass(frozen=True)
class TickLayout:
    """How to read a file of ticks, determined from its first batch.

    Parameters
    ----------
    kind : {"quotes", "trades", "events"}
        What the rows are: quotes, trades, or either with the columns of both.
    columns : dict
        Canonical name to the file's column.
    formats : dict
        Format of the stamps of ``ts`` and ``local_ts`` (`timestamps.detect_format`).
    decimal : {".", ","}
        Decimal mark.
    clock : str, optional
        Column of the time of day, where the stamps' column holds the day alone.
    symbol, exchange : Naming, optional
        Columns of instruments and of exchanges, each with the name whose rows are read.
    where : str
        The file, the start of an error's sentence.
    ticks : bool
        Prices such as ``110'165`` are points and 32nds, and not thousands.
    """

    kind: Kind
    columns: dict[str, str]
    formats: dict[str, str | None]
    decimal: Literal[".", ","] = "."
    clock: str | None = None
    symbol: Naming | None = None
    exchange: Naming | None = None
    where: str = ""
    ticks: bool = True

    @classmethod
    def of(
        cls,
        first: pl.DataFrame,
        kind: Kind | None,
        given: dict[str, str],
        where: str,
        delimiter: str | None = None,
        symbol: str | None = None,
        exchange: str | None = None,
    ) -> TickLayout:
        """Find the columns of a first batch.

        Parameters
        ----------
        first : polars.DataFrame
            The first rows of a file.
        kind : {"quotes", "trades", "events"}, optional
            What the rows are; by default what the columns say.
        given : dict
            Canonical name to the file's column, where the guess is wrong.
        where : str
            Name of the file.
        delimiter : str, optional
            Between the cells of a CSV file.
        symbol, exchange : str, optional
            Whose rows to read, of a file of several instruments or exchanges.

        Raises
        ------
        MarketDataError
            If a stamp, both sides of a quote, or price and size of a trade cannot be found.
        """
        plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(first.columns)}
        columns = _found(plain, first.columns, given)
        kind = kind or _kind_of(columns, plain)
        if kind == "trades":
            for name, spellings in _OF_TRADES.items():
                match = next((plain[item] for item in spellings if item in plain), None)
                if match is not None:
                    columns.setdefault(name, match)
        if kind == "quotes":
            columns = {name: at for name, at in columns.items() if not name.startswith("trade")}
        if kind == "trades":
            columns = {name: at for name, at in columns.items() if name not in QUOTE}
        stamp = "ts" if "ts" in columns or "local_ts" not in columns else "local_ts"
        for name in (stamp, *KINDS[kind]):
            if columns.get(name) not in first.columns:
                raise MarketDataError(
                    where, f"columns {', '.join(first.columns)}", f"{kind} with a {name} column"
                )
        clock = None
        if "ts" not in given and "date" in plain:
            clock = next((plain[name] for name in _CLOCKS if name in plain), None)
            if clock is not None and _is_clock(first[clock]):
                columns["ts"] = plain["date"]
            else:
                clock = None
        numbers = [first[columns[name]] for name in NUMBERS if name in columns]
        formats: dict[str, str | None] = {
            name: detect_format(stamp_cells(first, columns[name], clock if name == "ts" else None))
            for name in ("ts", "local_ts")
            if name in columns
        }
        if formats.get("local_ts") is None and "local_ts" in formats and "ts" in formats:
            # Nothing there yet: the two are written alike.
            formats["local_ts"] = formats["ts"]
        _check_instants(first, columns, formats, clock, where)
        return cls(
            kind,
            columns,
            formats,
            decimal_mark(numbers, delimiter),
            clock,
            Naming.of(first, plain, _SYMBOLS, symbol),
            Naming.of(first, plain, _EXCHANGES, exchange),
            where,
            not groups_thousands_by_apostrophe(numbers),
        )


def _found(plain: dict[str, str], names: list[str], given: dict[str, str]) -> dict[str, str]:
    columns = dict(given)
    for name, pair in _CAPITALS.items():
        if set(pair) <= set(names):
            columns.setdefault(name, pair[1])
    for name, spellings in _SPELLINGS.items():
        if name not in columns:
            match = next((plain[item] for item in spellings if item in plain), None)
            if match is not None:
                columns[name] = match
    return columns


def _kind_of(columns: dict[str, str], plain: dict[str, str]) -> Kind:
    if "bid_px" in columns or "ask_px" in columns:
        return "events" if "trade_px" in columns else "quotes"
    trades = "trade_px" in columns or any(name in plain for name in _OF_TRADES["trade_px"])
    return "trades" if trades else "quotes"


def _check_instants(
    first: pl.DataFrame,
    columns: dict[str, str],
    formats: dict[str, str | None],
    clock: str | None,
    where: str,
) -> None:
    """Refuse days without a time, floats for nanoseconds, and Databento's prices in billionths."""
    name = next(iter(formats))
    cells = stamp_cells(first, columns[name], clock)
    if formats[name] == "epoch_ns" and cells.dtype.is_float():
        raise MarketDataError(
            f"{where}: column {columns[name]}",
            f"nanoseconds as {str(cells.dtype).lower()}, which have lost the last digits",
            "whole numbers",
        )
    known = parse_stamps(cells, formats[name]).filter(pl.col("wall").is_not_null())
    if known.height and known["dated"].all() and formats[name] != "excel":
        raise MarketDataError(f"{where}: column {columns[name]}", "days without a time", "instants")
    price = columns.get("bid_px") or columns["trade_px"]
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

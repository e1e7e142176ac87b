"""Which column of a raw table is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.tables.column_spellings import (
    SPELLINGS,
    decorated_prices,
    named_volume,
    plain_name,
    sole_owner,
)
from engine.tables.errors import MarketDataError

__all__ = ["NUMBERS", "PRICES", "ColumnMap", "map_columns", "number_columns"]

#: Canonical names whose cells are numbers.
NUMBERS: Final = ("open", "high", "low", "close", "volume", "vwap", "trade_count")

#: The prices of a bar.
PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True)
class ColumnMap:
    """Canonical names to the raw table's columns.

    Parameters
    ----------
    columns : dict
        Always ``timestamp`` and ``close``; ``open high low`` unless `price_only`; the rest
        where present.
    price_only : bool
        The table has one price per row; open, high and low are that price.
    """

    columns: dict[str, str]
    price_only: bool


def map_columns(names: list[str], given: dict[str, str], *, symbol: str, where: str) -> ColumnMap:
    """Find the canonical columns among `names`.

    Parameters
    ----------
    names : list of str
        Columns of the raw table.
    given : dict
        Canonical name to column, from the configuration; these win.
    symbol : str
        The series' symbol: a table of several symbols has columns ``Field|SYMBOL``.
    where : str
        Series and file, the start of an error's sentence.

    Raises
    ------
    MarketDataError
        If a configured column is not there, or stamps or prices cannot be found.
    """
    allowed = [*SPELLINGS, "price"]
    for canonical, column in given.items():
        if canonical not in allowed:
            raise MarketDataError(f"{where}: columns", repr(canonical), ", ".join(allowed))
        if column not in names:
            shown = ", ".join(name for name in names if not name.startswith("_"))
            raise MarketDataError(f"{where}: columns.{canonical}", repr(column), shown)
    data = [name for name in names if not name.startswith("_")]
    symbol = sole_owner(data) or symbol
    candidates = {plain_name(name, symbol): name for name in reversed(data)}
    found = {key: column for key, column in given.items() if key != "price"}
    if "price" in given:
        found["close"] = given["price"]
    for canonical, spellings in SPELLINGS.items():
        if canonical in found:
            continue
        taken = set(found.values())
        for spelling in spellings:
            match = candidates.get(spelling)
            if match is not None and match not in taken:
                found[canonical] = match
                break
    _check_twins(
        data, {name: found[name] for name in PRICES if name in found}, given, symbol, where
    )
    ordered = dict(reversed(candidates.items()))
    if not found.keys() & set(PRICES):
        found |= decorated_prices(ordered)
    if "volume" not in found:
        # CryptoDataDownload names the unit: "Volume BTC", then "Volume USDT".
        volume = named_volume(ordered, found.get("close"))
        if volume is not None:
            found["volume"] = volume
    dated = candidates.get("day") == found.get("timestamp") and {"year", "month"} <= found.keys()
    for canonical in ("year", "month"):
        # Year and month are part of the stamp only together with a day of the month.
        if not dated and canonical not in given:
            found.pop(canonical, None)
    rest = [name for name in data if name not in found.values()]
    if "timestamp" not in found and rest and rest[0] == data[0]:
        found["timestamp"] = rest.pop(0)
    if "close" not in found and len(rest) == 1:
        # FRED names the price column after the series; it is the only column left.
        found["close"] = rest[0]
    quotes = all(any(side in name.lower() for name in data) for side in ("bid", "ask"))
    for canonical in ("timestamp", "close"):
        if canonical not in found:
            raise MarketDataError(
                where,
                f"columns {', '.join(data)}",
                f"a table with a {canonical} column (name it: `columns: {{{canonical}: ...}}`)",
                hint="quotes are what a strategy with on_tick trades on" if quotes else None,
            )
    present = [name for name in PRICES if name in found]
    if len(present) < 4:
        if present != ["close"]:
            missing = next(name for name in PRICES if name not in found)
            raise MarketDataError(
                where,
                f"no {missing} column among {', '.join(data)}",
                "all of open, high, low and close, or a single price",
            )
        return ColumnMap(found, price_only=True)
    return ColumnMap(found, price_only=False)


def _check_twins(
    data: list[str], prices: dict[str, str], given: dict[str, str], symbol: str, where: str
) -> None:
    """Refuse to choose between ``open (CNY)`` and ``open (USD)``."""
    for canonical, column in prices.items():
        alike = [name for name in data if plain_name(name, symbol) == plain_name(column, symbol)]
        if len(alike) > 1 and not {canonical, "price"} & given.keys():
            raise MarketDataError(
                where,
                f"the columns {' and '.join(alike[:2])}",
                f"one {canonical} column (name it: `columns: {{{canonical}: ...}}`)",
            )


def number_columns(names: list[str], given: dict[str, str], *, symbol: str) -> list[str]:
    """Columns that `map_columns` takes for prices and sizes; none where it finds no bars.

    Parameters
    ----------
    names, given, symbol
        As in `map_columns`.
    """
    try:
        mapped = map_columns(names, given, symbol=symbol, where=symbol)
    except MarketDataError:
        return []
    return sorted({mapped.columns[name] for name in NUMBERS if name in mapped.columns})

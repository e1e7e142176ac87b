"""Find the header of a delimited file and the column names."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Header", "commented_header", "find_header"]

# Files without a header, by number of columns.
_UNNAMED: Final[dict[int, tuple[str, ...]]] = {
    2: ("timestamp", "price"),
    5: ("timestamp", "open", "high", "low", "close"),
    6: ("timestamp", "open", "high", "low", "close", "volume"),
    # Kraken's public files.
    7: ("timestamp", "open", "high", "low", "close", "volume", "trades"),
    # Binance's public kline files.
    12: (
        "open_time", "open", "high", "low", "close", "volume", "close_time",
        "quote_volume", "trades", "taker_base", "taker_quote", "ignore",
    ),
}  # fmt: skip
_DATE_AND_CLOCK: Final[dict[int, tuple[str, ...]]] = {
    6: ("date", "time", "open", "high", "low", "close"),
    7: ("date", "time", "open", "high", "low", "close", "volume"),
}

# A futures curve may have numbers as column names: Date,1,2,3 or Date,202001,202002.
_DATE_WORD: Final = re.compile(r"\W*(trad(e|ing) ?)?(date|day|timestamp)s?\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """Columns of a file.

    Parameters
    ----------
    names : list of str
        Unique column names. Of yfinance's tables for several tickers: ``Field|TICKER``.
    line : int
        Line of the header.
    first_row : int
        Line of the first row of data.
    """

    names: list[str]
    line: int
    first_row: int


def find_header(rows: list[tuple[int, list[str]]]) -> Header:
    """Find the header among the first rows of a file.

    Parameters
    ----------
    rows : list of (int, list of str)
        Line number and cells; comments and blank lines left out.

    Notes
    -----
    The header is the first row as wide as most rows are, so that a title or a link above the
    table is passed over. A first row with a number after its first cell is data already, unless
    that cell says that it is above dates.
    """
    widths = _widths([cells for _, cells in rows])
    width = max(set(widths), key=lambda found: (widths.count(found), found))
    place = next((at for at, found in enumerate(widths) if found >= min(width, 2)), 0)
    if widths[place] != width and width in widths:
        place = widths.index(width)
    place = _below_title([cells for _, cells in rows], place)
    line, cells = rows[place]
    following = rows[place + 1 :]
    if any(_is_number(cell) for cell in cells[1:]) and not _DATE_WORD.fullmatch(cells[0]):
        return Header(_names_for_data(cells), line, line)
    stacked = _stacked(cells, [row for _, row in following[:2]])
    if stacked is not None:
        names, skip = stacked
        after = following[skip][0] if len(following) > skip else following[skip - 1][0] + 1
        return Header(names, line, after)
    names = _unique([cell.strip() or f"column_{at + 1}" for at, cell in enumerate(cells)])
    return Header(names, line, following[0][0] if following else line + 1)


def commented_header(above: list[str], delimiter: str, header: Header) -> Header:
    """Take the names from a comment above data without a header: ``# time,low,high,...``.

    Parameters
    ----------
    above : list of str
        Lines above the first row.
    delimiter : str
        What separates the cells.
    header : Header
        What `find_header` made of the data alone; returned where no comment fits.
    """
    for at in reversed(range(len(above))):
        names = [cell.strip() for cell in next(csv.reader([above[at]], delimiter=delimiter), [])]
        if not names or not names[0].startswith("#"):
            continue
        names[0] = names[0].lstrip("# ")
        if len(names) == len(header.names) and not any(_is_number(name) for name in names):
            return Header(_unique(names), at + 1, header.first_row)
    return header


def _widths(rows: list[list[str]]) -> list[int]:
    """Count the cells per row, without a trailing blank cell if data rows have one."""
    widths = [len(cells) for cells in rows]
    usual = max(set(widths), key=widths.count)
    ends = [cells[-1].strip() for cells in rows if len(cells) == usual]
    return [width - (width == usual) for width in widths] if not any(ends) else widths


def _below_title(rows: list[list[str]], place: int) -> int:
    """Row of the header when the first row is a title padded with blank cells."""
    blanks = sum(not cell.strip() for cell in rows[place])
    if blanks <= len(rows[place]) / 2:
        return place
    for at in range(place + 1, len(rows)):
        if len(rows[at]) == len(rows[place]) and all(cell.strip() for cell in rows[at]):
            return place if any(_is_number(cell) for cell in rows[at][1:]) else at
    return place


def _names_for_data(cells: list[str]) -> list[str]:
    count = len(cells)
    if count > 2 and re.fullmatch(r"\s*[A-Za-z][A-Za-z^=._/:+-]*\s*", cells[0]):
        return ["symbol", *_names_for_data(cells[1:])]
    if (
        count in _DATE_AND_CLOCK
        and (
            re.fullmatch(r"\s*\d{1,2}:\d{2}(:\d{2})?\s*", cells[1])
            # 20200102,930: a clock, if the four cells after it are ordered prices.
            or (
                re.fullmatch(r"\s*\d{1,6}\s*", cells[1])
                and _ordered(cells[2:]) > _ordered(cells[1:])
            )
        )
    ):
        return list(_DATE_AND_CLOCK[count])
    if count == 7 and not _is_number(cells[0]):
        # Yahoo's column order. Kraken's files also have seven columns, but stamps in seconds.
        return [*_UNNAMED[5], "adj_close", "volume"]
    if count in _UNNAMED:
        return list(_UNNAMED[count])
    return [f"column_{at + 1}" for at in range(count)]


def _stacked(first: list[str], rows: list[list[str]]) -> tuple[list[str], int] | None:
    """Resolve yfinance's stacked headers: column names, and the number of extra header rows.

    ``Price,Close,...`` over ``Ticker,SPY,...`` over ``Date,,...``; with tickers grouped first
    the two upper rows are exchanged; older versions leave their first cells empty.
    """
    corner = first[0].strip().lower()
    numbered = corner in ("", "price", "ticker")
    if numbered and first[1:2] and first[1].strip().lower() in ("date", "datetime"):
        # The first column holds row numbers.
        inner = _stacked(first[1:], [row[1:] for row in rows])
        return None if inner is None else (["column_1", *inner[0]], inner[1])
    if not rows or corner not in ("price", "ticker", "attributes", "", "date", "datetime"):
        return None
    second = rows[0]
    if second[0].strip().lower() not in ("ticker", "price", "symbols", ""):
        return None
    if not all(cell.strip() for cell in second[1:]):
        return None
    upper = [cell.strip() for cell in first[1:]]
    lower = [cell.strip() for cell in second[1:]]
    if any(_is_number(cell) for cell in lower):
        return None
    fields, tickers = (upper, lower) if "close" in map(str.lower, upper) else (lower, upper)
    if "close" not in map(str.lower, fields):
        return None
    several = len(set(tickers)) > 1
    names = [f"{f}|{t}" if several else f for f, t in zip(fields, tickers, strict=False)]
    index = rows[1] if len(rows) > 1 else []
    if index and not any(cell.strip() for cell in index[1:]):
        return [index[0].strip() or "Date", *names], 2
    return ["Date", *names], 1


def _ordered(cells: list[str]) -> bool:
    """Whether the first four cells can be open, high, low and close."""
    try:
        opening, high, low, close = map(float, cells[:4])
    except ValueError:
        return False
    return low <= min(opening, close) <= max(opening, close) <= high


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?\d[\d.,]*([eE][-+]?\d+)?\s*", cell))


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique

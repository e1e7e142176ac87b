"""Numbers as people and programs write them."""

from __future__ import annotations

import re
from typing import Final, Literal

import polars as pl

__all__ = [
    "MISSING",
    "decimal_mark",
    "groups_thousands_by_apostrophe",
    "parse_number",
    "parse_numbers",
]

# Texts of a cell without a value, in lower case.
MISSING: Final = frozenset(
    {"", ".", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "#n/a n/a", "nd"}
)

_THOUSANDS: Final = {
    # Groups of three digits, or of two before the last three (India).
    ".": re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})+,\d{3})(\.\d*)?"),
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?"),
}
_SCALES: Final = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_COMMA_DECIMAL: Final = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
# Currency signs and codes before or after the number.
_CURRENCY: Final = re.compile(
    r"""(?:[A-Z]{0,3}[$]|[€£¥₹₽₩₺₪₫฿₴₦]|\b(?:USDT|USDC|USD|EUR|GBP|GBX|GBp|JPY|CHF|CAD|AUD|NZD|CNY|
    CNH|HKD|SGD|TWD|KRW|INR|THB|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|ILS|BRL|MXN|ZAR|ZAc|BTC|ETH|
    kr|zł|Kč|R)(?![A-Za-z]))""",
    re.VERBOSE,
)
# Points and 32nds of bond futures: 110'165, 110'16, 110'16+, 110-16.5; points and eighths of
# grains: 365'4. The third digit of 32nds is a fraction of a 32nd, truncated to one decimal.
_TICKS: Final = re.compile(
    r"""([+-]?)(\d+)(?:['’′´-](?P<parts>\d\d)(?P<more>[0-35-8]|\+|\.\d+)?
    |['’′´](?P<eighths>[0-7]))""",
    re.VERBOSE,
)
_TICK_MARK: Final = re.compile(r"\d(['’′´-])\d")
_EIGHTHS: Final = {"1": 1, "2": 2, "3": 3, "5": 4, "6": 5, "7": 6, "8": 7, "+": 4, "0": 0, None: 0}
# Cells in which an apostrophe must be a thousands separator: 1'234.50, 1'234'567.
_APOSTROPHES: Final = r"^\s*[+-]?\d{1,3}(['’]\d{3})+([.,]\d|['’]\d{3})"
_NOT_FINITE: Final = {"inf": float("inf"), "+inf": float("inf"), "-inf": float("-inf"),
                      "infinity": float("inf"), "-infinity": float("-inf")}  # fmt: skip


def decimal_mark(columns: list[pl.Series], delimiter: str | None) -> Literal[".", ","]:
    """Guess the decimal mark of a table's number columns.

    A cell such as ``12,5`` or ``1.234,56`` can only have a decimal comma and decides. A cell
    such as ``61,050`` could be either: it is a decimal comma when the file is delimited by
    ``;`` and no cell holds a point.
    """
    sample = [
        _bare(cell)[0]
        for column in columns
        if column.dtype == pl.String
        for cell in column.head(2000).drop_nulls().to_list()
        if "," in cell
    ]
    certain = [cell for cell in sample if not _THOUSANDS["."].fullmatch(cell)]
    if any(_COMMA_DECIMAL.fullmatch(cell) for cell in certain):
        return ","
    points = any(
        column.dtype == pl.String and bool(column.head(2000).str.contains(".", literal=True).any())
        for column in columns
    )
    if delimiter == ";" and sample and not points:
        return ","
    return "."


def groups_thousands_by_apostrophe(columns: list[pl.Series]) -> bool:
    """Whether apostrophes in prices separate thousands, as in Switzerland: ``1'234.50``.

    A cell such as ``110'165`` may also be points and 32nds, so only unambiguous cells decide.
    """
    return any(
        column.dtype == pl.String
        and bool(column.str.contains("['’]").any())
        and bool(column.str.contains(_APOSTROPHES).any())
        for column in columns
    )


def parse_numbers(
    column: pl.Series, decimal: str = ".", plain: pl.Series | None = None, *, ticks: bool = False
) -> tuple[pl.Series, pl.Series]:
    """Parse a column of cells.

    Parameters
    ----------
    column : polars.Series
        Strings as they came, or numbers already.
    decimal : {".", ","}
        Decimal mark.
    plain : polars.Series, optional
        The column cast to Float64 already: many columns are cast faster together.
    ticks : bool
        The column holds prices that may be written in points and 32nds, as of `parse_number`; a
        dash is accepted only if no price of the column has decimals, because ``100-105`` among
        decimal prices is a range.

    Returns
    -------
    values : polars.Series of Float64
        Null where the cell is missing or not a number.
    text : polars.Series of Boolean
        True where the cell holds something that is not a number.
    """
    if column.dtype != pl.String:
        values = column.cast(pl.Float64, strict=False)
        # NaN in a data frame is a missing value.
        return values.fill_nan(None), pl.Series(column.name, [False]).new_from_index(0, len(column))
    values = (column.cast(pl.Float64, strict=False) if plain is None else plain).fill_nan(None)
    doubtful = values.is_null() & column.is_not_null()
    if decimal == ",":
        doubtful = doubtful | column.str.contains(".", literal=True).fill_null(value=False)
    text = pl.repeat(value=False, n=len(column), dtype=pl.Boolean, eager=True)
    if not doubtful.any():
        return values, text
    cells = column.filter(doubtful).unique()
    marks: Literal["", "'", "'-"] = (
        "" if not ticks else "'" if bool((values % 1 != 0).any()) else "'-"
    )
    parsed = [parse_number(cell, decimal, ticks=marks) for cell in cells.to_list()]
    known = pl.DataFrame(
        {
            "cell": cells,
            "value": [value if isinstance(value, float) else None for value in parsed],
            "text": [value == "text" for value in parsed],
        },
        schema={"cell": pl.String, "value": pl.Float64, "text": pl.Boolean},
    )
    joined = pl.DataFrame({"cell": column, "fast": values, "doubtful": doubtful}).join(
        known, on="cell", how="left", nulls_equal=True, maintain_order="left"
    )
    values = joined.select(
        pl.when("doubtful").then("value").otherwise("fast").alias(column.name)
    ).to_series()
    return values, joined["text"].fill_null(value=False)


def parse_number(
    cell: str | None, decimal: str = ".", *, ticks: Literal["", "'", "'-"] = ""
) -> float | Literal["missing", "text"]:
    """Parse one cell: thousands separators, currency signs, ``1.2M``, ``(37.63)``, ``−5``.

    Parameters
    ----------
    cell : str or None
        As it came.
    decimal : {".", ","}
        Decimal mark.
    ticks : {"", "'", "'-"}
        Marks that stand between points and fractions of a price: ``110'165`` is 110 and 16.5
        thirty-seconds, ``365'4`` is 365 and 4 eighths. What is no such fraction is text.

    Returns
    -------
    float or {"missing", "text"}
        ``missing`` for an empty cell or a mark of one, ``text`` for anything else that is
        not a number.
    """
    if cell is None:
        return "missing"
    text = cell.strip().strip('"').replace("\u2212", "-")
    if text.lower() in MISSING:
        return "missing"
    if text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    mark = _TICK_MARK.search(text) if ticks else None
    if mark is not None and (mark[1] != "-" or "-" in ticks):
        return _points_and_ticks(text)
    text, scale = _bare(text)
    if _THOUSANDS[decimal].fullmatch(text):
        text = text.replace("," if decimal == "." else ".", "")
    if decimal == ",":
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if not _NUMBER.fullmatch(text):
        return "text"
    return float(text) * scale


def _points_and_ticks(text: str) -> float | Literal["text"]:
    """Parse points with 32nds or eighths; both fractions are exact in binary."""
    found = _TICKS.fullmatch(text)
    if found is None:
        return "text"
    if found["eighths"] is not None:
        fraction = int(found["eighths"]) / 8
    else:
        more = found["more"]
        part = float(more) if more and more[0] == "." else _EIGHTHS[more] / 8
        if int(found["parts"]) > 31:
            return "text"
        fraction = (int(found["parts"]) + part) / 32
    value = int(found[2]) + fraction
    return -value if found[1] == "-" else value


def _bare(cell: str) -> tuple[str, float]:
    """Split a cell into the text of its number and the factor of its suffix letter."""
    text = cell.strip().strip('"').replace("\u2212", "-")
    text = _CURRENCY.sub("", text, count=1).strip()
    if text.startswith("(") and text.endswith(")"):
        # The currency may be inside the parentheses.
        text = f"-{_CURRENCY.sub('', text[1:-1], count=1).strip()}"
    text = re.sub(r"[\u00a0\u202f\u2009 '’_]", "", text)
    if text and text[-1].lower() in _SCALES:
        return text[:-1], _SCALES[text[-1].lower()]
    return text, 1.0

"""What is wrong with rows of quotes and trades: the rules, the counts and the rows set aside."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import polars as pl
from polars._typing import PolarsDataType

from engine.ticks.columns import NUMBERS, QUOTE, TickLayout

__all__ = ["BAD_TICKS_SCHEMA", "REASONS", "TickCounts", "bad_rows", "reasons_of"]

BAD_TICKS_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {
        "file": pl.String,
        "row": pl.Int64,
        "reason": pl.String,
        "message": pl.String,
        "raw": pl.String,
    }
)
#: Why a row is no event, in the order in which the rules are asked.
REASONS: Final[MappingProxyType[str, str]] = MappingProxyType(
    {
        "bad_row": "it has more or fewer cells than the header",
        "bad_timestamp": "its stamp cannot be read",
        "text_cell": "a price or a size is text",
        "bad_side": "the side of the trade is neither buyer nor seller",
        "missing_price": "it has neither a side of the book nor a trade",
        "non_finite": "a number is infinite",
        "missing_size": "a side of the book has a price and no size",
        "negative_size": "a size is below zero",
        "negative_price": "a price is below zero, of an instrument that was not said to allow it",
        "crossed": "the bid is above the ask",
        "wrong_unit": "a price is ten times or a tenth of its neighbours, or further",
        "repeated": "it repeats the row before it, its stamp or number included",
        "out_of_order": "it is earlier than a row before it",
    }
)
_ROWS_AT_ONCE: Final = 5_000
_FAR: Final = 10.0


@dataclass
class TickCounts:
    """Counts of what was read.

    Parameters
    ----------
    rows : int
        Events kept.
    trades, one_sided, locked, negative : int
        Of these, trades, and quotes with a side missing, bid equal to ask, or a price below zero.
    quarantined : int
        Rows set aside.
    reasons : Counter
        How many of them for each of `REASONS`.
    first, last : int, optional
        Stamps of the first and last event, nanoseconds since 1970-01-01 UTC.
    """

    rows: int = 0
    trades: int = 0
    one_sided: int = 0
    locked: int = 0
    negative: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(self.reasons.values())

    def add(self, good: pl.DataFrame) -> None:
        """Count events that were kept, in the order of time."""
        bid, ask = good["bid_px"], good["ask_px"]
        quote = ~good["carried"]
        self.rows += good.height
        self.trades += good.height - good["trade_px"].null_count()
        self.one_sided += int((quote & (bid.is_null() | ask.is_null())).sum())
        self.locked += int((quote & (bid == ask)).sum())
        prices = [pl.col(name) < 0 for name in NUMBERS if name.endswith("px")]
        self.negative += int(good.select(pl.any_horizontal(prices).sum()).item() or 0)
        if good.height:
            first, last = int(good["ts"][0]), int(good["ts"][-1])
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


def reasons_of(layout: TickLayout, level: float | None, *, negative_prices: bool) -> pl.Expr:
    """Return the rule that a row of canonical columns breaks first, null where it breaks none.

    Parameters
    ----------
    layout : TickLayout
        Of the file.
    level : float, optional
        Price that others are compared with for their unit.
    negative_prices : bool
        Whether prices below zero are prices.
    """
    sizes = [name for name in NUMBERS if name.endswith("sz")]
    prices = [name for name in NUMBERS if name.endswith("px")]
    negative = pl.lit(value=False)
    if not negative_prices:
        negative = pl.any_horizontal(pl.col(name) < 0 for name in prices)
    far = pl.lit(value=False)
    if level is not None and level > 0.0:
        far = pl.any_horizontal(
            (pl.col(name) > 0) & ((pl.col(name) >= level * _FAR) | (pl.col(name) <= level / _FAR))
            for name in prices
        )
    return (
        pl.when(pl.col("ts").is_null()).then(pl.lit("bad_timestamp"))
        .when(pl.col("text_in").is_not_null()).then(pl.lit("text_cell"))
        .when(pl.col("trade_side").is_null()).then(pl.lit("bad_side"))
        .when(_nothing(layout)).then(pl.lit("missing_price"))
        .when(pl.any_horizontal(~pl.col(name).is_finite() for name in NUMBERS))
        .then(pl.lit("non_finite"))
        .when(pl.any_horizontal(_unsized(side) for side in ("bid", "ask")))
        .then(pl.lit("missing_size"))
        .when(pl.any_horizontal(pl.col(name) < 0 for name in sizes)).then(pl.lit("negative_size"))
        .when(negative).then(pl.lit("negative_price"))
        .when(pl.col("bid_px") > pl.col("ask_px")).then(pl.lit("crossed"))
        .when(far).then(pl.lit("wrong_unit"))
    )  # fmt: skip


def _unsized(side: str) -> pl.Expr:
    return pl.col(f"{side}_px").is_not_null() & pl.col(f"{side}_sz").is_null()


def _nothing(layout: TickLayout) -> pl.Expr:
    no_quote = pl.all_horizontal(pl.col(name).is_null() for name in QUOTE)
    no_trade = pl.any_horizontal(pl.col(name).is_null() for name in ("trade_px", "trade_sz"))
    if layout.kind == "quotes":
        return no_quote
    return no_trade if layout.kind == "trades" else no_quote & no_trade


def bad_rows(raw: pl.DataFrame, frame: pl.DataFrame, layout: TickLayout) -> pl.DataFrame:
    """Return the rows of a batch that have a reason, as they stand in the file.

    Parameters
    ----------
    raw : polars.DataFrame
        The batch as it was read.
    frame : polars.DataFrame
        ``reason``, ``text_in`` and ``number``, that of each row in the file.
    layout : TickLayout
        Of the file.

    Returns
    -------
    polars.DataFrame
        In `BAD_TICKS_SCHEMA`.
    """
    wrong = frame["reason"].is_not_null()
    raw, bad = raw.filter(wrong), frame.filter(wrong)
    # Python's objects of a whole batch would take more memory than everything else.
    parts = [
        _described(source, part, layout)
        for source, part in zip(
            raw.iter_slices(_ROWS_AT_ONCE), bad.iter_slices(_ROWS_AT_ONCE), strict=True
        )
    ]
    return pl.concat([pl.DataFrame(schema=dict(BAD_TICKS_SCHEMA)), *parts])


def _described(sources: pl.DataFrame, bad: pl.DataFrame, layout: TickLayout) -> pl.DataFrame:
    records: list[dict[str, Any]] = []
    stamp_column = layout.columns.get("ts") or layout.columns["local_ts"]
    rows = zip(sources.iter_rows(named=True), bad.iter_rows(named=True), strict=True)
    for source, row in rows:
        reason = row["reason"]
        stamp = source[stamp_column]
        said = {
            "bad_timestamp": f"found {stamp!r}, allowed a time",
            "out_of_order": f"found the time {stamp}, earlier than a row before it",
        }
        if reason == "text_cell":
            column = row["text_in"]
            message = f"column {column}: found {source[column]!r}, allowed a number"
        elif reason == "bad_side":
            column = layout.columns["trade_side"]
            message = f"column {column}: found {source[column]!r}, allowed buy or sell"
        else:
            message = said.get(reason, REASONS[reason])
        number = row["number"]
        records.append(
            {
                "file": layout.where,
                "row": number,
                "reason": reason,
                "message": f"row {number}, {message}",
                "raw": json.dumps(source, default=str),
            }
        )
    return pl.DataFrame(records, schema=dict(BAD_TICKS_SCHEMA))

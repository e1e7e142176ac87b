"""Level-1 quotes and trades: canonical rows, checks and counts, one batch at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import polars as pl

from engine.tables.numbers import parse_numbers
from mc_assets.market_data.tick_layout import (
    BAD_TICKS_SCHEMA,
    QUOTES_SCHEMA,
    TRADES_SCHEMA,
    Kind,
    TickLayout,
)
from mc_assets.market_data.tick_stamps import nanoseconds, stamp_cells
from mc_assets.providers import MarketDataError

__all__ = ["QuoteCounts", "Ticks", "normalise_ticks"]

_ROWS_AT_ONCE: Final = 5_000


@dataclass
class QuoteCounts:
    """Counts of a stream.

    Parameters
    ----------
    rows, quarantined : int
        Rows kept, and rows that could not be.
    out_of_order : int
        Quarantined because they are earlier than a row before them.
    crossed, locked, one_sided : int
        Kept quotes with bid above ask, bid equal to ask, or a side missing.
    first, last : int, optional
        Stamps of the first and last kept row, nanoseconds since 1970-01-01 UTC.
    """

    rows: int = 0
    quarantined: int = 0
    out_of_order: int = 0
    crossed: int = 0
    locked: int = 0
    one_sided: int = 0
    first: int | None = field(default=None)
    last: int | None = field(default=None)


class Ticks(NamedTuple):
    """Canonical ticks of a batch, and its rows that are not ticks."""

    ticks: pl.DataFrame
    quarantine: pl.DataFrame


def normalise_ticks(
    raw: pl.DataFrame, layout: TickLayout, counts: QuoteCounts, first_row: int = 1
) -> Ticks:
    """Make canonical ticks of one batch, in file order.

    Parameters
    ----------
    raw : polars.DataFrame
        Rows of a file, strings or numbers.
    layout : TickLayout
        Of the file.
    counts : QuoteCounts
        Of the batches before; brought up to date.
    first_row : int
        Number of the batch's first row (a line of a CSV file).

    Returns
    -------
    Ticks
        ``ticks`` in `QUOTES_SCHEMA` or `TRADES_SCHEMA`. A missing side of a quote is null;
        crossed, locked and one-sided quotes are kept and counted. ``quarantine`` holds rows
        with an unreadable stamp or number, a negative size, or a stamp earlier than one
        before it.

    Raises
    ------
    MarketDataError
        If the rows are of several instruments: their quotes are no one book.
    """
    _check_symbol(raw, layout)
    schema = QUOTES_SCHEMA if layout.kind == "quotes" else TRADES_SCHEMA
    columns = {
        "ts": nanoseconds(stamp_cells(raw, layout.columns["ts"], layout.clock), layout.date_format)
    }
    text_in = pl.repeat(None, raw.height, dtype=pl.String, eager=True)
    for name in list(schema)[1:]:
        column = layout.columns.get(name)
        if column is None:
            columns[name] = pl.repeat(None, raw.height, dtype=schema[name], eager=True)
        elif schema[name] == pl.String:
            columns[name] = raw[column].cast(pl.String)
        else:
            ticks = layout.ticks and not name.endswith(("sz", "size"))
            columns[name], is_text = parse_numbers(raw[column], layout.decimal, ticks=ticks)
            if is_text.any():
                found = pl.when(is_text).then(pl.lit(column))
                text_in = pl.select(pl.coalesce(text_in, found)).to_series()
    frame = pl.DataFrame(columns).with_columns(text_in=text_in)
    if layout.kind == "quotes":
        frame = _without_empty_sides(frame)
    frame = frame.with_columns(reason=_reason(layout.kind))
    usable = pl.when(pl.col("reason").is_null()).then("ts")
    newest = usable.cum_max().shift(1).forward_fill()
    newest = pl.max_horizontal(newest, pl.lit(counts.last, dtype=pl.Int64))
    late = pl.col("reason").is_null() & (pl.col("ts") < newest).fill_null(value=False)
    frame = frame.with_columns(
        reason=pl.when(late).then(pl.lit("out_of_order")).otherwise("reason")
    )
    good = frame.filter(pl.col("reason").is_null())
    _count(good, frame, layout.kind, counts)
    stamp = pl.col("ts").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    return Ticks(
        good.select(stamp, *list(schema)[1:]),
        _quarantine(raw, frame.with_columns(number=pl.int_range(pl.len())), layout, first_row),
    )


def _check_symbol(raw: pl.DataFrame, layout: TickLayout) -> None:
    if layout.symbol is None:
        return
    column, name = layout.symbol
    others = raw[column].cast(pl.String).drop_nulls()
    others = others.filter(others != name)
    if len(others):
        raise MarketDataError(
            f"{layout.where}: column {column}",
            f"{name} and {others[0]}",
            "one instrument in a file",
        )


def _without_empty_sides(frame: pl.DataFrame) -> pl.DataFrame:
    """Null a side without price or size; feeds write 0 for a side that is not there."""
    gone = {
        side: pl.col(f"{side}_px").is_null()
        | (pl.col(f"{side}_px") == 0)
        | (pl.col(f"{side}_sz") == 0).fill_null(value=False)
        for side in ("bid", "ask")
    }
    return frame.with_columns(
        pl.when(gone[side]).then(None).otherwise(f"{side}_{part}").alias(f"{side}_{part}")
        for side in ("bid", "ask")
        for part in ("px", "sz")
    )


def _reason(kind: Kind) -> pl.Expr:
    numbers = ["bid_px", "ask_px", "bid_sz", "ask_sz"] if kind == "quotes" else ["price", "size"]
    prices = [name for name in numbers if name.endswith(("px", "price"))]
    sizes = [name for name in numbers if name not in prices]
    empty = pl.all_horizontal(pl.col(name).is_null() for name in prices)
    negative = pl.any_horizontal(pl.col(name) < 0 for name in sizes)
    infinite = pl.any_horizontal(~pl.col(name).is_finite() for name in numbers)
    return (
        pl.when(pl.col("ts").is_null()).then(pl.lit("bad_timestamp"))
        .when(pl.col("text_in").is_not_null()).then(pl.lit("text_cell"))
        .when(empty).then(pl.lit("missing_price"))
        .when(infinite).then(pl.lit("non_finite"))
        .when(negative).then(pl.lit("negative_size"))
    )  # fmt: skip


def _count(good: pl.DataFrame, frame: pl.DataFrame, kind: Kind, counts: QuoteCounts) -> None:
    counts.rows += good.height
    counts.quarantined += frame.height - good.height
    counts.out_of_order += int((frame["reason"] == "out_of_order").sum())
    if kind == "quotes":
        counts.crossed += int((good["bid_px"] > good["ask_px"]).sum())
        counts.locked += int((good["bid_px"] == good["ask_px"]).sum())
        one_sided = good["bid_px"].is_null() | good["ask_px"].is_null()
        counts.one_sided += int(one_sided.sum())
    if good.height:
        counts.first = counts.first if counts.first is not None else int(good["ts"][0])
        counts.last = int(good["ts"][-1])


def _quarantine(
    raw: pl.DataFrame, frame: pl.DataFrame, layout: TickLayout, first_row: int
) -> pl.DataFrame:
    bad = frame.filter(pl.col("reason").is_not_null())
    # Python's objects of a whole batch would take more memory than everything else.
    parts = [
        _faults(raw[part["number"]], part, layout, first_row)
        for part in bad.iter_slices(_ROWS_AT_ONCE)
    ]
    return pl.concat([pl.DataFrame(schema=dict(BAD_TICKS_SCHEMA)), *parts])


def _faults(
    sources: pl.DataFrame, bad: pl.DataFrame, layout: TickLayout, first_row: int
) -> pl.DataFrame:
    """Say what is wrong with each row, and how it stands in the file."""
    records = []
    rows = zip(sources.iter_rows(named=True), bad.iter_rows(named=True), strict=True)
    for source, row in rows:
        reason = row["reason"]
        stamp = source[layout.columns["ts"]]
        said = {
            "bad_timestamp": f"found {stamp!r}, allowed a time",
            "missing_price": "found no price, allowed a number",
            "non_finite": "found an infinite number, allowed finite numbers",
            "negative_size": "found a negative size, allowed >= 0",
            "out_of_order": f"found the time {stamp}, earlier than a row before it",
        }
        if reason == "text_cell":
            column = row["text_in"]
            message = f"column {column}: found {source[column]!r}, allowed a number"
        else:
            message = said[reason]
        number = first_row + row["number"]
        records.append(
            {
                "row": number,
                "reason": reason,
                "message": f"row {number}, {message}",
                "raw": json.dumps(source, default=str),
            }
        )
    return pl.DataFrame(records, schema=dict(BAD_TICKS_SCHEMA))

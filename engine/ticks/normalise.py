"""Canonical events of the rows of a file, one batch after another."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from engine.tables.errors import MarketDataError
from engine.tables.numbers import parse_numbers
from engine.ticks.columns import NAMED, NUMBERS, QUOTE, TRADE, Naming, TickLayout
from engine.ticks.quarantine import TickCounts, bad_rows, reasons_of
from engine.ticks.stamps import nanoseconds, stamp_cells

__all__ = ["CLOCKS", "Normaliser"]

#: The column of the stamps that events are ordered by.
CLOCKS: Final = {"exchange": "ts", "local": "local_ts"}
_TAKERS: Final[dict[str, int]] = {
    **dict.fromkeys(("buy", "b", "buyer", "bid", "1", "+1", "1.0"), 1),
    **dict.fromkeys(("sell", "s", "seller", "ask", "a", "-1", "-1.0"), -1),
    **dict.fromkeys(("", "0", "0.0", "n", "none", "unknown", "null", "nan"), 0),
}
_MAKERS: Final[dict[str, int]] = {"true": -1, "1": -1, "false": 1, "0": 1, "": 0}
# A file with a larger share of late rows is not sorted, and one of far prices in two units.
_MOST: Final = 0.1


class Normaliser:
    """Rows of one file, or of several that follow one another, as canonical events.

    Parameters
    ----------
    clock : {"exchange", "local"}
        Which stamps order the events.
    negative_prices : bool
        Whether prices below zero are prices.

    Attributes
    ----------
    counts : TickCounts
        Of everything that was kept or set aside.
    lags : list of float
        Median of local minus exchange time of each batch that has both, in nanoseconds.
    levels : list of float
        Median price of each batch.
    """

    def __init__(self, *, clock: str = "exchange", negative_prices: bool = False) -> None:
        self.counts = TickCounts()
        self.lags: list[float] = []
        self.levels: list[float] = []
        self._clock = CLOCKS[clock]
        self._negative_prices = negative_prices
        self._last: int | None = None
        self._level: float | None = None
        self._previous: pl.DataFrame | None = None
        self._seen = 0

    def batch(
        self, raw: pl.DataFrame, layout: TickLayout, numbers: pl.Series
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of a batch in file order, and its rows that are none.

        Parameters
        ----------
        raw : polars.DataFrame
            Rows of the file, strings or numbers.
        layout : TickLayout
            Of the file.
        numbers : polars.Series
            Number of each row in the file (the line of a CSV file).

        Returns
        -------
        events : polars.DataFrame
            ``ts local_ts bid_px ask_px bid_sz ask_sz trade_px trade_sz trade_side carried``;
            null where there is nothing, `carried` where the row says nothing of the book.
        bad : polars.DataFrame
            Rows with the reason, as of `quarantine.bad_rows`.

        Raises
        ------
        MarketDataError
            If the rows are of several instruments or exchanges: their quotes are no one book.
        """
        for field in NAMED:
            kept = _named(raw, layout, field)
            if kept is not None:
                raw, numbers = raw.filter(kept), numbers.filter(kept)
        frame = self._parsed(raw, layout)
        if self._level is None:
            self._level = _median_price(frame)
        frame = frame.with_columns(
            reason=reasons_of(layout, self._level, negative_prices=self._negative_prices)
        )
        frame = self._without_repetitions(frame)
        frame = self._in_order(frame)
        good = frame.filter(pl.col("reason").is_null())
        self.counts.add(good)
        self.counts.reasons.update(frame["reason"].drop_nulls().to_list())
        self._seen += frame.height
        level = _median_price(good)
        if level is not None:
            self._level = level
            self.levels.append(level)
        if layout.formats.keys() >= {"ts", "local_ts"} and good.height:
            median = (good["local_ts"] - good["exchange_ts"]).median()
            if isinstance(median, int | float):
                self.lags.append(float(median))
        bad = bad_rows(raw, frame.with_columns(number=numbers), layout)
        return good.select("ts", "local_ts", *NUMBERS, "trade_side", "carried"), bad

    def check(self, where: str) -> None:
        """Refuse a file whose rows are not sorted, or of prices in two units.

        Parameters
        ----------
        where : str
            Name of the file.

        Raises
        ------
        MarketDataError
            If that is so of the rows seen up to now.
        """
        late, off = (self.counts.reasons[name] for name in ("out_of_order", "wrong_unit"))
        if late > _MOST * self._seen:
            raise MarketDataError(
                where,
                f"{late:,} of {self._seen:,} rows earlier than a row before them",
                "rows in the order of time",
                hint=f"sort the file by {self._clock}",
            )
        if off > _MOST * self._seen or (off and not self.counts.rows):
            raise MarketDataError(
                where,
                f"{off:,} of {self._seen:,} prices ten times or a tenth of the others",
                "prices in one unit",
            )

    def _parsed(self, raw: pl.DataFrame, layout: TickLayout) -> pl.DataFrame:
        """Canonical columns of rows, before any rule."""
        columns: dict[str, pl.Series] = {}
        for name, form in layout.formats.items():
            clock = layout.clock if name == "ts" else None
            columns[name] = nanoseconds(stamp_cells(raw, layout.columns[name], clock), form)
        exchange = columns.get("ts", _nulls(raw.height, pl.Int64()))
        columns["exchange_ts"] = exchange
        columns.setdefault("local_ts", _nulls(raw.height, pl.Int64()))
        columns["ts"] = columns["local_ts"] if self._clock == "local_ts" else exchange
        text_in = _nulls(raw.height, pl.String())
        for name in NUMBERS:
            column = layout.columns.get(name)
            if column is None:
                columns[name] = _nulls(raw.height, pl.Float64())
                continue
            ticks = layout.ticks and name.endswith("px")
            columns[name], is_text = parse_numbers(raw[column], layout.decimal, ticks=ticks)
            if is_text.any():
                found = pl.when(is_text).then(pl.lit(column))
                text_in = pl.select(pl.coalesce(text_in, found)).to_series()
        identity = layout.columns.get("id")
        columns["id"] = (
            raw[identity].cast(pl.String) if identity else _nulls(raw.height, pl.String())
        )
        columns["trade_side"] = _sides(raw, layout)
        frame = pl.DataFrame(columns).with_columns(text_in=text_in)
        return _without_empty_sides(frame, layout)

    def _without_repetitions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Set aside rows that are their predecessor again: the book already stood so.

        Two trades may be alike; only a number of their own tells a repetition from a second one.
        """
        same = ["ts", "id", *NUMBERS]
        previous = self._previous
        if frame.height:
            self._previous = frame.select(same)[-1:]
        stamps = frame["ts"]
        again = (stamps == stamps.shift(1)).any()
        if not again and (previous is None or not frame.height or previous["ts"][0] != stamps[0]):
            return frame
        before = frame.select(pl.col(same).shift(1))
        if previous is not None:
            before = pl.concat([previous.cast(before.schema), before[1:]])
        alike = pl.all_horizontal(frame[name].eq_missing(before[name]) for name in same)
        numbered = frame["id"].is_not_null() | frame["trade_px"].is_null()
        repeated = pl.select(alike).to_series() & numbered & frame["ts"].is_not_null()
        return frame.with_columns(
            reason=pl.when(pl.col("reason").is_null() & repeated)
            .then(pl.lit("repeated"))
            .otherwise("reason")
        )

    def _in_order(self, frame: pl.DataFrame) -> pl.DataFrame:
        stamps = frame["ts"]
        if not frame["reason"].null_count() < frame.height and stamps.is_sorted():
            if not frame.height:
                return frame
            if self._last is None or int(stamps[0]) >= self._last:
                self._last = int(stamps[-1])
                return frame
        usable = pl.when(pl.col("reason").is_null()).then("ts")
        newest = usable.cum_max().shift(1).forward_fill()
        newest = pl.max_horizontal(newest, pl.lit(self._last, dtype=pl.Int64))
        late = pl.col("reason").is_null() & (pl.col("ts") < newest).fill_null(value=False)
        frame = frame.with_columns(
            reason=pl.when(late).then(pl.lit("out_of_order")).otherwise("reason")
        )
        last = frame.filter(pl.col("reason").is_null())["ts"].max()
        if isinstance(last, int):
            self._last = last
        return frame


def _named(raw: pl.DataFrame, layout: TickLayout, field: str) -> pl.Series | None:
    """Which rows have the wanted name, where a column has names and there are others."""
    naming: Naming | None = getattr(layout, field)
    if naming is None:
        return None
    cells = raw[naming.column].cast(pl.String)
    others = cells.filter((cells != naming.name).fill_null(value=False))
    if others.is_empty():
        return None
    if not naming.chosen:
        raise MarketDataError(
            f"{layout.where}: column {naming.column}",
            f"{naming.name} and {others[0]}",
            f"one {NAMED[field]} in a file",
            hint=f"name the one to read as `{field}`",
        )
    return cells == naming.name


def _nulls(count: int, kind: pl.DataType) -> pl.Series:
    return pl.repeat(None, count, dtype=kind, eager=True)


def _sides(raw: pl.DataFrame, layout: TickLayout) -> pl.Series:
    """1 of a buyer, -1 of a seller, 0 of nobody, null of a word that is none of these."""
    column = layout.columns.get("trade_side")
    if column is None:
        return pl.repeat(0, raw.height, dtype=pl.Int8, eager=True)
    cells = raw[column].cast(pl.String).fill_null("")
    # There are few different ones.
    words = _MAKERS if _maker_is_buyer(column) else _TAKERS
    sides = {cell: words.get(cell.strip().lower()) for cell in cells.unique().to_list()}
    return cells.replace_strict(sides, default=None, return_dtype=pl.Int8)


def _maker_is_buyer(column: str) -> bool:
    """Whether a column says that the buyer was the maker, and the seller took."""
    return "maker" in column.lower()


def _without_empty_sides(frame: pl.DataFrame, layout: TickLayout) -> pl.DataFrame:
    """Null a side without price or size, and a trade without one; feeds write 0 for nothing."""
    gone = {
        side: pl.col(f"{side}_px").is_null()
        | (pl.col(f"{side}_px") == 0)
        | (pl.col(f"{side}_sz") == 0).fill_null(value=False)
        for side in ("bid", "ask", "trade")
    }
    gone["trade"] = gone["trade"] | pl.col("trade_sz").is_null()
    if layout.kind == "trades":
        # A price of zero is one, where a trade has it.
        gone["trade"] = pl.col("trade_px").is_null()
    frame = frame.with_columns(
        pl.when(gone[side]).then(None).otherwise(f"{side}_{part}").alias(f"{side}_{part}")
        for side in ("bid", "ask", "trade")
        for part in ("px", "sz")
    )
    no_quote = pl.all_horizontal(pl.col(name).is_null() for name in QUOTE)
    return frame.with_columns(
        carried=no_quote & pl.col(TRADE[0]).is_not_null(),
        trade_side=pl.when(pl.col(TRADE[0]).is_null() & pl.col("trade_side").is_not_null())
        .then(pl.lit(0, dtype=pl.Int8))
        .otherwise("trade_side"),
    )


def _median_price(frame: pl.DataFrame) -> float | None:
    """Middle of a batch's prices: what others are compared with for their unit."""
    for name in ("bid_px", "ask_px", "trade_px"):
        median = frame[name].median()
        if isinstance(median, int | float) and np.isfinite(median):
            return float(median)
    return None

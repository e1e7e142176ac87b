"""Whether a row that was read is a bar, and if not, why."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from engine.tables.columns import PRICES

__all__ = ["judge_rows"]

# Adjusted prices may exceed their high or low by rounding errors of a float64.
_ROUNDING: Final = 1e-9
# A zero is plausible if the nearest other price is at most this many typical steps away.
_REACH: Final = 10.0


def judge_rows(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Add ``reason``: the first reason why a row is not a bar, or null."""
    latest = int(now.timestamp() * 1e6)
    if _faultless(rows, latest):
        return rows.with_columns(reason=pl.lit(None, dtype=pl.String))
    body = pl.max_horizontal("open", "close")
    floor = pl.min_horizontal("open", "close")
    slack = _ROUNDING * pl.max_horizontal(pl.col(name).abs() for name in PRICES)
    missing = pl.any_horizontal(pl.col(name).is_null() for name in PRICES)
    infinite = pl.any_horizontal(
        ~pl.col(name).is_finite().fill_null(value=True) for name in (*PRICES, "volume")
    )
    crossed = (
        (pl.col("high") < body - slack)
        | (pl.col("low") > floor + slack)
        | (pl.col("low") > pl.col("high") + slack)
    )
    # Header and footer notes of an export, unless no timestamp at all can be read.
    read = rows["instant"].null_count() < rows.height
    note = (
        pl.lit(read)
        & pl.col("instant").is_null()
        & pl.all_horizontal(pl.col(name).is_null() for name in (*PRICES, "volume"))
        & pl.col("worded")
    )
    reason = (
        pl.when(pl.col("refused").is_not_null()).then("refused")
        .when(note).then(pl.lit("note"))
        .when("surplus").then(pl.lit("bad_row"))
        .when(pl.col("instant").is_null()).then(pl.lit("bad_timestamp"))
        .when(pl.col("text_in").is_not_null()).then(pl.lit("text_cell"))
        .when(missing | _blank(rows)).then(pl.lit("missing_price"))
        .when(infinite).then(pl.lit("non_finite"))
        .when(crossed).then(pl.lit("ohlc_order"))
        .when(pl.col("volume") < 0).then(pl.lit("negative_volume"))
        .when(pl.col("instant") > latest).then(pl.lit("future"))
    )  # fmt: skip
    judged = rows.with_columns(reason=reason)
    # Keep the first valid row per instant.
    rank = pl.when(pl.col("reason").is_null()).then("instant")
    twin = rank.is_not_null() & (pl.col("instant").cum_count().over(rank) > 1)
    if judged.select(rank.drop_nulls().is_duplicated().any()).item():
        judged = judged.with_columns(
            reason=pl.when(twin).then(pl.lit("repeated_timestamp")).otherwise("reason")
        )
    return judged


def _blank(rows: pl.DataFrame) -> pl.Series:
    """Whether all four prices are zero because data are missing.

    A row of zeros with a volume of zero is blank. Without a volume, zero may be a real price of
    a spread or interest rate. It counts as real if the table holds negative prices, or if the
    nearest other close is at most `_REACH` typical price steps away from zero.
    """
    zero = pl.all_horizontal(pl.col(name) == 0 for name in PRICES)
    zeros = rows.select(
        traded=(zero & (pl.col("volume") > 0)).fill_null(value=False),
        silent=(zero & (pl.col("volume") == 0)).fill_null(value=False),
        unknown=(zero & pl.col("volume").is_null()).fill_null(value=False),
    )
    if not zeros["unknown"].any():
        return zeros["silent"]
    closes = rows["close"].to_numpy()
    usable = np.isfinite(closes) & (closes != 0.0)
    steps = np.abs(np.diff(closes[usable]))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    size = pl.Series(np.where(usable, np.abs(closes), np.nan)).fill_nan(None)
    nearest = pl.select(pl.min_horizontal(size.forward_fill(), size.backward_fill())).to_series()
    far = (nearest > _REACH * step).fill_null(value=True) & (not (closes < 0).any())
    return zeros["silent"] | (zeros["unknown"] & far)


def _faultless(rows: pl.DataFrame, latest: int) -> bool:
    """Whether every row is a bar: the common case, checked cheaply."""
    instants = rows["instant"]
    if instants.has_nulls():
        return False
    if any(rows[name].null_count() != rows.height for name in ("text_in", "refused")):
        return False
    ordered = rows.select((pl.col("instant").diff().drop_nulls() > 0).all()).item()
    if not ordered or rows.height == 0 or instants[-1] > latest:
        return False
    price, low, high = pl.col("open", "close"), pl.col("low"), pl.col("high")
    whole = rows.select(
        pl.all_horizontal(
            (low <= price).all(),
            (high >= price).all(),
            ~((low == 0) & (high == 0)).any(),
            pl.col(*PRICES).is_finite().all(),
            pl.col(*PRICES).null_count() == 0,
            (pl.col("volume").fill_null(0.0) >= 0).all(),
            pl.col("volume").fill_null(0.0).is_finite().all(),
            ~pl.col("surplus").any(),
        )
    )
    return bool(whole.item())

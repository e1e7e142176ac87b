"""Quotes that cannot be used, each with the reason."""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["REASONS", "sorted_out"]

#: Why a quote is set aside: the first rule that it breaks.
REASONS: Final = {
    "unreadable": "instant, expiry, strike or right cannot be read, or the strike is not positive",
    "impossible": (
        "the expiry is more than 100 years off, a price or strike is above 10^12, or a strike is "
        "below 10^-9"
    ),
    "expired": "the quote is of a day after the expiry",
    "missing": "bid or ask is missing, or there is no ask",
    "negative": "bid is negative",
    "crossed": "bid is above ask",
    "stale": "the quote is older than allowed",
    "duplicate": "another quote of the option at the instant follows",
}
# No option runs so long or costs so much: such numbers come of a damaged file, and growth or
# discounting over them leaves what a number can hold.
_LONGEST_DAYS: Final = 36_525
_SMALLEST_STRIKE: Final = 1e-9
_LARGEST: Final = 1e12
_CONTRACT: Final = ("timestamp", "underlying", "expiry", "strike", "right")


def sorted_out(
    rows: pl.DataFrame, zone: str, stale_after: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separate quotes that can be used from those that cannot.

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical rows.
    zone : str
        IANA zone whose days those of expiry are.
    stale_after : float
        Seconds from which a quote is stale, where the file says how old it is.

    Returns
    -------
    usable : polars.DataFrame
        By instant, expiry, strike and right.
    set_aside : polars.DataFrame
        The same columns and ``reason``. No row is in neither.
    """
    day = pl.col("timestamp").dt.convert_time_zone(zone).dt.date()
    prices = pl.col("strike", "bid", "ask", "underlying_price")
    broken = {
        "unreadable": pl.any_horizontal(
            pl.col(name).is_null() for name in ("timestamp", "expiry", "strike", "right")
        )
        | (pl.col("strike") <= 0.0),
        "impossible": (pl.col("expiry").cast(pl.Int32) - day.cast(pl.Int32) > _LONGEST_DAYS)
        | (pl.col("strike") < _SMALLEST_STRIKE)
        | pl.any_horizontal(prices.abs() > _LARGEST),
        "expired": day > pl.col("expiry"),
        "missing": pl.col("bid").is_null() | pl.col("ask").is_null() | (pl.col("ask") <= 0.0),
        "negative": pl.col("bid") < 0.0,
        "crossed": pl.col("bid") > pl.col("ask"),
        "stale": pl.col("quote_age") > stale_after,
    }
    reason = pl.lit(None, pl.String)
    for name in reversed(broken):
        reason = pl.when(broken[name].fill_null(False)).then(pl.lit(name)).otherwise(reason)
    told = rows.with_columns(reason=reason)
    good = told.filter(pl.col("reason").is_null())
    again = ~good.select(pl.struct(_CONTRACT).is_last_distinct()).to_series()
    repeated = good.filter(again).with_columns(reason=pl.lit("duplicate"))
    usable = good.filter(~again).drop("reason").sort(*_CONTRACT)
    return usable, pl.concat([told.filter(pl.col("reason").is_not_null()), repeated])

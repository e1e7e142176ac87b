"""Two sources of the same bars, compared where they overlap."""

from __future__ import annotations

from typing import Final

import polars as pl

from engine.tables.columns import PRICES
from mc_assets.market_data.quality.findings import QualityFinding, finding
from mc_assets.market_data.severities import QualityConfig

__all__ = ["DISAGREEMENT", "compare_bars"]

DISAGREEMENT: Final = "provider_disagreement"


def compare_bars(
    bars: pl.DataFrame,
    other: pl.DataFrame,
    quality: QualityConfig,
    name: str = "the other source",
) -> QualityFinding:
    """Compare bars with those of another provider, or of another fetch.

    Parameters
    ----------
    bars, other : polars.DataFrame
        Canonical bars of one series each.
    quality : QualityConfig
        `overlap_tolerance` is the largest relative difference of a price that is agreement.
    name : str
        What messages call `other`.

    Returns
    -------
    QualityFinding
        ``provider_disagreement``: bars in which a price differs, and bars inside the range
        of both that one of them lacks. ``value`` is the largest relative difference.
    """
    if bars.is_empty() or other.is_empty():
        return finding(DISAGREEMENT, quality)
    both = bars.select("timestamp", *PRICES).join(
        other.select("timestamp", *PRICES), on="timestamp", how="full", suffix="_other",
        coalesce=True,
    )  # fmt: skip
    first = max(frame["timestamp"][0] for frame in (bars, other))
    last = min(frame["timestamp"][-1] for frame in (bars, other))
    both = both.filter(pl.col("timestamp").is_between(first, last)).sort("timestamp")
    differences = [
        (pl.col(name) - pl.col(f"{name}_other")).abs()
        / pl.max_horizontal(pl.col(name).abs(), pl.col(f"{name}_other").abs())
        for name in PRICES
    ]
    difference = pl.max_horizontal(item.fill_nan(0.0) for item in differences)
    day = pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%MZ")
    lacking = pl.col("close").is_null() | pl.col("close_other").is_null()
    # Show the price that differs most.
    shown = pl.coalesce(
        pl.when((item == difference).fill_null(value=False)).then(
            pl.format(f"{column} {{}}, {{}} has {{}}", column, pl.lit(name), f"{column}_other")
        )
        for column, item in zip(reversed(PRICES), reversed(differences), strict=True)
    )
    message = (
        pl.when(pl.col("close").is_null())
        .then(pl.format("{}: found no bar, {} has close {}", day, pl.lit(name), "close_other"))
        .when(pl.col("close_other").is_null())
        .then(pl.format("{}: found close {}, {} has no bar", day, "close", pl.lit(name)))
        .otherwise(pl.format("{}: found {}{}", day, shown, pl.lit(_adjustments(bars, other))))
    )
    rows = both.filter(lacking | (difference > quality.overlap_tolerance)).select(
        "timestamp", value=difference, message=message
    )
    return finding(DISAGREEMENT, quality, rows)


def _adjustments(bars: pl.DataFrame, other: pl.DataFrame) -> str:
    """Mention different adjustments, which may explain the difference."""
    mine, theirs = (
        ", ".join(sorted(frame["adjustment"].unique().to_list())) for frame in (bars, other)
    )
    return "" if mine == theirs else f" (adjustment: {mine} here, {theirs} there)"

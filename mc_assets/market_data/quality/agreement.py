"""Two sources of the same bars, compared where they overlap."""

from __future__ import annotations

import polars as pl

from mc_assets.market_data.canonical import PRICES
from mc_assets.market_data.quality.findings import QualityFinding, finding
from mc_assets.market_data.severities import QualityConfig

__all__ = ["compare_bars"]


def compare_bars(bars: pl.DataFrame, other: pl.DataFrame, quality: QualityConfig) -> QualityFinding:
    """Compare bars with those of another provider, or of another fetch.

    Parameters
    ----------
    bars, other : polars.DataFrame
        Canonical bars of one series each.
    quality : QualityConfig
        `overlap_tolerance` is the largest relative difference of a price that is agreement.

    Returns
    -------
    QualityFinding
        ``provider_disagreement``: bars in which a price differs, and bars inside the range
        of both that one of them lacks. ``value`` is the largest relative difference.
    """
    both = bars.select("timestamp", *PRICES).join(
        other.select("timestamp", *PRICES), on="timestamp", how="full", suffix="_other",
        coalesce=True,
    )  # fmt: skip
    if bars.is_empty() or other.is_empty():
        both = both.clear()
    else:
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
    message = (
        pl.when(pl.col("close").is_null())
        .then(pl.format("{}: found no bar where the other source has close {}", day, "close_other"))
        .when(pl.col("close_other").is_null())
        .then(pl.format("{}: found close {} where the other source has no bar", day, "close"))
        .otherwise(
            pl.format("{}: found close {}, the other source has {}", day, "close", "close_other")
        )
    )
    rows = both.filter(lacking | (difference > quality.overlap_tolerance)).select(
        "timestamp", value=difference, message=message
    )
    return finding("provider_disagreement", quality, rows)

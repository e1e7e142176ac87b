"""Checks on the values of bars: prices, volumes, moves."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.tables.columns import PRICES
from mc_assets.market_data.quality.findings import QualityFinding, finding
from mc_assets.market_data.repair import rescaled, unit_scales
from mc_assets.market_data.severities import QualityConfig

__all__ = ["value_findings"]

# Ratios at which companies split or consolidate shares, above 1.
_SPLITS: Final = np.array(
    [3 / 2, 5 / 3, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50]
)
# Overnight move allowed in addition to a split, and the fraction of the outlier threshold that a
# move at a split ratio must exceed.
_SPLIT_SLACK: Final = 0.03
_SPLIT_SHARE: Final = 1 / 3
_MAD_TO_SIGMA: Final = 1.4826


def value_findings(bars: pl.DataFrame, quality: QualityConfig) -> list[QualityFinding]:
    """Judge the values of bars that are already canonical.

    Parameters
    ----------
    bars : polars.DataFrame
        Canonical bars of one series, oldest first.
    quality : QualityConfig
        Severities and thresholds.

    Returns
    -------
    list of QualityFinding
        ``non_positive_price``, ``zero_volume``, ``missing_volume``, ``stale``, ``unit_error``,
        ``unadjusted_split`` and ``outlier``, in this order.
    """
    return [
        _non_positive(bars, quality),
        _volume(bars, pl.col("volume") == 0, "zero_volume", "no volume, allowed > 0", quality),
        _volume(
            bars,
            pl.col("volume").is_null(),
            "missing_volume",
            "no figure of the volume, allowed one",
            quality,
        ),
        _stale(bars, quality),
        *_jumps(bars, quality),
    ]


def _non_positive(bars: pl.DataFrame, quality: QualityConfig) -> QualityFinding:
    lowest = pl.min_horizontal(PRICES)
    rows = bars.filter(lowest <= 0).select(
        "timestamp",
        value=lowest,
        message=pl.format("{}: found the price {}, allowed > 0", _day(), lowest),
    )
    return finding("non_positive_price", quality, rows)


def _volume(
    bars: pl.DataFrame, mask: pl.Expr, check: str, found: str, quality: QualityConfig
) -> QualityFinding:
    # Series without any volume (spot prices, indices) do not publish it, which is fine.
    rows = bars.filter(mask & (pl.col("volume").max() > 0)).select(
        "timestamp", value="volume", message=pl.format("{}: found " + found, _day())
    )
    return finding(check, quality, rows)


def _stale(bars: pl.DataFrame, quality: QualityConfig) -> QualityFinding:
    flat = pl.all_horizontal(pl.col(name) == pl.col("close") for name in PRICES)
    same = flat & (pl.col("close") == pl.col("close").shift(1)).fill_null(value=False)
    # A run consists of its first bar and the unchanged bars after it.
    runs = (
        bars.select("timestamp", "close", flat=flat, run=(~same).cum_sum())
        .filter("flat")
        .group_by("run", maintain_order=True)
        .agg(pl.first("timestamp"), value=pl.len().cast(pl.Float64), price=pl.first("close"))
        .filter(pl.col("value") >= quality.stale_bars)
    )
    rows = runs.select(
        "timestamp",
        "value",
        message=pl.format(
            "{}: found the price {} for {} bars, allowed fewer than {}",
            _day(), "price", pl.col("value").cast(pl.Int64), pl.lit(quality.stale_bars),
        ),
    )  # fmt: skip
    return finding("stale", quality, rows)


def _jumps(bars: pl.DataFrame, quality: QualityConfig) -> list[QualityFinding]:
    """Classify large moves: unit errors, splits, outliers."""
    table = bars.select(PRICES).to_numpy()
    scales = unit_scales(table)
    # Splits and outliers are judged on rescaled prices; otherwise a unit error would count twice.
    opening, high, low, close = rescaled(table, scales).T
    count = len(close)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.zeros(count)
        returns[1:] = np.diff(close) / np.abs(close[:-1])
        gap = np.ones(count)
        gap[1:] = opening[1:] / close[:-1]
        spike = np.maximum(
            high / np.maximum(opening, close) - 1.0, 1.0 - low / np.minimum(opening, close)
        )
    spike = np.where(np.isfinite(spike), np.abs(spike), 0.0)
    ratio = np.where(gap > 0, np.maximum(gap, 1.0 / np.maximum(gap, 1e-300)), 1.0)
    split = np.zeros(count, dtype=bool)
    large = np.flatnonzero(ratio > 1.4)
    if len(large):
        distance = np.abs(ratio[large, None] / _SPLITS - 1.0).min(axis=1)
        split[large] = distance < _SPLIT_SLACK
    sigmas = quality.outlier_sigmas
    split &= _beyond(returns, np.abs(gap - 1.0), sigmas * _SPLIT_SHARE, quality)
    outlier = _beyond(returns, np.maximum(np.abs(returns), spike), sigmas, quality) & ~split
    return [
        _unit_errors(bars, scales, quality),
        _report(
            bars, split, gap, "unadjusted_split", quality,
            "{}: found an opening at {} times the close before it, as after a split; "
            "allowed prices adjusted for splits, or a factor table",
        ),
        _report(
            bars, outlier, np.where(spike > np.abs(returns), spike, returns), "outlier", quality,
            "{}: found a move of {}, far beyond the moves before it",
        ),
    ]  # fmt: skip


def _beyond(
    returns: NDArray[np.float64],
    sizes: NDArray[np.float64],
    sigmas: float,
    quality: QualityConfig,
) -> NDArray[np.bool_]:
    """Whether moves exceed a number of robust standard deviations of the window before.

    Only the moves above `outlier_minimum` are compared with their window: a rolling median
    over ten million minutes would cost more than everything else together.
    """
    far = np.zeros(len(returns), dtype=bool)
    sizes = np.where(np.isfinite(sizes), sizes, np.inf)
    for place in np.flatnonzero(sizes > quality.outlier_minimum):
        before = np.abs(returns[max(place - quality.outlier_window, 1) : place])
        before = before[np.isfinite(before)]
        sigma = _MAD_TO_SIGMA * float(np.median(before)) if len(before) >= 5 else 0.0
        far[place] = sizes[place] > sigmas * sigma
    return far


def _unit_errors(
    bars: pl.DataFrame, scales: NDArray[np.int64], quality: QualityConfig
) -> QualityFinding:
    # Few bars are wrong, so messages are made only for those.
    places = np.flatnonzero(scales.any(axis=1))
    scales = scales[places]
    wrong = pl.DataFrame(scales != 0, schema=list(PRICES))
    names = pl.concat_list(pl.when(wrong[name]).then(pl.lit(name)) for name in PRICES)
    large = pl.Series(np.abs(scales).max(axis=1) == scales.max(axis=1))
    size = pl.when(large).then(pl.lit("large")).otherwise(pl.lit("small"))
    rows = bars[places].select(
        "timestamp",
        value="close",
        message=pl.format(
            "{}: found {} 100 times too {} (close {}), allowed one unit (set repair: true)",
            _day(), names.list.drop_nulls().list.join(", "), size, "close",
        ),
    )  # fmt: skip
    return finding("unit_error", quality, rows)


def _report(
    bars: pl.DataFrame,
    mask: NDArray[np.bool_],
    values: NDArray[np.float64],
    check: str,
    quality: QualityConfig,
    template: str,
) -> QualityFinding:
    rows = (
        bars.select("timestamp", value=pl.Series(values))
        .filter(pl.Series(mask))
        .with_columns(message=pl.format(template, _day(), pl.col("value").round(4)))
    )
    return finding(check, quality, rows)


def _day() -> pl.Expr:
    return pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%MZ")

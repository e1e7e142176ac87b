"""What the metadata of an asset say of a study's best parameter set."""

from typing import Any

import polars as pl

__all__ = ["best_by_mean", "best_metadata"]

_RANKED_BY = "mean_net_pnl"


def best_by_mean(statistics: pl.DataFrame) -> dict[str, Any] | None:
    """Return the row of the best set by mean net P&L; None of rows without net P&L."""
    ranked = statistics.filter(pl.col("statistic") == _RANKED_BY)
    best = ranked.sort("supported", "estimate", nulls_last=False).tail(1)
    return None if best.is_empty() else best.row(0, named=True)


def best_metadata(best: dict[str, Any] | None) -> dict[str, Any]:
    """Return its estimate and error as metadata; empty where there is none."""
    if best is None:
        return {}
    return {
        f"best_{_RANKED_BY}": best["estimate"],
        f"best_{_RANKED_BY}_std_error": best["std_error"],
    }

"""Columns of the table `panel`, kept apart from what makes it, which compiles."""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["PANEL_SCHEMA"]

PANEL_SCHEMA: Final = pl.Schema(
    {
        **dict.fromkeys(("strategy", "symbol", "timeframe"), pl.String),
        "as_of": pl.Date,
        **dict.fromkeys(("statistic", "world", "kind", "status"), pl.String),
        "realism": pl.Float64,
        **dict.fromkeys(("set_id", "parameters"), pl.String),
        **dict.fromkeys(("estimate", "std_error", "ci_low", "ci_high"), pl.Float64),
        "n": pl.Int64,
        "idle_share": pl.Float64,
        "best": pl.Boolean,
        **dict.fromkeys(("regret", "regret_error", "worst_regret"), pl.Float64),
        "minimax": pl.Boolean,
    }
)

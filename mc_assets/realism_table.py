"""Columns of the table `source_realism`."""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["REALISM_SCHEMA"]

REALISM_SCHEMA: Final = pl.Schema(
    {
        "symbol": pl.String,
        "timeframe": pl.String,
        "as_of": pl.Date,
        "model": pl.String,
        "estimator_version": pl.String,
        "statistic": pl.String,
        "history": pl.Float64,
        "simulated": pl.Float64,
        "simulated_sd": pl.Float64,
        "monte_carlo_error": pl.Float64,
        "percentile": pl.Float64,
        "z_score": pl.Float64,
        "inside": pl.Boolean,
        "bars": pl.Int64,
        "paths": pl.Int64,
        "score": pl.Float64,
    }
)

"""Quality checks of bars: a severity each, a table behind them."""

from __future__ import annotations

from mc_assets.market_data.quality.agreement import compare_bars
from mc_assets.market_data.quality.findings import QUALITY_SCHEMA, QualityFinding
from mc_assets.market_data.quality.year import check_bars

__all__ = ["QUALITY_SCHEMA", "QualityFinding", "check_bars", "compare_bars"]

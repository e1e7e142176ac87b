"""The group ``equity_curve``: what equity did on its way, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["GROUP"]

GROUP: Final = MetricGroup(
    "equity_curve",
    1,
    MappingProxyType(
        {
            "peak_equity": "highest equity at a close, the starting cash included",
            "lowest_equity": "lowest equity at a close, the starting cash included",
            "ulcer_index": "root of the mean square drawdown over all bars",
            "conditional_drawdown": "mean drawdown of the deepest twentieth of the bars, above 0",
            "time_under_water": "share of bars that closed below an earlier peak",
            "lagged_products": "weighted sum of the products of returns with those before them",
        }
    ),
    "engine.execution.curve_metrics:measure",
)

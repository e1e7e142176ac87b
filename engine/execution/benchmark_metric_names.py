"""The group ``benchmark``: the same path bought and held, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["GROUP"]

GROUP: Final = MetricGroup(
    "benchmark",
    1,
    MappingProxyType(
        {
            "benchmark_return": "of the symbols in equal parts, bought at the first open and held",
            "excess_return": "`total_return` less `benchmark_return`",
            "benchmark_sum": "sum of the benchmark's returns above `risk_free_rate`",
            "benchmark_squares": "sum of their squares",
            "benchmark_products": "sum of their products with the account's returns",
        }
    ),
    "engine.execution.benchmark_metrics:measure",
)
